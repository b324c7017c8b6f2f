//! The native HTTP client: reqwest over hyper, and the options that only it has.

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
    backend::Tls,
    sse::{
        HttpConnector, SourceBuilder,
        source::http::{CheckedHttpRequest, HttpFailure},
    },
};

// Under the names by which the connector selects them.
pub(crate) use self::{NativeHttpClient as HttpClient, NativeHttpOptions as HttpOptions};

/// The options of the native client.
#[derive(Clone)]
pub(crate) struct NativeHttpOptions {
    pub(crate) redirect_limit: usize,
    /// The client that the program has configured.
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

/// Makes a client, configured by `configure`.
///
/// TLS is configured before that: reqwest by itself would panic in a process that has not
/// installed a cryptography provider. Redirects are followed here and not by reqwest, which
/// compares only the last two origins: after a second redirect within a foreign origin, it would
/// send `Authorization` to it. Connections are not pooled: an event source reconnects because one
/// has failed.
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

/// Sends requests, and follows redirects.
#[derive(Clone)]
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
    /// Sets how many redirects are followed. The default is 20. One more is an error of kind
    /// [`Redirect`](crate::sse::SourceErrorKind::Redirect). With 0, none is followed, and a
    /// redirect is an error of kind [`Status`](crate::sse::SourceErrorKind::Status).
    pub fn redirect_limit(self, redirects: usize) -> Self {
        self.map(|mut connector| {
            connector.options.redirect_limit = redirects;
            connector
        })
    }

    /// Configures the HTTP client: a proxy, cookies, a TLS configuration of the program's own.
    ///
    /// [`redirect_limit`](Self::redirect_limit) replaces any redirect policy set here. A default
    /// header set here is also sent after a redirect to another origin: set `Authorization` by
    /// [`header`](Self::header) instead.
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

/// Returns the body of a response as it arrives.
pub(crate) fn body(response: Response) -> BoxStream<'static, Result<Bytes, HttpFailure>> {
    response
        .bytes_stream()
        .map(|piece| piece.map_err(Into::into))
        .boxed()
}

/// Returns the value of a header, in UTF-8, or `None` if a header cannot carry `text`.
pub(crate) fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
