use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Sink, Stream, stream::FusedStream};

use super::{
    Connector, SourceBuilder, SourceError, SourceEvent, SourceHandle, SourceState, WsConnector,
    machine::Machine,
};
use crate::sse::SseEvent;

/// An event stream that connects again by itself and resumes after the last event it got
/// (WHATWG HTML § 9.2).
///
/// As a `Stream` it gives events, comments, [`SourceEvent::Open`] for every connection, and every
/// error, each of which [says](SourceError::retry_in) whether and when it is tried again. Only
/// after an error that [is final](SourceError::is_final), or after [`close`](EventSource::close),
/// comes `None`, for ever. What is final is for the [`Policy`](super::Policy) to say, when and how
/// often it is tried again for [`Reconnect`](super::Reconnect).
///
/// ```no_run
/// use futures::StreamExt;
/// use wsio::sse::{EventSource, SourceEvent};
///
/// # async fn example() {
/// let mut source = EventSource::ws("wss://example.com/events").build();
/// while let Some(item) = source.next().await {
///     match item {
///         Ok(SourceEvent::Event(event)) => println!("{}: {}", event.name, event.data),
///         Ok(_) => {}
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # }
/// ```
///
/// # Resuming
///
/// The id of the last event travels with every attempt after it: over a WebSocket as the query
/// parameter `lastEventId`, over HTTP as the header `Last-Event-ID`. It changes only when an
/// event is given that has an id (or a block that has one and no data is passed over), so that
/// an event which was on its way when a connection broke is asked for again, and a connection
/// whose first event has no id does not make it forget. It is never sent when empty.
///
/// # Sending
///
/// Over a connector whose connections can be written to, such as [`WsConnector`], it is a `Sink`
/// of events as well. While there is no connection it is not ready, and connecting is the
/// stream's work: poll both, or split it (`futures::StreamExt::split`). What was accepted goes out
/// when the sink is flushed. Closing the sink flushes and ends the source. Once the source has
/// ended, sending fails, and so does a flush if there was something left to send.
///
/// An accepted event is kept until a connection has flushed it, which over a WebSocket means that
/// the operating system has it, or the browser. If the connection breaks before that, the event is
/// sent over the next one, in the order in which it was accepted; it may then arrive twice. Whether
/// an event arrived that had been flushed when its connection broke cannot be known on this side,
/// and it is not sent again. Where none may be lost and none may count twice, give events ids, let
/// the server confirm them by events of its own, and send what stays unconfirmed again after the
/// next [`SourceEvent::Open`]. What is kept is bounded by
/// [`send_limit`](SourceBuilder::send_limit).
///
/// # Dropping
///
/// Ends everything: the connection, an attempt, a delay.
///
/// # Cancel safety
///
/// Nothing is lost when a future of `StreamExt::next`, `SinkExt::flush` or the like is dropped.
///
/// # Where it runs
///
/// Natively its clocks are those of the tokio runtime in which it is polled. In a browser it works
/// in pages and workers.
///
/// In a background tab an open connection brings events as ever, since messages are not held back.
/// Timers are: browsers let them fire once a second, and after some minutes once a minute. Delays
/// shorter than that are as long as that; a connection that has gone silent is noticed, and an
/// attempt that takes too long given up, up to a minute late. A tab that the browser has frozen,
/// or a computer that sleeps, runs nothing at all: when it goes on, the connection has mostly been
/// lost, or counts as silent, and is made again after one delay. In none of these cases is an event
/// lost or repeated, as long as the server keeps what was missed. A page that wants to be up to date
/// the moment it is seen again closes the source on `visibilitychange` and makes another one from its
/// [`last_event_id`](EventSource::last_event_id); a worker's timers are mostly not throttled.
pub struct EventSource<C: Connector = WsConnector> {
    machine: Machine<C>,
}

impl<C: Connector> EventSource<C> {
    /// Everything that can be said about an event source whose connections `connector` makes.
    pub fn builder(connector: C) -> SourceBuilder<C> {
        SourceBuilder::new(connector)
    }

    pub(super) fn new(machine: Machine<C>) -> Self {
        Self { machine }
    }

    /// Where it is in its life.
    #[must_use]
    pub fn ready_state(&self) -> SourceState {
        self.machine.shared.state()
    }

    /// The id of the last event that had one, the initial one before that; empty if there is
    /// none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.machine.last_event_id()
    }

    /// Ends it: closes the connection, gives up what is being tried, and from now on the stream
    /// gives `None`.
    pub fn close(&mut self) {
        self.machine.close();
        self.machine.shared.reader.wake();
    }

    /// A handle with which it can be closed from elsewhere.
    #[must_use]
    pub fn handle(&self) -> SourceHandle {
        SourceHandle::new(Arc::clone(&self.machine.shared))
    }
}

/// Its parts are never pinned in place.
impl<C: Connector> Unpin for EventSource<C> {}

impl<C: Connector> Stream for EventSource<C> {
    type Item = Result<SourceEvent, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.machine.poll_next(cx)
    }
}

impl<C: Connector> FusedStream for EventSource<C> {
    fn is_terminated(&self) -> bool {
        self.machine.is_over()
    }
}

impl<C> Sink<SseEvent> for EventSource<C>
where
    C: Connector,
    C::Body: Sink<Bytes>,
    <C::Body as Sink<Bytes>>::Error: Into<SourceError>,
{
    type Error = SourceError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.machine.poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, event: SseEvent) -> Result<(), SourceError> {
        self.machine.start_send(&event)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.machine.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.machine.poll_close(cx)
    }
}

impl<C: Connector> Drop for EventSource<C> {
    fn drop(&mut self) {
        // Its handles are to know.
        self.machine.close();
    }
}

impl<C: Connector> fmt::Debug for EventSource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource")
            .field("ready_state", &self.ready_state())
            .field("last_event_id", &self.last_event_id())
            .finish_non_exhaustive()
    }
}
