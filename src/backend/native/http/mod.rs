//! HTTP by reqwest over hyper.

mod redirect;

use std::{io, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use reqwest::{
    ClientBuilder, Response,
    header::{CACHE_CONTROL, HeaderValue},
};

use self::redirect::Next;
use super::tls::Tls;
use crate::backend::http::{Failure, Request};

/// What only a native client can be told.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) redirect_limit: usize,
    /// One that the program has configured.
    pub(crate) client: Option<Result<reqwest::Client, Failure>>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            // That of browsers (Fetch § 4.4).
            redirect_limit: 20,
            client: None,
        }
    }
}

impl Setup {
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let client = match &self.client {
            Some(client) => client.clone()?,
            None => build(|builder| builder)?,
        };
        Ok(Client {
            client,
            redirect_limit: self.redirect_limit,
        })
    }
}

/// Makes a client of what `configure` is given and changes.
///
/// TLS has been configured by then: reqwest by itself would panic in a process that has not
/// installed a cryptography provider. Redirects are followed here and not by reqwest, which
/// compares only the last two origins: at the second redirect to a foreign one it gives that the
/// `Authorization` after all. Connections are not kept for later: whoever comes back does so
/// because one did not do.
pub(crate) fn build(
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<reqwest::Client, Failure> {
    let builder = ClientBuilder::new()
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true);
    let builder = Tls::configure(builder).map_err(|error| Failure::Tls(Arc::new(error)))?;
    let builder = configure(builder).redirect(reqwest::redirect::Policy::none());
    Ok(builder.build()?)
}

/// Makes requests, and follows redirects.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    client: reqwest::Client,
    redirect_limit: usize,
}

impl Client {
    pub(crate) fn send(self, request: Request) -> BoxFuture<'static, Result<Response, Failure>> {
        self.follow(request).boxed()
    }

    async fn follow(self, mut request: Request) -> Result<Response, Failure> {
        let mut redirects = 0;
        loop {
            let response = self.once(&request).await?;
            match redirect::next(&mut request, &response)? {
                Next::Stay => return Ok(response),
                Next::Go if redirects < self.redirect_limit => redirects += 1,
                Next::Go if self.redirect_limit == 0 => return Ok(response),
                Next::Go => {
                    return Err(Failure::Redirect(response.status(), "too many redirects"));
                }
            }
        }
    }

    async fn once(&self, request: &Request) -> Result<Response, Failure> {
        if request.url.scheme() == "https" && !Tls::SUPPORTED {
            let problem = "https: needs one of the TLS features";
            let error = io::Error::new(io::ErrorKind::Unsupported, problem);
            return Err(Failure::Tls(Arc::new(error)));
        }
        let mut headers = request.headers.clone();
        // A cache in between is not to answer (WHATWG HTML § 9.2.2: cache mode "no-store").
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache"));
        let mut builder = self
            .client
            .request(request.method.clone(), request.url.clone())
            .headers(headers);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        Ok(builder.send().await?)
    }
}

/// The body of a response as it arrives.
pub(crate) fn body(response: Response) -> BoxStream<'static, Result<Bytes, Failure>> {
    response
        .bytes_stream()
        .map(|piece| piece.map_err(Into::into))
        .boxed()
}

/// Text as a header carries it, in UTF-8; `None` for what it cannot carry.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
