//! The connector over HTTP.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{
    super::{Attempt, Connector, EventSource, Fixed, Prepare, SourceBuilder, SourceError, UrlWith},
    CheckedHttpRequest, HttpBody, HttpClient, HttpFailure, HttpOptions, HttpRequest, response,
};

/// Makes the connections of an event source by HTTP: reqwest, in a browser `fetch`.
///
/// The answer has to be 200 with the content type `text/event-stream`, and its body is read as it
/// arrives. The id to resume after is the header `Last-Event-ID`. An id that a header cannot carry
/// unchanged (control characters, spaces around it, in a browser also whatever is not ASCII) is
/// the query parameter `lastEventId` instead.
///
/// # Redirects
///
/// 301, 302, 303, 307 and 308 are followed as browsers do it (Fetch § 4.4): `Location` may be
/// relative, a POST becomes a GET after 301 and 302, everything does after 303, and `Authorization`,
/// `Cookie` and `Proxy-Authorization` do not follow to another origin, nor from there. Natively
/// up to `redirect_limit`, 20 by default; a browser follows by itself, as many.
///
/// # In a browser
///
/// To another origin, `Last-Event-ID` and any header of your own have to be allowed by the server
/// (`Access-Control-Allow-Headers`), and a `Retry-After` to be seen
/// (`Access-Control-Expose-Headers`). Over HTTP/1.1 a browser keeps no more than six connections
/// to a server open, over all its pages: more event sources than that wait for one of them to end,
/// and their attempts time out. A WebSocket does not count. What a connection had brought and was
/// not read when it broke, a browser drops; it is asked for again.
///
/// # Natively
///
/// The proxies that the environment names are used. `https:` needs one of the TLS features of
/// this crate. With those for rustls, a `reqwest::Client` that a program makes for itself panics
/// unless the program has chosen a cryptography provider (`CryptoProvider::install_default` of
/// rustls), or has reqwest choose one by its feature `rustls`; this crate's own does not need it.
#[derive(Debug, Clone)]
pub struct HttpConnector<P = Fixed> {
    request: HttpRequest,
    prepare: P,
    pub(crate) options: HttpOptions,
    client: Option<HttpClient>,
}

impl HttpConnector {
    /// Each connection is the answer to `request`.
    #[must_use]
    pub fn new(request: HttpRequest) -> Self {
        Self {
            request,
            prepare: Fixed,
            options: HttpOptions::default(),
            client: None,
        }
    }
}

impl EventSource<HttpConnector> {
    /// Everything that can be said about an event source over HTTP.
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
    /// The method of the request; the default is GET.
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

    /// The body of the request, sent with every attempt: what it asks for may be done again.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.change_request(|request| request.body(body))
    }

    /// Makes the URL of each attempt anew, with a fresh token for example.
    ///
    /// When that fails, the attempt has failed, with an error of kind
    /// [`Prepare`](crate::sse::SourceErrorKind::Prepare) that is retried, or with the [`SourceError`]
    /// that the closure gives.
    pub fn url_with<F, Fut, U, E>(self, url: F) -> SourceBuilder<HttpConnector<UrlWith<F>>>
    where
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<U, E>>,
        UrlWith<F>: Prepare<HttpRequest>,
    {
        self.prepare_with(UrlWith(url))
    }

    /// Makes the request of each attempt anew, from what was configured. As
    /// [`url_with`](Self::url_with) otherwise.
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
    pub fn prepare_with<Q: Prepare<HttpRequest>>(
        self,
        prepare: Q,
    ) -> SourceBuilder<HttpConnector<Q>> {
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
    type Connecting = HttpConnecting<P::Preparing>;

    fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
        let client = match &self.client {
            Some(client) => Ok(client.clone()),
            None => self.options.client(),
        };
        self.client = client.as_ref().ok().cloned();
        let id = attempt.last_event_id().to_owned();
        let preparing = self.prepare.prepare(self.request.clone(), attempt);
        HttpConnecting(HttpConnectingState::Preparing {
            preparing: Box::pin(preparing),
            client,
            id,
        })
    }
}

/// An HTTP exchange of an event source, until its body begins. Dropping it aborts it.
pub struct HttpConnecting<Fut>(HttpConnectingState<Fut>);

enum HttpConnectingState<Fut> {
    Preparing {
        preparing: Pin<Box<Fut>>,
        client: Result<HttpClient, HttpFailure>,
        id: String,
    },
    Asking(BoxFuture<'static, Result<HttpBody, SourceError>>),
}

impl<Fut, E> Future for HttpConnecting<Fut>
where
    Fut: Future<Output = Result<HttpRequest, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<HttpBody, SourceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let HttpConnectingState::Preparing {
            preparing,
            client,
            id,
        } = &mut self.0
        {
            let request = ready!(preparing.as_mut().poll(cx))
                .map_err(|error| SourceError::preparing(error.into()))?;
            let request = request.resuming_after(id).parse()?;
            self.0 = HttpConnectingState::Asking(Box::pin(ask(client.clone()?, request)));
        }
        match &mut self.0 {
            HttpConnectingState::Asking(asking) => asking.as_mut().poll(cx),
            HttpConnectingState::Preparing { .. } => Poll::Pending,
        }
    }
}

async fn ask(client: HttpClient, request: CheckedHttpRequest) -> Result<HttpBody, SourceError> {
    let response = client.send(request).await?;
    response::check(&response)?;
    Ok(HttpBody::new(response))
}

impl<Fut> fmt::Debug for HttpConnecting<Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnecting").finish_non_exhaustive()
    }
}
