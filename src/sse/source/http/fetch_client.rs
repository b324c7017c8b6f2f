//! The browser's HTTP client: reqwest over `fetch`, and the options that only it has.

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use reqwest::{Response, header::HeaderValue};
use send_wrapper::SendWrapper;

use crate::sse::{
    HttpConnector, SourceBuilder,
    source::http::{CheckedHttpRequest, HttpFailure},
};

// Under the names by which the connector selects them.
pub(crate) use self::{FetchClient as HttpClient, FetchOptions as HttpOptions};

/// The options of the browser's client.
#[derive(Clone, Default)]
pub(crate) struct FetchOptions {
    pub(crate) with_credentials: bool,
}

impl FetchOptions {
    #[allow(clippy::unnecessary_wraps, reason = "natively it can fail")]
    pub(crate) fn client(&self) -> Result<FetchClient, HttpFailure> {
        Ok(FetchClient {
            client: reqwest::Client::new(),
            with_credentials: self.with_credentials,
        })
    }
}

/// Sends requests. The browser follows redirects.
#[derive(Clone)]
pub(crate) struct FetchClient {
    client: reqwest::Client,
    with_credentials: bool,
}

impl FetchClient {
    pub(crate) fn send(
        self,
        request: CheckedHttpRequest,
    ) -> BoxFuture<'static, Result<Response, HttpFailure>> {
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

/// Browser only.
impl<P> SourceBuilder<HttpConnector<P>> {
    /// Sets whether cookies and other credentials are sent to another origin, as by
    /// `withCredentials` of the browser's `EventSource`. By default they are sent to the page's
    /// own origin only.
    pub fn with_credentials(self, with: bool) -> Self {
        self.map(|mut connector| {
            connector.options.with_credentials = with;
            connector
        })
    }
}

/// Returns the body of a response as it arrives.
pub(crate) fn body(response: Response) -> BoxStream<'static, Result<Bytes, HttpFailure>> {
    let pieces = response.bytes_stream();
    SendWrapper::new(pieces.map(|piece| piece.map_err(Into::into))).boxed()
}

/// Returns the value of a header, or `None` if reqwest does not pass `text` on to `fetch`.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    let value = HeaderValue::from_str(text).ok()?;
    value.to_str().is_ok().then_some(value)
}
