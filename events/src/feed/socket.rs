//! An event stream over a WebSocket, and the events that the client sends.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt, TryFutureExt, future::poll_immediate};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use wsio::{CloseCode, Error, WsMessage, WsMeta, WsReceiver, WsSender, WsStream, sse::upstream};

use super::upstream::{OnEvent, UpstreamEnd, UpstreamEvent, UpstreamReceiver};
use crate::{EventFeed, EventLog, FeedEnd, seldom::Seldom};

/// The largest message that is sent, in bytes: a larger chunk is split.
const MAX_MESSAGE: usize = 128_000;

/// The default size of the largest event from a client, in bytes.
const MAX_UPSTREAM: usize = 1 << 20;

/// The default time a write may take without progress.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time a client has to receive the rest of the stream and to answer the Close frame, after the
/// feed [has been stopped](EventFeed::until).
const LINGER: Duration = Duration::from_secs(2);

/// The number of times the progress of a write is looked at in each write timeout.
const LOOKS: u32 = 4;

/// Serves [`EventFeed`]s over WebSockets, whoever accepted them.
///
/// The bytes of the event stream are sent in binary messages. The messages of the client, joined,
/// are an event stream as well, whose events go to [`on_event`](Self::on_event).
///
/// ```no_run
/// use wsio_events::{EventLog, EventSocket, FeedOptions};
///
/// # async fn example(tcp: tokio::net::TcpStream, log: EventLog) -> Result<(), wsio::Error> {
/// let (meta, stream) = wsio::native::accept(tcp).await?;
/// let feed = FeedOptions::new().open(&log, None);
/// EventSocket::new().serve(meta, stream, feed).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "an event socket does nothing until it serves a feed"]
pub struct EventSocket {
    on_event: Option<OnEvent>,
    max_event: usize,
    write_timeout: Option<Duration>,
}

impl EventSocket {
    /// Creates the default options.
    pub fn new() -> Self {
        Self {
            on_event: None,
            max_event: MAX_UPSTREAM,
            write_timeout: Some(WRITE_TIMEOUT),
        }
    }

    /// Sets the handler of the events that a client sends. By default there is none: messages are
    /// discarded, and more of them than [one event](Self::max_event_size) may have closes the
    /// connection with code 1008.
    ///
    /// The events of one client are handled in order, one at a time; while one is being handled,
    /// nothing more is read from that client. Events received before the client disconnected are
    /// still handled.
    ///
    /// If the handler fails, the connection is closed with code 4503, and no later event is handled.
    /// A client that numbers its events sends the event again, until the handler succeeds: let it
    /// succeed for an event that it will never accept.
    ///
    /// # Each event once
    ///
    /// An `EventSource` numbers its events ([`wsio::sse::upstream`]), and sends again what was not
    /// confirmed before its connection was lost. The log's store records for each source up to which
    /// number events have been handled, so that the handler is called once for each, in order, by
    /// whichever server of this log the client reaches. An event is confirmed to the client when
    /// that is recorded. The record is kept for [`Limits::memory`] after the last event, and for
    /// [`Limits::sources`] sources. A source that is unknown begins at the number it names, whatever
    /// it is, since the log may have forgotten it; so does one that leaves numbers out.
    ///
    /// A source belongs to one connection at a time. Another one of the same client waits until the
    /// event that is being handled is recorded, or until the first one's claim expires, 3 seconds
    /// after its server was lost. The id of a source is the secret of its client, 128 random bits:
    /// whoever knows it can take numbers from it.
    ///
    /// A server that is killed after the handler has succeeded, and before that is recorded, leaves
    /// the event unconfirmed, and the handler is called again with the same
    /// [key](UpstreamEvent::key). An append under this key makes it exact:
    ///
    /// ```
    /// use wsio_events::{EventSocket, UpstreamEvent};
    ///
    /// let socket = EventSocket::new().on_event(async |upstream: UpstreamEvent| {
    ///     match upstream.log.append_once(&upstream.key, upstream.event).await {
    ///         // It would come again for ever.
    ///         Err(error) if error.is_too_large() => Ok(()),
    ///         appended => appended.map(drop),
    ///     }
    /// });
    /// ```
    ///
    /// While the store fails, the client's events wait, and are neither handled nor confirmed; the
    /// stream to the client goes on. After the connection is lost, they wait for 10 seconds.
    ///
    /// [`Limits::memory`]: crate::Limits::memory
    /// [`Limits::sources`]: crate::Limits::sources
    pub fn on_event<F, Fut, E>(mut self, handle: F) -> Self
    where
        F: Fn(UpstreamEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>> + 'static,
    {
        self.on_event = Some(Arc::new(move |event| {
            handle(event).map_err(Into::into).boxed()
        }));
        self
    }

    /// Sets the size of the largest event accepted from a client, in bytes; the default is 1 MiB.
    /// A larger one closes the connection with code 1009.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Sets the time after which a write that makes no progress ends the connection; the default is
    /// 30 seconds. `None` for no limit.
    ///
    /// Keepalive alone does not notice a client that answers Pings and does not read its stream, as
    /// a proxy may do on its behalf.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = timeout.into();
        self
    }

