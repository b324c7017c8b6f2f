//! The route that serves a log.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use axum::{
    extract::RawPathParams,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use futures::{
    FutureExt,
    future::{Shared, select},
};
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use tokio::sync::Semaphore;
use wsio::{native::Acceptor, sse::SseEvent};
use wsio_events::{EventLog, EventLogs, EventSocket, FeedOptions, Lagged, UpstreamEvent};

use crate::{EventRequest, ServerHandle, body};

/// The default number of clients served at the same time.
const MAX_SUBSCRIBERS: usize = 1000;

/// The default size of the largest message from a client, in bytes.
const MAX_MESSAGE: usize = 1 << 20;

/// The default time a write may take without progress.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

type Stopping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Returns a handler that serves `log` with the default options of [`EventRoute`].
pub fn events<S>(log: EventLog) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    EventRoute::new().serve(log)
}

/// A route that serves event logs over WebSocket and over `text/event-stream` HTTP alike, under one
/// address.
///
/// A request for a WebSocket is sent the bytes of the event stream in binary messages. Every other
/// request is sent them as the body of the answer, with headers that keep proxies from buffering
/// or storing it. Either stream begins with the events the client has missed since the id in its
/// `Last-Event-ID` header or its `lastEventId` query parameter. A client without an id is first
/// sent its place in the log, in a block of its own (`id`, and no data), so that it misses nothing
/// if the connection is lost before the first event.
///
/// - A client that has missed more than the log keeps is sent an event that says so
///   ([`on_lagged`](Self::on_lagged)), and then all events that are kept.
/// - Nothing is queued for a slow client. If it falls behind the events that are kept, it has missed
///   events. If it takes nothing for 30 seconds, [its stream ends](Self::write_timeout).
/// - When the log [has ended](EventLog::end), so does the stream, and a client that reconnects is
///   told not to: by status 204, which ends an `EventSource` (WHATWG HTML § 9.2.3), or over
///   WebSocket by close code 4204, at once.
/// - When a [`Server`](crate::Server) is shut down, streams end, WebSockets with code 1001, and
///   clients reconnect; in another application, set [`until`](Self::until).
///
/// # Pages of other origins
///
/// A browser lets every page open a WebSocket to every server. The route does not check the
/// `Origin`: a [`Server`](crate::Server) does, for every route and both transports; in another
/// application add an [`OriginPolicy`](crate::OriginPolicy) as a layer.
///
/// Over HTTP a browser keeps the answer from pages of another origin, be it another port, unless
/// headers allow them to read it (CORS, WHATWG Fetch § 3.3). Set those in the application, with a
/// layer such as tower-http's, which also answers the preflight of a `fetch` with `Last-Event-ID`.
///
/// # Layers
///
/// A [`Server`](crate::Server) writes an event stream over HTTP/1.1 to the connection itself, once the
/// head of the answer is out, which has `Connection: close`: a subscriber then costs neither HTTP's
/// buffers nor the way through them. A layer that changes the body is noticed by the body's size hint,
/// and the stream goes through HTTP. One that only looks at the body, and passes its size hint on, does
/// not see the events.
///
/// # Clones
///
/// A clone shares the number of subscribers with the original, and none of the options that are
/// set afterwards.
///
/// # Example
///
/// ```
/// use std::time::Duration;
///
/// use axum::Router;
/// use wsio::sse::SseEvent;
/// use wsio_axum::EventRoute;
/// use wsio_events::{EventLog, UpstreamEvent};
///
/// let chat = EventLog::default();
/// let route = EventRoute::new()
///     .heartbeat(Duration::from_secs(30))
///     .max_subscribers(10_000)
///     .on_lagged(|_| SseEvent::new("").with_name("reload"))
///     .on_event(async |upstream: UpstreamEvent| {
///         let appending = upstream.log.append_once(&upstream.key, upstream.event);
///         appending.await.map(drop)
///     });
/// let router: Router = Router::new().route("/chat", route.serve(chat));
/// ```
#[derive(Clone)]
#[must_use = "a route does nothing until it serves a log"]
pub struct EventRoute {
    feed: FeedOptions,
    slots: Arc<Semaphore>,
    retry_after: Duration,
    until: Option<Shared<Stopping>>,
    write_timeout: Option<Duration>,
    socket: EventSocket,
    acceptor: Acceptor,
}

