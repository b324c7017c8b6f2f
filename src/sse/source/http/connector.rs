//! The connector over HTTP.

use std::{error::Error as StdError, fmt, future::Future};

use bytes::Bytes;

use super::{
    super::{
        Attempt, Connector, EventSource, SourceBuilder, SourceError,
        prepare::{Prepare, PreparedConnection},
    },
    CheckedHttpRequest, HttpBody, HttpClient, HttpOptions, HttpRequest, response,
};

/// Makes the connections of an event source by HTTP, with reqwest; in a browser that is `fetch`.
///
/// The response has to have status 200 and the content type `text/event-stream`. Its body is read
/// as it arrives. The last event id travels as the header `Last-Event-ID`. An id that a header
/// cannot carry unchanged (control characters, spaces at its ends, in a browser also anything
/// outside of ASCII) travels as the query parameter `lastEventId` instead.
///
/// # Redirects
///
/// 301, 302, 303, 307 and 308 are followed as browsers do (Fetch § 4.4): `Location` may be
/// relative; a POST becomes a GET after 301 and 302, any method does after 303; `Authorization`,
/// `Cookie` and `Proxy-Authorization` are sent neither to another origin nor on from there.
/// Natively `redirect_limit` sets how many are followed, 20 by default; a browser follows as many
/// by itself.
///
/// # In a browser
///
/// For requests to another origin the server has to allow `Last-Event-ID` and any header of your
/// own (`Access-Control-Allow-Headers`), and to expose `Retry-After`
/// (`Access-Control-Expose-Headers`). Over HTTP/1.1 a browser opens at most six connections to a
/// server, over all pages: further event sources wait until one of them ends, and their attempts
/// time out. WebSockets do not count. When a connection breaks, a browser discards the bytes that
/// were not read yet; the server sends those events again.
///
/// # Natively
///
/// Proxies are taken from the environment. `https:` needs one of the TLS features of this crate.
/// With a feature for rustls, a `reqwest::Client` that the program makes by itself panics unless
/// the program has installed a cryptography provider (rustls'
/// `CryptoProvider::install_default`) or enables reqwest's feature `rustls`. This connector does
/// not need either.
#[derive(Clone)]
pub struct HttpConnector<P = ()> {
    request: HttpRequest,
    prepare: P,
    pub(crate) options: HttpOptions,
    client: Option<HttpClient>,
}

impl HttpConnector {
    /// Creates a connector that sends `request` for each connection.
    #[must_use]
    pub fn new(request: HttpRequest) -> Self {
        Self {
            request,
            prepare: (),
            options: HttpOptions::default(),
            client: None,
        }
    }
}

impl<P> fmt::Debug for HttpConnector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnector")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

impl EventSource<HttpConnector> {
    /// Returns a builder of an event source over HTTP.
    ///
    /// ```
    /// use wsio::sse::EventSource;
    ///
    /// let source = EventSource::http("https://example.com/answers")
    ///     .method("POST")
    ///     .header("Authorization", "Bearer …")
    ///     .header("Content-Type", "application/json")
    ///     .body(r#"{"question": 42}"#)
    ///     .build();
    /// ```
    pub fn http(url: impl Into<String>) -> SourceBuilder<HttpConnector> {
        Self::builder(HttpConnector::new(HttpRequest::new(url)))
    }
}

/// Over HTTP.
impl<P> SourceBuilder<HttpConnector<P>> {
    /// Sets the method of the request. The default is GET.
    pub fn method(self, method: impl Into<String>) -> Self {
        self.change_request(|request| request.method(method))
    }

    /// Sets a header of the request; see [`HttpRequest::header`].
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.change_request(|request| request.header(name, value))
    }

    /// Sets the header `Authorization` to a name and a password; see [`HttpRequest::basic_auth`].
    pub fn basic_auth(self, name: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        self.change_request(|request| request.basic_auth(name, password))
    }

    /// Sets the body of the request. It is sent with every attempt, so the server has to expect
    /// the request more than once.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.change_request(|request| request.body(body))
    }

    /// Makes a new URL for each attempt, with a fresh token for example.
    ///
    /// If the closure fails, the attempt fails: with an error of kind
    /// [`Prepare`](crate::sse::SourceErrorKind::Prepare), which is retried, or with the
    /// [`SourceError`] that the closure returns.
    pub fn url_with<F, Fut, U, E>(
        self,
        mut url: F,
    ) -> SourceBuilder<
        HttpConnector<
            impl Prepare<
                HttpRequest,
                Error = E,
                Preparing = impl Future<Output = Result<HttpRequest, E>>,
            >,
        >,
    >
    where
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<U, E>>,
        U: Into<String>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.prepare_with(move |request: HttpRequest, attempt| {
            let url = url(attempt);
            async move { Ok(request.url(url.await?)) }
        })
    }

    /// Makes a new request for each attempt from the configured one. Errors are those of
    /// [`url_with`](Self::url_with).
    ///
    /// ```
    /// use std::io;
    /// use wsio::sse::{Attempt, EventSource, HttpRequest};
    ///
    /// async fn token() -> io::Result<String> {
    /// #   Ok(String::new()) }
    ///
    /// let source = EventSource::http("https://example.com/events")
    ///     .prepare_with(|request: HttpRequest, _attempt: Attempt| async move {
    ///         let token = token().await?;
    ///         Ok::<_, io::Error>(request.header("Authorization", format!("Bearer {token}")))
    ///     })
    ///     .build();
    /// ```
    pub fn prepare_with<F, Fut, E>(self, prepare: F) -> SourceBuilder<HttpConnector<F>>
    where
        F: FnMut(HttpRequest, Attempt) -> Fut,
        Fut: Future<Output = Result<HttpRequest, E>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.map(|connector| HttpConnector {
            request: connector.request,
            prepare,
            options: connector.options,
            client: connector.client,
        })
    }

    fn change_request(self, change: impl FnOnce(HttpRequest) -> HttpRequest) -> Self {
        self.map(|connector| HttpConnector {
            request: change(connector.request),
            ..connector
        })
    }
}

impl<P: Prepare<HttpRequest>> Connector for HttpConnector<P> {
    type Error = SourceError;
    type Body = HttpBody;
    type Connecting = PreparedConnection<P::Preparing, HttpRequest, HttpBody>;

    fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
        let client = match &self.client {
            Some(client) => Ok(client.clone()),
            None => self.options.client(),
        };
        self.client = client.as_ref().ok().cloned();
        let id = attempt.last_event_id.clone();
        let preparing = self.prepare.prepare(self.request.clone(), attempt);
        PreparedConnection::new(preparing, async move |request: HttpRequest| {
            let request = match id {
                Some(id) => request.resuming_after(&id),
                None => request,
            };
            let request = request.parse()?;
            exchange(client?, request).await
        })
    }
}

async fn exchange(
    client: HttpClient,
    request: CheckedHttpRequest,
) -> Result<HttpBody, SourceError> {
    let response = client.send(request).await?;
    response::check(&response)?;
    Ok(HttpBody::new(response))
}
