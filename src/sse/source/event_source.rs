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
    machine::SourceMachine,
};
use crate::sse::SseEvent;

/// An event stream that reconnects by itself and resumes after the last event it yielded
/// (WHATWG HTML § 9.2).
///
/// The `Stream` yields [`SourceEvent::Open`] for every connection, events, comments, and every
/// error. Each error [tells](SourceError::retry_in) whether and when the source retries. After an
/// error that [is final](SourceError::is_final), or after [`close`](EventSource::close), the stream
/// ends for good. [`Policy`](super::Policy) decides which errors are final;
/// [`Reconnect`](super::Reconnect) decides when and how often to retry.
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
/// Every attempt carries the id of the last event: over a WebSocket as the query parameter
/// `lastEventId`, over HTTP as the header `Last-Event-ID`. The id changes only when the source
/// yields an event that has one, or skips a block that has an id and no data. An event that was in
/// transit when a connection was lost is therefore sent again, and a connection whose first event
/// has no id does not reset the id. An empty id is never sent.
///
/// # Sending
///
/// Over a connector whose connections are sinks, such as [`WsConnector`], the source is also a
/// `Sink` of events. The sink is not ready while no connection is open. Only polling the stream
/// connects, so poll both. `futures::StreamExt::split` returns two halves; its sink half holds back
/// one event until the next `send` or a `flush`. Accepted events go out when the sink is flushed.
/// A flush is complete when a connection has taken all events; over a WebSocket that is when the
/// operating system or the browser has. After the end, sending fails, and so does a flush if events
/// are left that no connection has taken. [`send_limit`](SourceBuilder::send_limit) bounds the
/// events that are kept: above it the sink is not ready.
///
/// # Each event once
///
/// A server of the crates `wsio-events` and `wsio-axum` confirms the events that its handler has
/// handled. The source numbers the events that the sink accepts, under a random id of its own, and
/// keeps each until it is confirmed. After a lost connection, and at every other server of the same
/// log, it sends the unconfirmed ones again, in the original order; the stream's task does so, no
/// flush is needed. The server skips what it has seen. So each event is handled once and in order,
/// for as long as the source lives and the log remembers it. The numbers and confirmations travel as
/// comments ([`sse::upstream`](crate::sse::upstream)), which are not items of the stream.
///
/// The first item of its stream tells if a server confirms. To one that does not, an event is sent
/// as it is and kept only until a connection has flushed it. If a connection is lost before, or
/// before the server has sent anything, the event is sent over the next one, and may arrive twice;
/// an event that was flushed shortly before the connection was lost may be lost with it. A source
/// that has met no confirming server yet takes a server for one that does not confirm if it has sent
/// nothing for 10 seconds.
///
/// # Closing the sink
///
/// Closing the sink waits until all events are flushed and, where the server confirms, confirmed.
/// Then it ends the source. Since nothing else may poll the source meanwhile, closing reads the
/// stream and reconnects as polling the stream does. (The half of a split source first has to pass
/// on the event that it holds back: flush it while the stream is polled.) It waits for as long as [`Reconnect`] retries;
/// bound it by a timeout. It fails if the source ends before, by a final error or by
/// [`close`](EventSource::close).
///
/// The items that closing reads are yielded by the stream, before its end. Closing keeps about 1 MiB
/// of them. What arrives beyond that is dropped, and the stream ends before it:
/// [`last_event_id`](EventSource::last_event_id) is always that of the last event yielded.
///
/// [`Reconnect`]: super::Reconnect
///
/// # Dropping
///
/// Dropping the source closes its connection and cancels an attempt or a delay.
///
/// # Cancel safety
///
/// `StreamExt::next` and `SinkExt::flush` are cancel safe. `SinkExt::send` is not: when its future is
/// dropped before the sink is ready, the event is lost.
///
/// # Timers
///
/// Natively the source uses the timers of the tokio runtime in which it is polled. In a browser it
/// works in pages and workers.
///
/// A background tab receives events without delay, but browsers throttle its timers to one per
/// second, and after some minutes to one per minute. Shorter delays then last that long, and the
/// idle and connect timeouts may fire up to a minute late. In a frozen tab, or while the computer
/// sleeps, nothing runs; afterwards the connection is usually lost or idle, and the source
/// reconnects after one delay. In none of these cases is an event lost or repeated, as long as the
/// server keeps the missed events. To be up to date as soon as a page is visible again, close the
/// source on `visibilitychange` and build another one from its
/// [`last_event_id`](EventSource::last_event_id). Timers of workers are rarely throttled.
pub struct EventSource<C: Connector = WsConnector> {
    machine: SourceMachine<C>,
}

impl<C: Connector> EventSource<C> {
    /// Returns a builder of an event source whose connections `connector` makes.
    pub fn builder(connector: C) -> SourceBuilder<C> {
        SourceBuilder::new(connector)
    }

    pub(super) fn new(machine: SourceMachine<C>) -> Self {
        Self { machine }
    }

    /// Returns the state of the source.
    #[must_use]
    pub fn ready_state(&self) -> SourceState {
        self.machine.shared.state()
    }

    /// Returns the id of the last event that had one, initially the one set in the builder. `None`
    /// if there is none, or if the last one was empty, which resets it.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.machine.last_event_id()
    }

    /// Closes the source: closes the connection, cancels an attempt or a delay, and ends the
    /// stream.
    pub fn close(&mut self) {
        self.machine.close();
        if let Some(ahead) = &mut self.machine.ahead {
            ahead.cut_off();
        }
        self.machine.shared.reader.wake();
    }

    /// Returns a handle that can close the source from another task.
    #[must_use]
    pub fn handle(&self) -> SourceHandle {
        SourceHandle::new(Arc::clone(&self.machine.shared))
    }
}

/// No field is pinned in place.
impl<C: Connector> Unpin for EventSource<C> {}

impl<C: Connector> Stream for EventSource<C> {
    type Item = Result<SourceEvent, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.machine.poll_next(cx)
    }
}

impl<C: Connector> FusedStream for EventSource<C> {
    fn is_terminated(&self) -> bool {
        self.machine.is_terminated()
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
        // The handles report the source as closed.
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
