//! The queue of events to be sent.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures::Sink;

use super::{
    Connector, SourceError, SourceErrorKind,
    machine::{SourceMachine, SourcePhase},
};
use crate::sse::{SseEvent, encoder::encode_event};

/// Accepted events, until a connection has flushed them.
///
/// Events that a lost connection had taken but not flushed may or may not have arrived; they are
/// sent again over the next one. Flushed events may be lost as well, but are not kept: no transport
/// reports their fate.
#[derive(Debug)]
pub(super) struct SendQueue {
    /// Not written to the connection yet.
    waiting: VecDeque<Bytes>,
    /// Written to the connection, and not flushed yet.
    unflushed: VecDeque<Bytes>,
    /// The bytes of both.
    bytes: usize,
    limit: usize,
}

impl SendQueue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            unflushed: VecDeque::new(),
            bytes: 0,
            limit,
        }
    }

    /// Queues all unflushed events again, in the same order, since the connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.unflushed.append(&mut self.waiting);
        std::mem::swap(&mut self.waiting, &mut self.unflushed);
    }

    fn push(&mut self, event: &SseEvent) -> Result<(), SourceError> {
        let mut bytes = BytesMut::new();
        encode_event(event, &mut bytes)
            .map_err(|error| SourceError::new(SourceErrorKind::InvalidEvent, error))?;
        self.bytes += bytes.len();
        self.waiting.push_back(bytes.freeze());
        Ok(())
    }

    fn flushed(&mut self) {
        let flushed: usize = self.unflushed.drain(..).map(|bytes| bytes.len()).sum();
        self.bytes -= flushed;
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// Writes the waiting events to the connection.
    fn poll_write<S: Sink<Bytes>>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut S>,
    ) -> Poll<Result<(), S::Error>> {
        while let Some(bytes) = self.waiting.front() {
            ready!(body.as_mut().poll_ready(cx))?;
            body.as_mut().start_send(bytes.clone())?;
            self.unflushed.extend(self.waiting.pop_front());
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the waiting events to the connection, and flushes it.
    fn poll_flush<S: Sink<Bytes>>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut S>,
    ) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_write(cx, body.as_mut()))?;
        ready!(body.poll_flush(cx))?;
        self.flushed();
        Poll::Ready(Ok(()))
    }
}

/// Sending; it is pending while no connection is open.
impl<C> SourceMachine<C>
where
    C: Connector,
    C::Body: Sink<Bytes>,
    <C::Body as Sink<Bytes>>::Error: Into<SourceError>,
{
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.poll_with(cx, |queue, cx, body| {
            if queue.is_full() {
                queue.poll_flush(cx, body)
            } else {
                queue.poll_write(cx, body)
            }
        })
    }

    pub(super) fn start_send(&mut self, event: &SseEvent) -> Result<(), SourceError> {
        if self.is_closed() {
            return Err(SourceError::bare(SourceErrorKind::NotOpen));
        }
        self.queue.push(event)
    }

    /// Flushes. Without unflushed events it succeeds at once, connected or not.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        if self.queue.bytes == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(cx, SendQueue::poll_flush)
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        ready!(self.poll_flush(cx))?;
        self.is_closing = true;
        self.shared.sender.register(cx.waker());
        if let SourcePhase::Open(open) = &mut self.phase {
            // All events were flushed, so that an error while closing loses none.
            let _ = ready!(open.body.as_mut().poll_close(cx));
        }
        self.close();
        self.shared.reader.wake();
        Poll::Ready(Ok(()))
    }

    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(
            &mut SendQueue,
            &mut Context<'_>,
            Pin<&mut C::Body>,
        ) -> Poll<Result<(), <C::Body as Sink<Bytes>>::Error>>,
    ) -> Poll<Result<(), SourceError>> {
        // The end of the connection, the next one and a close by a handle wake the sender, too.
        // Registering comes before the check for a close, so that none is missed.
        self.shared.sender.register(cx.waker());
        if self.is_closed() {
            self.close();
            return Poll::Ready(Err(SourceError::bare(SourceErrorKind::NotOpen)));
        }
        let SourcePhase::Open(open) = &mut self.phase else {
            return Poll::Pending;
        };
        if open.has_failed_to_send() {
            return Poll::Pending;
        }
        match poll(&mut self.queue, cx, open.body.as_mut()) {
            Poll::Ready(Err(error)) => {
                open.note_failed_send(error.into());
                self.shared.reader.wake();
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}
