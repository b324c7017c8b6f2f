//! What the seam asks of a socket.

use std::{
    io::IoSlice,
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::task::unconstrained;
use tokio_tungstenite::tungstenite::{Message, protocol};

use super::{NativeSocket, Phase, READ_AHEAD, Step};
use crate::{
    Error, WsMessage,
    backend::{self, End, Endpoint, Negotiated, Unsendable, Violation},
    event::{CloseCode, CloseFrame},
    native::backend::{NativeInstant, NativeOptions, connect},
    options::Options,
    target::frames::writer::FRAME_HEADER,
};

impl backend::Backend for NativeSocket {
    type PlatformOptions = NativeOptions;

    fn connect(
        target: Endpoint,
        options: &Options,
        setup: NativeOptions,
    ) -> impl Future<Output = Result<(Self, Negotiated), Error>> + Send {
        connect::connect(target, options.clone(), setup)
    }

    /// What RFC 6455 § 7.4 and the registry allow an endpoint to send.
    fn may_close_with(code: CloseCode) -> bool {
        matches!(u16::from(code), 1000..=1003 | 1007..=1013 | 3000..=4999)
    }

    /// Polls once: all that can be had without a task. It is the only chance to write the Close
    /// frame, also for who has used up tokio's budget by dropping many connections at once.
    fn settle(task: impl Future<Output = ()> + Send + 'static) {
        let _ = pin!(unconstrained(task)).poll(&mut Context::from_waker(Waker::noop()));
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>> {
        match self.inbox.pop_front() {
            Some(message) => {
                self.inbox_bytes -= message.len();
                Poll::Ready(Ok(message))
            }
            None => self.poll_wire(cx),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Messages are counted too, so that empty ones do not add up.
        while self.inbox_bytes < READ_AHEAD && self.inbox.len() < READ_AHEAD / 64 {
            match ready!(self.poll_wire(cx)) {
                Ok(_) if self.discarding => {}
                Ok(message) => {
                    self.inbox_bytes += message.len();
                    self.inbox.push_back(message);
                }
                Err(end) => return Poll::Ready(end),
            }
        }
        match &self.phase {
            Phase::Over(end) => Poll::Ready(end.clone()),
            _ => {
                let _ = self.poll_flush_link(cx);
                Poll::Pending
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        self.check_sendable()?;
        if self.unflushed < self.limits.high_water_mark {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush_link(cx)
    }

    fn send(&mut self, message: WsMessage) -> Result<(), Unsendable> {
        self.check_sendable()?;
        let Some(link) = &mut self.link else {
            return Err(Unsendable { cause: None });
        };
        self.unflushed += message.len() + FRAME_HEADER;
        if self.queued || !link.push_message(&message) {
            self.queued = true;
            let sent = link.start_send(match message {
                WsMessage::Text(text) => Message::text(text),
                WsMessage::Binary(bytes) => Message::Binary(bytes),
            });
            self.note(sent);
        }
        self.check_sendable()
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Result<usize, Unsendable> {
        let len = bytes.iter().map(|slice| slice.len()).sum::<usize>();
        let len = len.min(self.limits.write_chunk);
        if len > 0 {
            self.check_sendable()?;
            let is_written = match &mut self.link {
                Some(link) if !self.queued => link.write_message(cx, bytes, len),
                _ => false,
            };
            if is_written {
                self.unflushed += len + FRAME_HEADER;
            } else {
                let message = gather(bytes, len);
                backend::Backend::send(self, WsMessage::Binary(message))?;
            }
            // Offered at once. If the socket is full, whoever polls next drives it on.
            if let Poll::Ready(Err(error)) = self.poll_flush_link(cx) {
                return Err(error);
            }
        }
        Ok(len)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        if self.unflushed == 0 {
            return Poll::Ready(self.check_flushable());
        }
        self.poll_flush_link(cx)
    }

    fn start_close(&mut self, frame: Option<CloseFrame>) {
        if let (Phase::Open, Some(link)) = (&self.phase, &mut self.link) {
            let frame = frame.map(|frame| protocol::CloseFrame {
                code: u16::from(frame.code).into(),
                reason: frame.reason.into(),
            });
            let sent = link.start_send(Message::Close(frame));
            self.unflushed += 1;
            self.queued = true;
            self.note(sent);
            self.phase = Phase::Closing;
        }
    }

    fn discards_input_after_close(&self) -> bool {
        false
    }

    fn fail(&mut self, failure: Violation) {
        if matches!(self.phase, Phase::Failing(..) | Phase::Over(_)) {
            return;
        }
        self.inbox.clear();
        self.inbox_bytes = 0;
        let frame = CloseFrame {
            code: failure.code,
            reason: failure.message.to_owned(),
        };
        backend::Backend::start_close(self, Some(frame));
        self.phase = Phase::Failing(failure, Step::Flush);
    }

    fn abort(&mut self, end: End) {
        if !matches!(self.phase, Phase::Over(_)) {
            let end = match &self.phase {
                // Why it failed says more than that the peer did not answer.
                Phase::Failing(failure, _) => End::failed(failure),
                Phase::Answering(event) => End::closed(event.clone()),
                _ => end,
            };
            self.over(end);
        }
    }

    fn discard_input(&mut self) {
        self.discarding = true;
        self.inbox.clear();
        self.inbox_bytes = 0;
    }

    fn is_closing(&self) -> bool {
        !matches!(self.phase, Phase::Open)
    }

    fn buffered_amount(&self) -> usize {
        self.unflushed
    }

    fn last_activity(&self) -> NativeInstant {
        let read = self.link.as_ref().and_then(|link| link.last_read());
        read.unwrap_or(self.last_message)
    }
}

/// One message of the first `len` bytes of several slices.
fn gather(slices: &[IoSlice<'_>], len: usize) -> Bytes {
    if let [slice] = slices {
        return Bytes::copy_from_slice(&slice[..len]);
    }
    let mut message = BytesMut::with_capacity(len);
    for slice in slices {
        let room = len - message.len();
        message.extend_from_slice(&slice[..slice.len().min(room)]);
    }
    message.freeze()
}