    /// Sends the feed over a connection until either ends.
    ///
    /// The Close frame carries 4204 after the [end of the log](FeedEnd::Log), which tells a client
    /// not to come back, and 1001 otherwise. A client that does
    /// not take the end of a [stopped](EventFeed::until) feed within 2 seconds is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection, and the event that is being handled.
    pub async fn serve(&self, meta: WsMeta, stream: WsStream, feed: EventFeed) {
        let (sink, messages) = stream.split();
        let overdue = Seldom::new(lingering(&feed));
        let log = feed.log().clone();
        let (handled, to_confirm) = watch::channel(0);
        let sending = async {
            let sent = tokio::select! {
                biased;
                sent = self.send(&meta, sink, feed, to_confirm) => sent,
                () = overdue => Err(SendFailure::Stalled),
            };
            match sent {
                // The events that the client sent before the end are still to be handled.
                Ok(()) | Err(SendFailure::Lost) => std::future::pending().await,
                Err(SendFailure::Stalled) => tracing::debug!("a subscriber does not read"),
            }
        };
        tokio::select! {
            biased;
            () = sending => {}
            () = Seldom::new(self.receive(&meta, messages, log, handled)) => {}
        }
    }

    /// Sends everything, and closes.
    async fn send(
        &self,
        meta: &WsMeta,
        mut sink: WsSender,
        mut feed: EventFeed,
        mut to_confirm: watch::Receiver<u64>,
    ) -> Result<(), SendFailure> {
        let mut offer = self.on_event.is_some().then(|| comment(upstream::OFFER));
        let (handles, mut is_over) = (self.on_event.is_some(), false);
        while !is_over {
            // A busy log does not hold back confirmations; of many, the latest says all.
            let chunk = tokio::select! {
                biased;
                Ok(()) = to_confirm.changed(), if handles => confirmation(&mut to_confirm),
                chunk = feed.next() => match chunk {
                    Some(Ok(chunk)) => chunk,
                    None => {
                        is_over = true;
                        if !to_confirm.has_changed().unwrap_or(false) {
                            break;
                        }
                        confirmation(&mut to_confirm)
                    }
                },
            };
            let chunk = match offer.take() {
                Some(offer) => [offer, chunk].concat().into(),
                None => chunk,
            };
            let fed = AtomicUsize::new(0);
            let sending = send_chunk(&mut sink, chunk, &fed);
            progressing(meta, self.write_timeout, &fed, sending).await?;
        }
        let code = match feed.end() {
            Some(FeedEnd::Log) => close_code(204),
            Some(FeedEnd::Until | FeedEnd::Limit) | None => CloseCode::GOING_AWAY,
        };
        close(meta, code, "").await;
        Ok(())
    }

