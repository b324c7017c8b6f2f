//! A log at an address.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use futures::{
    FutureExt, Stream,
    future::{Shared, select},
};
use http::{HeaderName, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wsio::{native::Acceptor, sse::SseEvent};

use super::{
    EventLog, EventRequest, Lagged, Subscription,
    feed::{End, Endings, Feed, OnLagged, Until},
    request::cut_off,
    socket::{self, Upstream},
};
use crate::{conn::Cut, tasks::Tasks};

/// How many clients a route serves at the same time unless told otherwise.
const MAX_SUBSCRIBERS: usize = 1000;

/// How large an event from a client may be unless told otherwise, in bytes.
const MAX_UPSTREAM: usize = 1 << 20;

/// Serves `log` with the default options of [`EventRoute`].
pub fn events<S>(log: EventLog) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    EventRoute::new().serve(log)
}

/// Serves event logs over WebSocket and over `text/event-stream` HTTP alike, under one address.
///
/// A request for an upgrade gets a WebSocket, on which the bytes of the event stream come in
/// binary messages; every other one gets them as the body of the answer, with the headers that
/// keep proxies from holding it back or storing it. Either begins with what the client has missed
/// since the id in its `Last-Event-ID` header or its `lastEventId` query parameter. To one without
/// an id its place in the log is told in a block of its own (`id`, and no data), so that it misses
/// nothing either if the connection is lost before the first event.
///
/// - A client that has missed more than the log keeps is sent an event that says so
///   ([`on_lagged`](Self::on_lagged)), and then all that is kept.
/// - A client that reads slowly is waited for without anything being gathered for it; when it has
///   fallen behind what the log keeps, it is one that has missed events.
/// - When the log [has ended](EventLog::end), so does the stream, and a client that comes back for
///   more is told not to: by status 204, which is what ends an `EventSource` (WHATWG HTML § 9.2.3),
///   over WebSocket by close code 4204, at once.
/// - When a [`Server`](crate::Server) is shut down, streams end, WebSockets with code 1001, and
///   clients come back; elsewhere that is for [`until`](Self::until) to say.
///
/// # Pages from elsewhere
///
/// The route itself does not look at the `Origin`. A [`Server`](crate::Server) does, for every
/// route and both transports alike: a page that its [`OriginPolicy`](crate::OriginPolicy) does not
/// allow is answered with 403. In another application an
/// [`allows`](crate::OriginPolicy::allows) in a middleware is the place for that, since a browser
/// lets every page open a WebSocket to every server. Over HTTP a browser keeps the answer from
/// pages of another origin, be it another port, unless headers let them have it (CORS, WHATWG Fetch
/// § 3.3). Those are for the application to set, by a layer such as that of tower-http, which also
/// answers the preflight that `Last-Event-ID` takes when `fetch` sends it.
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
/// use wsio_server::events::{EventLog, EventRoute};
///
/// let chat = EventLog::default();
/// let said = chat.clone();
/// let route = EventRoute::new()
///     .heartbeat(Duration::from_secs(30))
///     .max_subscribers(10_000)
///     .on_lagged(|_| SseEvent::new("").with_name("reload"))
///     .on_event(move |event| {
///         said.append(event);
///         async {}
///     });
/// let router: Router = Router::new().route("/chat", route.serve(chat));
/// ```
#[derive(Clone)]
#[must_use = "a route does nothing until it serves a log"]
pub struct EventRoute {
    heartbeat: Option<Duration>,
    retry: Option<Duration>,
    replay: bool,
    on_lagged: OnLagged,
    slots: Arc<Semaphore>,
    retry_after: Duration,
    until: Option<Shared<Until>>,
    upstream: Upstream,
    acceptor: Acceptor,
}

