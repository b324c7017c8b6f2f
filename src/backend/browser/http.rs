//! HTTP by reqwest over `fetch`.

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use reqwest::{Response, header::HeaderValue};
use send_wrapper::SendWrapper;

use crate::backend::http::{Failure, Request};

/// What only a browser can be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    pub(crate) with_credentials: bool,
}

impl Setup {
    #[allow(clippy::unnecessary_wraps, reason = "natively it can fail")]
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client {
            client: reqwest::Client::new(),
            with_credentials: self.with_credentials,
        })
    }
}

/// Makes requests; it is the browser that follows redirects.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    client: reqwest::Client,
    with_credentials: bool,
}

impl Client {
    pub(crate) fn send(self, request: Request) -> BoxFuture<'static, Result<Response, Failure>> {
        let mut builder = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            // As the page's own `EventSource` does it (WHATWG HTML § 9.2.2).
            .fetch_cache_no_store();
        if self.with_credentials {
            builder = builder.fetch_credentials_include();
        }
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let sending = async move { builder.send().await.map_err(Into::into) };
        SendWrapper::new(sending).boxed()
    }
}

/// The body of a response as it arrives.
pub(crate) fn body(response: Response) -> BoxStream<'static, Result<Bytes, Failure>> {
    let pieces = response.bytes_stream();
    SendWrapper::new(pieces.map(|piece| piece.map_err(Into::into))).boxed()
}

/// Text as a header carries it; `None` for what reqwest does not give `fetch`.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok()?;
    value.to_str().is_ok().then_some(value)
}
