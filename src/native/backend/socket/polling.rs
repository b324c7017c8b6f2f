//! The native side of the seam.

use std::{
    io::IoSlice,
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

use tokio::{runtime::Handle, task::unconstrained};

use super::{NativeSocket, Phase};
use crate::{
    Error, WsMessage,
    address::Endpoint,
    backend::{Backend, End, Negotiated, Unsendable},
    error::Violation,
    event::{CloseCode, CloseFrame},
    native::backend::{Link, NativeInstant, NativeOptions, connect},
    options::Options,
};

impl Backend for NativeSocket {
    type PlatformOptions = NativeOptions;
    type Remains = Box<dyn Link>;

    fn connect(
        endpoint: Endpoint,
        options: &Options,
        platform: NativeOptions,
    ) -> impl Future<Output = Result<(Self, Negotiated), Error>> + Send {
        connect::connect(endpoint, options.clone(), platform)
    }

    fn may_close_with(code: CloseCode) -> bool {
        code.is_allowed_on_the_wire()
    }

    /// Polls once: all that can be had without a task. It is the only chance to write the Close
    /// frame, also where tokio's budget is used up by dropping many connections at once.
    fn run_detached(task: impl Future<Output = ()> + Send + 'static) {
        let _ = pin!(unconstrained(task)).poll(&mut Context::from_waker(Waker::noop()));
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(task);
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>> {
        match self.inbox.pop_front() {
            Some(message) => {
                self.inbox_bytes -= message.len();
                Poll::Ready(Ok(message))
            }
            None => self.poll_link(cx),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.poll_read_ahead(cx)
    }

    fn is_held_back(&self) -> bool {
        self.is_read_ahead()
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        let room = self.poll_room(cx);
        if room.is_pending() && self.buffered_amount() < self.limits.high_water_mark {
            return Poll::Ready(Ok(()));
        }
        room
    }

    fn send(&mut self, message: WsMessage) -> Result<(), Unsendable> {
        self.check_sendable()?;
        if let Some(link) = &mut self.link {
            link.push_message(message);
            self.is_dirty = true;
        }
        Ok(())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Unsendable>> {
        ready!(self.poll_room(cx))?;
        let len = bytes.iter().map(|slice| slice.len()).sum::<usize>();
        let len = len.min(self.limits.write_chunk);
        if let (Some(link), 1..) = (&mut self.link, len) {
            link.write_message(cx, bytes, len);
            self.is_dirty = true;
            // Offered at once. If the transport is full, whoever polls next drives it on.
            if let Poll::Ready(Err(error)) = self.poll_flush_link(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        if !self.is_dirty {
            return Poll::Ready(self.check_flushable());
        }
        self.poll_flush_link(cx)
    }

    fn start_close(&mut self, frame: Option<CloseFrame>) {
        if let (Phase::Open, Some(link)) = (&self.phase, &mut self.link) {
            link.push_close(frame);
            self.is_dirty = true;
            self.phase = Phase::Closing;
        }
    }

    fn discards_input_after_close(&self) -> bool {
        false
    }

    fn fail(&mut self, violation: &Violation) {
        if matches!(self.phase, Phase::Over(_)) {
            return;
        }
        self.inbox.clear();
        self.inbox_bytes = 0;
        self.fail_link(violation);
    }

    fn abort(&mut self, end: End) {
        let end = match &self.phase {
            Phase::Over(_) => return,
            // The peer has said how it ends; only our answer is late.
            Phase::Answering(event) => End::closed(event.clone()),
            Phase::Open | Phase::Closing => end,
        };
        self.finish(end);
    }

    fn discard_input(&mut self) {
        self.is_discarding = true;
        self.inbox.clear();
        self.inbox_bytes = 0;
    }

    fn take_remains(&mut self) -> Option<Box<dyn Link>> {
        self.remains.take()
    }

    fn is_closing(&self) -> bool {
        !matches!(self.phase, Phase::Open)
    }

    fn buffered_amount(&self) -> usize {
        self.link.as_ref().map_or(0, |link| link.buffered())
    }

    fn last_activity(&self) -> NativeInstant {
        let read = self.link.as_ref().and_then(|link| link.last_read());
        read.unwrap_or(self.last_message)
    }
}
