//! A log as the bytes of an event stream.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep},
};
use tokio_util::codec::Encoder;
use wsio::sse::{SseCodec, SseEvent, SseItem};

use super::{Lagged, Subscription, log::carried, request::retry};

/// From here on a chunk is no longer waited for to grow, in bytes. Chunks of one event each cost
/// a system call or, for a browser, the 50 µs of a message.
const CHUNK: usize = 16 * 1024;

/// What is told to a subscriber that has missed events.
pub(super) type OnLagged = Arc<dyn Fn(&Lagged) -> SseEvent + Send + Sync>;

/// What resolves when a feed is to end.
pub(super) type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The events of a subscription in `text/event-stream`, in chunks, with a comment wherever there
/// is nothing for a while.
pub(super) struct Feed {
    subscription: Subscription,
    codec: SseCodec,
    /// What is encoded and not taken yet.
    ahead: BytesMut,
    heartbeat: Option<Heartbeat>,
    on_lagged: OnLagged,
    endings: Endings,
    end: Option<End>,
    /// One of those that the route has for its subscribers.
    _slot: OwnedSemaphorePermit,
}

/// What makes a feed end, besides the log.
pub(super) struct Endings {
    pub(super) closing: Option<Until>,
    pub(super) cut_at: Option<Until>,
    pub(super) cut_after: Option<u64>,
}

/// Why a feed has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The log has.
    Log,
    /// The server is shut down.
    Closing,
    /// The connection is to break off.
    Cut,
    /// Something cannot be encoded.
    Failed,
}

impl Feed {
    pub(super) fn new(
        subscription: Subscription,
        heartbeat: Option<Duration>,
        on_lagged: OnLagged,
        endings: Endings,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            subscription,
            codec: SseCodec::new(),
            ahead: BytesMut::new(),
            heartbeat: heartbeat.map(Heartbeat::new),
            on_lagged,
            endings,
            end: None,
            _slot: slot,
        }
    }

    /// Begins with a reconnection time.
    pub(super) fn retry(&mut self, time: Duration) {
        self.encode(retry(time));
    }

    /// Begins with the place in the log. A client that loses the connection before its first
    /// event then knows where it was.
    pub(super) fn place(&mut self) {
        self.encode(SseItem::Id(self.subscription.last_event_id()));
    }

    /// Why it has ended, if it has.
    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// The next bytes, as many as there are up to about [`CHUNK`], and at least one event's.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.end.is_none() {
            self.end = self.endings.poll(cx);
        }
        while self.end.is_none() && self.ahead.len() < CHUNK {
            let Poll::Ready(item) = self.subscription.poll_event(cx) else {
                break;
            };
            match item {
                Some(Ok(event)) => {
                    self.encode(&*event);
                    self.end = self.end.or(self.endings.count());
                }
                Some(Err(lagged)) => {
                    // From here on the client has been told, and need not be told again.
                    let id = self.subscription.last_event_id();
                    let event = carried((self.on_lagged)(&lagged)).with_id(id);
                    self.encode(event);
                }
                None => self.end = Some(End::Log),
            }
        }
        if self.ahead.is_empty() && self.end.is_none() {
            let Some(beat) = &mut self.heartbeat else {
                return Poll::Pending;
            };
            std::task::ready!(beat.poll(cx));
            self.encode(SseItem::Comment(String::new()));
        }
        if self.ahead.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(beat) = &mut self.heartbeat {
            beat.put_off();
        }
        Poll::Ready(Some(std::mem::take(&mut self.ahead).freeze()))
    }

    /// The same as a future.
    pub(super) async fn chunk(&mut self) -> Option<Bytes> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn encode<T>(&mut self, item: T)
    where
        SseCodec: Encoder<T, Error = wsio::sse::SseError>,
    {
        if let Err(error) = self.codec.encode(item, &mut self.ahead) {
            // Whatever it is, going on behind it would be a gap.
            tracing::error!(%error, "an event cannot be sent");
            self.end = Some(End::Failed);
        }
    }
}

impl Endings {
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<End> {
        if self.cut_after == Some(0) || is_now(&mut self.cut_at, cx) {
            return Some(End::Cut);
        }
        is_now(&mut self.closing, cx).then_some(End::Closing)
    }

    /// After each event.
    fn count(&mut self) -> Option<End> {
        let left = self.cut_after.as_mut()?;
        *left = left.saturating_sub(1);
        (*left == 0).then_some(End::Cut)
    }
}

fn is_now(until: &mut Option<Until>, cx: &mut Context<'_>) -> bool {
    let until = until.as_mut();
    until.is_some_and(|until| until.as_mut().poll(cx).is_ready())
}

/// Tells when nothing has been sent for a while.
struct Heartbeat {
    interval: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Heartbeat {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            sleep: Box::pin(sleep(interval)),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }

    fn put_off(&mut self) {
        // A time too far off for the clock is no time at all.
        if let Some(next) = Instant::now().checked_add(self.interval) {
            self.sleep.as_mut().reset(next);
        }
    }
}
