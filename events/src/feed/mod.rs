//! A log as the bytes of an event stream.

mod chunk;
mod heartbeat;
mod socket;
mod upstream;

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    FutureExt, Stream,
    future::{BoxFuture, Either, Shared, pending},
    stream::FusedStream,
};
use wsio::sse::{SseEvent, SseItem};

use self::{
    chunk::{CHUNK, FeedChunk},
    heartbeat::Heartbeat,
};
pub use self::{socket::EventSocket, upstream::UpstreamEvent};
use crate::{EventLog, Lagged, Subscription, event::carried, seldom::Seldom};

type OnLagged = Arc<dyn Fn(&Lagged) -> SseEvent + Send + Sync>;

/// The options of [`EventFeed`]s.
#[derive(Clone)]
#[must_use = "options do nothing until a feed is opened"]
pub struct FeedOptions {
    heartbeat: Option<Duration>,
    retry: Option<Duration>,
    replay: bool,
    on_lagged: OnLagged,
}

impl FeedOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self {
            heartbeat: Some(Duration::from_secs(15)),
            retry: None,
            replay: false,
            on_lagged: Arc::new(|lagged| lagged.into()),
        }
    }

    /// Sets the silence after which a comment is sent; the default is 15 seconds.
    ///
    /// The comment keeps proxies from closing an idle connection, and lets a client tell a quiet
    /// stream from a dead one. `None` and zero send no comments.
    pub fn heartbeat(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.heartbeat = interval.into().filter(|it| !it.is_zero());
        self
    }

    /// Sets the reconnection time that every client is sent at the beginning, rounded up to whole
    /// milliseconds. By default none is sent, and the client uses its own.
    pub fn retry(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.retry = time.into();
        self
    }

    /// Sets whether a client without an id is first sent all events that are kept. By default it
    /// is sent only events appended from now on.
    pub fn replay(mut self, replay: bool) -> Self {
        self.replay = replay;
        self
    }

    /// Sets the event sent to a client that has missed events.
    ///
    /// By default the event is made from the [`Lagged`] itself: its name is `lagged`, and its data
    /// `{"lastEventId":"…","oldest":"…"}`. The event is sent with the id of the place before the
    /// oldest event that is kept, whatever id it has, so that a client is told once.
    pub fn on_lagged(mut self, tell: impl Fn(&Lagged) -> SseEvent + Send + Sync + 'static) -> Self {
        self.on_lagged = Arc::new(tell);
        self
    }

    /// Opens a feed of the events after the one with this id.
    ///
    /// Without an id the feed begins with an `id` block of its own, which tells the client its
    /// place in the log: if the connection is lost before the first event, the client resumes
    /// there. One that is sent everything that is kept needs none. With an id and no event to send, it begins with a comment, so that every client sees
    /// at once that the stream is open.
    pub fn open(&self, log: &EventLog, last_event_id: Option<&str>) -> EventFeed {
        let subscription = match last_event_id {
            None | Some("") if self.replay => log.subscribe_from_oldest(),
            id => log.subscribe(id),
        };
        let mut feed = EventFeed {
            subscription,
            ahead: FeedChunk::default(),
            heartbeat: self.heartbeat.map(Heartbeat::new),
            on_lagged: Arc::clone(&self.on_lagged),
            limit: None,
            until: None,
            stopping: None,
            end: None,
            begun: false,
        };
        if let Some(time) = self.retry {
            feed.ahead.encode(retry(time));
        }
        if last_event_id.is_none_or(str::is_empty)
            && let Some(id) = feed.subscription.last_event_id()
        {
            feed.ahead.encode(SseItem::Id(id));
        }
        feed
    }
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FeedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedOptions")
            .field("heartbeat", &self.heartbeat)
            .field("retry", &self.retry)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

/// The events of a [`Subscription`] as the bytes of an event stream, with a comment after every
/// silence.
///
/// A chunk carries as many events as are there, up to about 16 KiB, and at least one. Nothing is
/// queued: a feed that is not polled holds its place in the log and no events.
///
/// An event is encoded once, however many feeds it goes to: a chunk of one event shares its memory
/// with the log and with all other feeds, a chunk of several with the other feeds. There are no
/// errors; the items are `Result`s for the sake of the bodies of HTTP servers.
///
/// # Cancel safety
///
/// No event is lost when a future of `StreamExt::next` is dropped.
pub struct EventFeed {
    subscription: Subscription,
    /// The bytes that are not yielded yet.
    ahead: FeedChunk,
    heartbeat: Option<Heartbeat>,
    on_lagged: OnLagged,
    limit: Option<u64>,
    until: Option<Shared<BoxFuture<'static, ()>>>,
    /// The same, if it is there: it is looked at only after it has woken the task.
    stopping: Option<Seldom<Shared<BoxFuture<'static, ()>>>>,
    end: Option<FeedEnd>,
    /// Whether a chunk has been yielded.
    begun: bool,
}