impl EventRoute {
    /// Creates a route with the default options.
    pub fn new() -> Self {
        let patience = Duration::from_secs(30);
        Self {
            feed: FeedOptions::new(),
            slots: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)),
            retry_after: Duration::from_secs(5),
            until: None,
            write_timeout: Some(WRITE_TIMEOUT),
            socket: EventSocket::new(),
            acceptor: Acceptor::new()
                .max_message_size(MAX_MESSAGE)
                .keepalive(patience, patience),
        }
    }

    /// Sets the silence after which a comment is sent; the default is 15 seconds. See
    /// [`FeedOptions::heartbeat`].
    pub fn heartbeat(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.feed = self.feed.heartbeat(interval);
        self
    }

    /// Sets the reconnection time that every client is sent at the beginning. By default none is
    /// sent. See [`FeedOptions::retry`].
    pub fn retry(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.feed = self.feed.retry(time);
        self
    }

    /// Sets whether a client without an id is first sent all events that are kept. By default it
    /// is sent only events appended from now on.
    pub fn replay(mut self, replay: bool) -> Self {
        self.feed = self.feed.replay(replay);
        self
    }

    /// Sets the event sent to a client that has missed events. By default it is called `lagged`.
    /// See [`FeedOptions::on_lagged`].
    pub fn on_lagged(mut self, tell: impl Fn(&Lagged) -> SseEvent + Send + Sync + 'static) -> Self {
        self.feed = self.feed.on_lagged(tell);
        self
    }

    /// Sets the number of clients served at the same time, over all logs; the default is 1000. One
    /// more is refused with status 503, over WebSocket with close code 4503, and a
    /// [delay](Self::retry_after).
    pub fn max_subscribers(mut self, max: usize) -> Self {
        self.slots = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// Sets the retry delay sent to clients that are refused because the limit was reached; the
    /// default is 5 seconds. See [`EventRequest::refuse`].
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Ends all streams when `stopping` resolves: over HTTP the body, over WebSocket with code 1001,
    /// so that clients reconnect. A client that does not take the end within 2 seconds is dropped.
    ///
    /// A [`Server`](crate::Server) ends streams when it is shut down. Any other server that shuts
    /// down gracefully would wait for streams that never end.
    ///
    /// ```no_run
    /// use axum::Router;
    /// use futures::FutureExt;
    /// use tokio::{net::TcpListener, signal};
    /// use wsio_axum::EventRoute;
    /// use wsio_events::EventLog;
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let stopping = signal::ctrl_c().map(|_| ()).shared();
    /// let route = EventRoute::new().until(stopping.clone());
    /// let router: Router = Router::new().route("/events", route.serve(EventLog::default()));
    /// let listener = TcpListener::bind("127.0.0.1:8080").await?;
    /// axum::serve(listener, router).with_graceful_shutdown(stopping).await
    /// # }
    /// ```
    pub fn until(mut self, stopping: impl Future<Output = ()> + Send + 'static) -> Self {
        let stopping: Stopping = Box::pin(stopping);
        self.until = Some(stopping.shared());
        self
    }

    /// Sets the time after which a write that makes no progress ends the stream, over WebSocket and
    /// over HTTP; the default is 30 seconds. `None` for no limit.
    ///
    /// A client that does not read holds one of [`max_subscribers`](Self::max_subscribers). Served
    /// by a [`Server`](crate::Server) over HTTP/1.1 its connection is dropped. In another
    /// application, and over HTTP/2, the subscriber is, and the body fails when the client reads on.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = timeout.into();
        self.socket = self.socket.write_timeout(self.write_timeout);
        self
    }

    /// Sets the handler of the events that clients send over the WebSocket. By default messages are
    /// discarded, up to a limit. See [`EventSocket::on_event`], also for what it takes that each
    /// event counts once.
    ///
    /// The future is dropped only if the server ends before it is done.
    pub fn on_event<F, Fut, E>(mut self, handle: F) -> Self
    where
        F: Fn(UpstreamEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.socket = self.socket.on_event(handle);
        self
    }

    /// Sets the size of the largest event accepted from a client, in bytes; the default is 1 MiB.
    /// A larger one closes the connection with code 1009.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.socket = self.socket.max_event_size(bytes);
        self
    }

    /// Sets the options of the WebSockets. By default a message from a client may have 1 MiB, and a
    /// client that has sent nothing for 30 seconds is sent a Ping, which it has another 30 seconds
    /// to answer.
    pub fn acceptor(mut self, acceptor: Acceptor) -> Self {
        self.acceptor = acceptor;
        self
    }

    /// Returns a handler that serves `log`, for GET, and CONNECT over HTTP/2.
    pub fn serve<S>(self, log: EventLog) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let methods = MethodFilter::GET.or(MethodFilter::CONNECT);
        on(methods, move |request: EventRequest| async move {
            self.answer(&log, request)
        })
    }

    /// Returns a handler that serves any of `logs`, which is named by the parameter `log` of the
    /// path, for GET, and CONNECT over HTTP/2.
    ///
    /// A log is opened on first use, whoever asks for it. Where clients are not to open logs of any
    /// name, or each is to read its own only, write a handler that decides and then calls
    /// [`answer`](Self::answer); see [`EventRequest`].
    ///
    /// A name that no log can have is refused with status 400, and a log that cannot be opened at
    /// present with 503 and a [delay](Self::retry_after).
    ///
    /// ```
    /// use axum::Router;
    /// use wsio_axum::EventRoute;
    /// use wsio_events::EventLogs;
    ///
    /// let logs = EventLogs::default();
    /// let route = EventRoute::new().replay(true).serve_logs(logs.clone());
    /// let router: Router = Router::new().route("/jobs/{log}/events", route);
    /// ```
    pub fn serve_logs<S>(self, logs: EventLogs) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let methods = MethodFilter::GET.or(MethodFilter::CONNECT);
        on(
            methods,
            move |path: RawPathParams, request: EventRequest| async move {
                let name = path.iter().find(|(parameter, _)| *parameter == "log");
                let name = name.map_or("", |(_, name)| name);
                match logs.open(name).await {
                    Ok(log) => self.answer(&log, request),
                    Err(error) if error.is_invalid_name() => {
                        request.refuse(StatusCode::BAD_REQUEST, None)
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a log cannot be served");
                        let after = Some(self.retry_after);
                        request.refuse(StatusCode::SERVICE_UNAVAILABLE, after)
                    }
                }
            },
        )
    }

    /// Serves `log` to one client.
    #[must_use = "the answer has to be sent"]
    pub fn answer(&self, log: &EventLog, mut request: EventRequest) -> Response {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return request.refuse(StatusCode::SERVICE_UNAVAILABLE, Some(self.retry_after));
        };
        let feed = self.feed.open(log, request.last_event_id());
        if feed.is_over() {
            return request.refuse(StatusCode::NO_CONTENT, None);
        }
        let feed = match self.stopping(request.server.take()) {
            Some(stopping) => feed.until(stopping),
            None => feed,
        };
        match request.upgrade {
            Some(upgrade) => {
                let socket = self.socket.clone();
                let upgrade = upgrade.acceptor(self.acceptor.clone());
                upgrade
                    .closes_itself()
                    .on_upgrade(async move |meta, stream| {
                        let _slot = slot;
                        socket.serve(meta, stream, feed).await;
                    })
            }
            None => {
                let connection = request.connection.as_ref();
                let events = body::events(feed, slot, self.write_timeout, connection);
                let mut response = (HEADERS, events).into_response();
                if request.version == Version::HTTP_10 {
                    // The end of the body is the end of the connection; to an answer of another
                    // version hyper would add `keep-alive`.
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                    *response.version_mut() = Version::HTTP_10;
                }
                response
            }
        }
    }

    /// Returns the future that ends a stream, whoever serves it.
    fn stopping(&self, server: Option<ServerHandle>) -> Option<Stopping> {
        let server = server.map(|server| server.shutting_down().boxed());
        let stopping = self.until.clone().map(FutureExt::boxed);
        match (server, stopping) {
            (Some(server), Some(stopping)) => Some(select(server, stopping).map(|_| ()).boxed()),
            (server, stopping) => server.or(stopping),
        }
    }
}

/// The headers for proxies: none is to store the stream, and nginx is not to buffer it.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_TYPE, "text/event-stream"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

impl Default for EventRoute {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRoute")
            .field("feed", &self.feed)
            .field("free", &self.slots.available_permits())
            .finish_non_exhaustive()
    }
}