impl EventRoute {
    /// A route with the default options.
    pub fn new() -> Self {
        let patience = Duration::from_secs(30);
        Self {
            heartbeat: Some(Duration::from_secs(15)),
            retry: None,
            replay: false,
            on_lagged: Arc::new(|lagged| lagged.into()),
            slots: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)),
            retry_after: Duration::from_secs(5),
            until: None,
            upstream: Upstream {
                on_event: None,
                max_event: MAX_UPSTREAM,
            },
            acceptor: Acceptor::new()
                .max_message_size(MAX_UPSTREAM)
                .keepalive(patience, patience),
        }
    }

    /// Sends a comment after every so long a silence, which keeps proxies from ending the
    /// connection, and lets clients tell a quiet stream from a dead one. `None` and zero for
    /// none; the default is 15 seconds.
    pub fn heartbeat(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.heartbeat = interval.into().filter(|it| !it.is_zero());
        self
    }

    /// Tells every client, at the beginning, how long to wait before it reconnects, in whole
    /// milliseconds. By default that is left to the client.
    pub fn retry(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.retry = time.into();
        self
    }

    /// Whether a client without an id is first given all events that are kept. By default it is
    /// given those that come.
    pub fn replay(mut self, replay: bool) -> Self {
        self.replay = replay;
        self
    }

    /// What a client is sent that has missed events. By default that is the [`Lagged`] itself: an
    /// event called `lagged` with the data `{"lastEventId":"…","oldest":"…"}`, which is what the
    /// client asked for, and the oldest that is kept, which comes next, or `null`.
    ///
    /// The event gets as its id the place before the oldest event, whatever it has: a client that
    /// has been told need not be told again.
    pub fn on_lagged(mut self, tell: impl Fn(&Lagged) -> SseEvent + Send + Sync + 'static) -> Self {
        self.on_lagged = Arc::new(tell);
        self
    }

    /// How many clients are served at the same time, over all logs; the default is 1000. One more
    /// is refused with status 503, over WebSocket with close code 4503, and told when to try
    /// [again](Self::retry_after).
    pub fn max_subscribers(mut self, max: usize) -> Self {
        self.slots = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// When a client that was one too many is to try again; the default is 5 seconds. See
    /// [`EventRequest::refuse`].
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }

    /// Ends all streams when `stopping` resolves: over HTTP the body, WebSockets with code 1001, so
    /// that clients come back. A [`Server`](crate::Server) does that when it is shut down; any
    /// other that shuts down gracefully would wait for streams that never end.
    ///
    /// ```no_run
    /// use axum::Router;
    /// use futures::FutureExt;
    /// use tokio::{net::TcpListener, signal};
    /// use wsio_server::events::{EventLog, EventRoute};
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
        let stopping: Until = Box::pin(stopping);
        self.until = Some(stopping.shared());
        self
    }

    /// What to do with events that clients send over the WebSocket. By default they are ignored.
    ///
    /// The events of one client are given one after the other, and while one is worked on nothing
    /// more is read from that client. What was received before a client went away is still given.
    /// The future is dropped only if the server ends before it is done.
    pub fn on_event<F, Fut>(mut self, handle: F) -> Self
    where
        F: Fn(SseEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.upstream.on_event = Some(Arc::new(move |event| Box::pin(handle(event))));
        self
    }

    /// How large an event from a client may be, in bytes; the default is 1 MiB. A larger one ends
    /// the connection with close code 1009.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.upstream.max_event = bytes;
        self
    }

    /// The options of the WebSockets. By default messages from a client may have 1 MiB, and after
    /// 30 seconds in which a client has sent nothing it is asked for a sign of life, for which it
    /// has another 30 seconds.
    pub fn acceptor(mut self, acceptor: Acceptor) -> Self {
        self.acceptor = acceptor;
        self
    }

    /// A handler that serves `log`, for GET.
    pub fn serve<S>(self, log: EventLog) -> MethodRouter<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        get(move |request: EventRequest| async move { self.answer(&log, request) })
    }

    /// Serves `log` to one client.
    #[must_use = "the answer has to be sent"]
    pub fn answer(&self, log: &EventLog, mut request: EventRequest) -> Response {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return request.refuse(StatusCode::SERVICE_UNAVAILABLE, Some(self.retry_after));
        };
        let subscription = match request.last_event_id() {
            None if self.replay => log.subscribe_from_oldest(),
            id => log.subscribe(id),
        };
        if subscription.is_over() {
            return request.refuse(StatusCode::NO_CONTENT, None);
        }
        let feed = self.feed(subscription, &mut request, slot);
        let cut = request.cut;
        match request.upgrade {
            Some(upgrade) => {
                let upstream = self.upstream.clone();
                let upgrade = upgrade.acceptor(self.acceptor.clone());
                upgrade.on_upgrade(|meta, stream| socket::serve(meta, stream, feed, upstream, cut))
            }
            None => {
                let body = Body::from_stream(Chunks { feed, cut });
                (HEADERS, body).into_response()
            }
        }
    }

    fn feed(
        &self,
        subscription: Subscription,
        request: &mut EventRequest,
        slot: OwnedSemaphorePermit,
    ) -> Feed {
        let cutting = std::mem::take(&mut request.cutting);
        let endings = Endings {
            closing: self.closing(request.tasks.take()),
            cut_at: cutting.at.map(|at| -> Until { Box::pin(at) }),
            cut_after: cutting.after,
        };
        let on_lagged = Arc::clone(&self.on_lagged);
        let mut feed = Feed::new(subscription, self.heartbeat, on_lagged, endings, slot);
        if let Some(time) = self.retry {
            feed.retry(time);
        }
        if request.last_event_id().is_none() {
            feed.place();
        }
        feed
    }

    /// What a stream ends with, whoever serves it.
    fn closing(&self, tasks: Option<Tasks>) -> Option<Until> {
        let server = tasks.map(|tasks| async move { tasks.closing().await }.boxed());
        let stopping = self.until.clone().map(FutureExt::boxed);
        match (server, stopping) {
            (Some(server), Some(stopping)) => Some(select(server, stopping).map(|_| ()).boxed()),
            (server, stopping) => server.or(stopping),
        }
    }
}

/// What keeps an event stream going through proxies: none is to store it, and nginx is not to
/// wait for more of it.
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
            .field("heartbeat", &self.heartbeat)
            .field("retry", &self.retry)
            .field("replay", &self.replay)
            .field("free", &self.slots.available_permits())
            .finish_non_exhaustive()
    }
}

/// The body of an answer.
struct Chunks {
    feed: Feed,
    cut: Option<Cut>,
}

impl Stream for Chunks {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match ready!(self.feed.poll_chunk(cx)) {
            Some(chunk) => Poll::Ready(Some(Ok(chunk))),
            None => match (self.feed.end(), &self.cut) {
                (Some(End::Cut), Some(cut)) => {
                    // The connection ends at the flush that comes now, and this with it. An error
                    // would end it before the last chunk has gone out.
                    cut.at_flush();
                    Poll::Pending
                }
                (Some(End::Cut | End::Failed), _) => Poll::Ready(Some(Err(cut_off()))),
                _ => Poll::Ready(None),
            },
        }
    }
}
