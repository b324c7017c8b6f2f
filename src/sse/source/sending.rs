//! The sink of an event source.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Sink;

use super::{
    Connector, SourceError, SourceErrorKind,
    machine::{PIECES_PER_POLL, SourceMachine, SourcePhase},
};
use crate::sse::SseEvent;

/// Sending; it is pending while no connection is open.
impl<C> SourceMachine<C>
where
    C: Connector,
    C::Body: Sink<Bytes>,
    <C::Body as Sink<Bytes>>::Error: Into<SourceError>,
{
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        ready!(self.poll_send(cx, self.queue.is_full()))?;
        while self.queue.is_full() {
            // Confirmations wake the sender.
            ready!(self.poll_undecided(cx));
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn start_send(&mut self, event: &SseEvent) -> Result<(), SourceError> {
        if self.is_closed() {
            return Err(SourceError::bare(SourceErrorKind::NotOpen));
        }
        self.send =
            Some(|queue, cx, body, flush| queue.poll_send(cx, body, flush).map_err(Into::into));
        self.queue.push(event)
    }

    /// Flushes. If all events have been flushed before, it succeeds at once, connected or not.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        if self.queue.is_given() {
            return Poll::Ready(Ok(()));
        }
        self.poll_send(cx, true)
    }

    /// Waits until nothing is left in the queue, and closes the connection. Since nobody else may
    /// poll the source meanwhile, it reads, reconnects, and keeps the items for the stream.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.shared.sender.register(cx.waker());
        let mut pieces = 0;
        while !self.queue.is_empty() {
            if let Poll::Ready(sent) = self.poll_send(cx, true) {
                sent?;
            }
            if self.queue.is_empty() || self.poll_undecided(cx).is_ready() {
                continue;
            }
            pieces += 1;
            if pieces > PIECES_PER_POLL {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.poll_ahead());
        }
        self.is_closing = true;
        if let SourcePhase::Open(open) = &mut self.phase {
            // All events were flushed, so that an error while closing loses none.
            let _ = ready!(open.body.as_mut().poll_close(cx));
        }
        self.close();
        self.shared.reader.wake();
        Poll::Ready(Ok(()))
    }

    /// Reads an item for the stream.
    fn poll_ahead(&mut self) -> Poll<()> {
        let mut ahead = self.ahead.take().unwrap_or_default();
        ahead.begin_at(self.last_event_id());
        let waker = self.both_tasks();
        let item = self.poll_item(&mut Context::from_waker(&waker));
        let has_read = item.is_ready();
        if let Poll::Ready(Some(item)) = item {
            ahead.push(item, self.last_event_id());
        }
        self.ahead = Some(ahead);
        if !has_read {
            return Poll::Pending;
        }
        self.shared.reader.wake();
        Poll::Ready(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, flush: bool) -> Poll<Result<(), SourceError>> {
        // The end of the connection, the next one, a confirmation and a close by a handle wake the
        // sender, too. Registering comes before the check for a close, so that none is missed.
        self.shared.sender.register(cx.waker());
        if self.is_closed() {
            self.close();
            return Poll::Ready(Err(SourceError::bare(SourceErrorKind::NotOpen)));
        }
        self.poll_send_open(flush).map(Ok)
    }
}
