//! The native HTTP client: reqwest over hyper, and what only it can be told.

mod redirect;

use std::{io, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::BoxStream};
use reqwest::{
    ClientBuilder, Response,
    header::{CACHE_CONTROL, HeaderValue},
};

use self::redirect::Redirected;
use crate::{
    native::backend::tls::Tls,
    sse::{
        HttpConnector, SourceBuilder,
        source::http::{CheckedHttpRequest, HttpFailure},
    },
};

// Under the names by which the connector selects them.
pub(crate) use self::{NativeHttpClient as HttpClient, NativeHttpOptions as HttpOptions};

/// What only a native client can be told.
#[derive(Debug, Clone)]
pub(crate) struct NativeHttpOptions {
    pub(crate) redirect_limit: usize,
    /// One that the program has configured.
    pub(crate) client: Option<Result<reqwest::Client, HttpFailure>>,
}

impl Default for NativeHttpOptions {
    fn default() -> Self {
        Self {
            // That of browsers (Fetch § 4.4).
            redirect_limit: 20,
            client: None,
        }
    }
}

impl NativeHttpOptions {
    pub(crate) fn client(&self) -> Result<NativeHttpClient, HttpFailure> {
        let client = match &self.client {
            Some(client) => client.clone()?,
            None => build(|builder| builder)?,
        };
        Ok(NativeHttpClient {
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
) -> Result<reqwest::Client, HttpFailure> {
    let builder = ClientBuilder::new()
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true);
    let builder = Tls::configure(builder).map_err(|error| HttpFailure::Tls(Arc::new(error)))?;
    let builder = configure(builder).redirect(reqwest::redirect::Policy::none());
    Ok(builder.build()?)
}

/// Makes requests, and follows redirects.
#[derive(Debug, Clone)]
pub(crate) struct NativeHttpClient {
    client: reqwest::Client,
    redirect_limit: usize,
}

impl NativeHttpClient {
    pub(crate) fn send(
        self,
        request: CheckedHttpRequest,
    ) -> BoxFuture<'static, Result<Response, HttpFailure>> {
        self.follow(request).boxed()
    }

    async fn follow(self, mut request: CheckedHttpRequest) -> Result<Response, HttpFailure> {
        let mut redirects = 0;
        loop {
            let response = self.once(&request).await?;
            match redirect::next(&mut request, &response)? {
                Redirected::No => return Ok(response),
                Redirected::Yes if redirects < self.redirect_limit => redirects += 1,
                Redirected::Yes if self.redirect_limit == 0 => return Ok(response),
                Redirected::Yes => {
                    return Err(HttpFailure::Redirect(
                        response.status(),
                        "too many redirects",
                    ));
                }
            }
        }
    }

    async fn once(&self, request: &CheckedHttpRequest) -> Result<Response, HttpFailure> {
        if request.url.scheme() == "https" && !Tls::SUPPORTED {
            let problem = "https: needs one of the TLS features";
            let error = io::Error::new(io::ErrorKind::Unsupported, problem);
            return Err(HttpFailure::Tls(Arc::new(error)));
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

/// Native only.
impl<P> SourceBuilder<HttpConnector<P>> {
    /// How many redirects are followed; the default is 20. One more is an error of kind
    /// [`Redirect`](crate::sse::SourceErrorKind::Redirect); with 0 none is followed, and the first
    /// one an error of kind [`Status`](crate::sse::SourceErrorKind::Status).
    pub fn redirect_limit(self, redirects: usize) -> Self {
        self.map(|mut connector| {
            connector.options.redirect_limit = redirects;
            connector
        })
    }

    /// Makes requests with a client that is configured otherwise than the one that `configure` is
    /// given: with a proxy, cookies, a TLS configuration of the program's own.
    ///
    /// Redirects stay a matter of [`redirect_limit`](Self::redirect_limit), whatever it says about
    /// them. A header that it adds to every request is added after a redirect to another origin,
    /// too: give an `Authorization` by [`header`](Self::header) instead.
    ///
    /// ```
    /// use wsio::sse::EventSource;
    ///
    /// let source = EventSource::http("http://example.com/events")
    ///     .client(|client| client.user_agent("example/1.0").no_proxy())
    ///     .build();
    /// ```
    pub fn client(
        self,
        configure: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        self.map(|mut connector| {
            connector.options.client = Some(build(configure));
            connector
        })
    }
}

/// The body of a response as it arrives.
pub(crate) fn body(response: Response) -> BoxStream<'static, Result<Bytes, HttpFailure>> {
    response
        .bytes_stream()
        .map(|piece| piece.map_err(Into::into))
        .boxed()
}

/// Text as a header carries it, in UTF-8; `None` for what it cannot carry.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
