//! The events that are to be sent.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures::Sink;

use super::{
    Connector, SourceError, SourceErrorKind,
    machine::{Machine, Phase},
};
use crate::sse::{SseEvent, encoder::encode_event};

/// Events that were accepted, until a connection has taken them and flushed them.
///
/// What a connection that broke had taken and not flushed may have arrived or not; it is sent
/// again over the next one. What it had flushed may not have arrived either, and is not kept: no
/// transport tells what became of it.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Not given to the connection yet.
    waiting: VecDeque<Bytes>,
    /// Given to the connection, and not flushed yet.
    unflushed: VecDeque<Bytes>,
    /// Of both.
    bytes: usize,
    limit: usize,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            unflushed: VecDeque::new(),
            bytes: 0,
            limit,
        }
    }

    /// The connection is gone, and what it had taken is to be sent again, in the same order.
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

    /// Gives the connection what is waiting.
    fn poll_give<S: Sink<Bytes>>(
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

    /// Gives the connection what is waiting, until all of it is out of its hands.
    fn poll_flush<S: Sink<Bytes>>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut S>,
    ) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_give(cx, body.as_mut()))?;
        ready!(body.poll_flush(cx))?;
        self.flushed();
        Poll::Ready(Ok(()))
    }
}

/// Sending: pending while there is no connection.
impl<C> Machine<C>
where
    C: Connector,
    C::Body: Sink<Bytes>,
    <C::Body as Sink<Bytes>>::Error: Into<SourceError>,
{
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.poll_with(cx, |outbox, cx, body| {
            if outbox.is_full() {
                outbox.poll_flush(cx, body)
            } else {
                outbox.poll_give(cx, body)
            }
        })
    }

    pub(super) fn start_send(&mut self, event: &SseEvent) -> Result<(), SourceError> {
        if self.is_closed() {
            return Err(SourceError::bare(SourceErrorKind::NotOpen));
        }
        self.outbox.push(event)
    }

    /// To flush is no error, and nothing to wait for, as long as there is nothing to lose.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        if self.outbox.bytes == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_with(cx, Outbox::poll_flush)
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        ready!(self.poll_flush(cx))?;
        self.is_closing = true;
        self.shared.sender.register(cx.waker());
        if let Phase::Open(open) = &mut self.phase {
            // Everything was flushed: that the connection did not end well is no loss.
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
            &mut Outbox,
            &mut Context<'_>,
            Pin<&mut C::Body>,
        ) -> Poll<Result<(), <C::Body as Sink<Bytes>>::Error>>,
    ) -> Poll<Result<(), SourceError>> {
        // Not only the connection wakes: so does its end, the next one, and a handle that closes,
        // which is why this comes before looking whether one has.
        self.shared.sender.register(cx.waker());
        if self.is_closed() {
            self.close();
            return Poll::Ready(Err(SourceError::bare(SourceErrorKind::NotOpen)));
        }
        let Phase::Open(open) = &mut self.phase else {
            return Poll::Pending;
        };
        if open.is_broken() {
            return Poll::Pending;
        }
        match poll(&mut self.outbox, cx, open.body.as_mut()) {
            Poll::Ready(Err(error)) => {
                open.note_broken(error.into());
                self.shared.reader.wake();
                Poll::Pending
            }
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}