/// The reason why an [`EventFeed`] has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedEnd {
    /// The log [has ended](EventLog::end), and all its events have been yielded.
    Log,
    /// The future given to [`EventFeed::until`] has resolved.
    Until,
    /// The [limit](EventFeed::limit) has been reached.
    Limit,
}

impl EventFeed {
    /// Ends the feed when `stopping` resolves, such as when the server shuts down.
    #[must_use]
    pub fn until(mut self, stopping: impl Future<Output = ()> + Send + 'static) -> Self {
        let stopping = stopping.boxed().shared();
        self.until = Some(stopping.clone());
        self.stopping = Some(Seldom::new(stopping));
        self
    }

    /// Waits until the future given to [`until`](Self::until) resolves, also while nothing polls
    /// the feed. Without one it waits for ever.
    pub fn stopped(&self) -> impl Future<Output = ()> + Clone + Send + use<> {
        match &self.until {
            Some(until) => Either::Left(until.clone()),
            None => Either::Right(pending()),
        }
    }

    /// Ends the feed after this many events.
    #[must_use]
    pub fn limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }

    /// Returns the reason why the feed has ended, or `None` while it has not.
    #[must_use]
    pub fn end(&self) -> Option<FeedEnd> {
        self.end
    }

    /// Returns whether the log has ended and this feed has none of its events left to yield.
    ///
    /// A client that resumes such a log is best told not to come back: by HTTP status 204.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.subscription.is_over()
    }

    /// Returns the id after which the feed goes on; see [`Subscription::last_event_id`].
    #[must_use]
    pub fn last_event_id(&self) -> Option<String> {
        self.subscription.last_event_id()
    }

    /// Returns the log.
    #[must_use]
    pub fn log(&self) -> &EventLog {
        self.subscription.log()
    }

    /// Takes everything that is there, up to about [`CHUNK`].
    fn fill(&mut self, cx: &mut Context<'_>) {
        if self.end.is_none() {
            self.end = self.ending(cx);
        }
        if self.end.is_none() && self.limit.is_none() && self.ahead.is_empty() {
            match self.subscription.poll_blocks(cx) {
                Some(Poll::Ready(blocks)) => return self.ahead.push(&blocks),
                Some(Poll::Pending) => return,
                None => {}
            }
        }
        while self.end.is_none() && self.ahead.len() < CHUNK {
            let Poll::Ready(item) = self.subscription.poll_event(cx) else {
                return;
            };
            match item {
                Some(Ok(event)) => {
                    self.ahead.push(event.block());
                    self.count();
                }
                Some(Err(lagged)) => {
                    let mut event = carried((self.on_lagged)(&lagged));
                    // From here on the client has been told, and need not be told again.
                    event.id = self.subscription.last_event_id();
                    self.ahead.encode(event.into());
                }
                None => self.end = Some(FeedEnd::Log),
            }
        }
    }

    fn ending(&mut self, cx: &mut Context<'_>) -> Option<FeedEnd> {
        if self.limit == Some(0) {
            return Some(FeedEnd::Limit);
        }
        let stopped = self.stopping.as_mut()?.poll_unpin(cx).is_ready();
        stopped.then_some(FeedEnd::Until)
    }

    /// Counts an event against the limit.
    fn count(&mut self) {
        if let Some(left) = &mut self.limit {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.end.get_or_insert(FeedEnd::Limit);
            }
        }
    }
}

impl Stream for EventFeed {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.fill(cx);
        if this.ahead.is_empty() {
            if this.end.is_some() {
                return Poll::Ready(None);
            }
            if this.begun {
                let Some(beat) = &mut this.heartbeat else {
                    return Poll::Pending;
                };
                ready!(beat.poll(cx));
            }
            this.ahead.encode(SseItem::Comment(String::new()));
        }
        this.begun = true;
        if let Some(beat) = &mut this.heartbeat {
            beat.put_off();
        }
        Poll::Ready(Some(Ok(this.ahead.take())))
    }
}

impl FusedStream for EventFeed {
    fn is_terminated(&self) -> bool {
        self.end.is_some() && self.ahead.is_empty()
    }
}

impl fmt::Debug for EventFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFeed")
            .field("subscription", &self.subscription)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// A reconnection time as a stream can carry it: in whole milliseconds, rounded up.
fn retry(time: Duration) -> SseItem {
    let millis = time.as_nanos().div_ceil(1_000_000);
    SseItem::Retry(Duration::from_millis(
        u64::try_from(millis).unwrap_or(u64::MAX),
    ))
}