    /// Reads to the end.
    async fn receive(
        &self,
        meta: &WsMeta,
        messages: WsReceiver,
        log: EventLog,
        handled: watch::Sender<u64>,
    ) {
        let Some(on_event) = &self.on_event else {
            return self.discard(meta, messages).await;
        };
        let receiver = UpstreamReceiver::new(on_event, meta, log, handled);
        let (code, reason) = match receiver.run(messages, self.max_event).await {
            UpstreamEnd::Lost => return,
            UpstreamEnd::TooLarge => (CloseCode::TOO_BIG, "the event is too large"),
            UpstreamEnd::Failed => (close_code(503), "the event was not handled; Retry-After: 1"),
            UpstreamEnd::Superseded => (CloseCode::GOING_AWAY, "another connection has the source"),
            UpstreamEnd::Exhausted => (CloseCode::POLICY, "there is no next number"),
        };
        close(meta, code, reason).await;
    }

    /// Reads to the end, or until the client has sent as much as one event may have.
    async fn discard(&self, meta: &WsMeta, mut messages: WsReceiver) {
        let mut left = self.max_event;
        while let Some(Ok(message)) = messages.next().await {
            let Some(rest) = left.checked_sub(message.len()) else {
                close(meta, CloseCode::POLICY, "no events are accepted here").await;
                return;
            };
            left = rest;
        }
    }
}

impl Default for EventSocket {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSocket")
            .field("max_event", &self.max_event)
            .field("write_timeout", &self.write_timeout)
            .finish_non_exhaustive()
    }
}

/// The reason why a feed cannot be sent any further.
enum SendFailure {
    /// The connection is lost.
    Lost,
    /// The client does not read.
    Stalled,
}

/// Waits until a client has had its time after the feed was stopped.
fn lingering(feed: &EventFeed) -> impl Future<Output = ()> + Send + use<> {
    let stopped = feed.stopped();
    async {
        stopped.await;
        sleep(LINGER).await;
    }
}

/// Runs `sending`, which counts in `fed` the bytes it gives to the connection, for as long as the
/// system takes some of them in each `limit`.
async fn progressing(
    meta: &WsMeta,
    limit: Option<Duration>,
    fed: &AtomicUsize,
    sending: impl Future<Output = Result<(), Error>>,
) -> Result<(), SendFailure> {
    let lost = |error| {
        tracing::debug!(%error, "the subscriber is gone");
        SendFailure::Lost
    };
    let Some(limit) = limit else {
        return sending.await.map_err(lost);
    };
    let mut sending = pin!(sending);
    // Nearly always the system takes it at once.
    if let Some(sent) = poll_immediate(sending.as_mut()).await {
        return sent.map_err(lost);
    }
    let (mut taken, mut idle_looks) = (0, 0);
    loop {
        if let Ok(sent) = timeout(limit / LOOKS, sending.as_mut()).await {
            return sent.map_err(lost);
        }
        let fed = fed.load(Ordering::Relaxed);
        let now = fed.saturating_sub(meta.buffered_amount());
        idle_looks = if now > taken { 0 } else { idle_looks + 1 };
        if idle_looks == LOOKS {
            return Err(SendFailure::Stalled);
        }
        taken = now;
    }
}

async fn send_chunk(sink: &mut WsSender, mut chunk: Bytes, fed: &AtomicUsize) -> Result<(), Error> {
    while !chunk.is_empty() {
        let piece = chunk.split_to(chunk.len().min(MAX_MESSAGE));
        fed.fetch_add(piece.len(), Ordering::Relaxed);
        sink.feed(WsMessage::Binary(piece)).await?;
    }
    sink.flush().await
}

fn confirmation(to_confirm: &mut watch::Receiver<u64>) -> Bytes {
    comment(&upstream::handled_comment(*to_confirm.borrow_and_update()))
}

/// Encodes a comment without line breaks.
fn comment(text: &str) -> Bytes {
    format!(": {text}\n\n").into()
}

/// Returns the code that says what this HTTP status says.
fn close_code(status: u16) -> CloseCode {
    CloseCode::from_http_status(status).unwrap_or(CloseCode::INTERNAL)
}

async fn close(meta: &WsMeta, code: CloseCode, reason: &str) {
    if let Err(error) = meta.close_reason(code, reason).await {
        tracing::debug!(%error, "not closed");
    }
}
