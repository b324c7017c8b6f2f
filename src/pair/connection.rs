//! The state machine of one connection, on top of a socket.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::idle::Idle;
use crate::{
    CloseEvent, Error, WsEvent, WsMessage, WsState,
    backend::{Alarm as _, Backend as _, Clock as _, End, Platform, Remains, Timer, Unsendable},
    error::Violation,
    event::CloseFrame,
    options::Options,
};

/// The part of a connection that no socket has: its reader, its timeouts, and the events for
/// observers.
///
/// ```text
///          start_close, or the peer's Close
///   Open ───────────────────────────────────▶ Closing ──┐
///    │                                          │       │ close timeout
///    │ lost, violation, idle timeout            │ end   │ with nothing received
///    └────────────────────────▶ Closed ◀────────┴───────┘
/// ```
#[derive(Debug)]
pub(super) struct Connection {
    socket: Platform,
    state: WsState,
    end: Option<End>,
    reader: ReaderState,
    /// `true` if our own shutdown made the target discard what still arrives.
    may_be_truncated: bool,
    refuse_text: bool,
    close_timeout: Option<Duration>,
    close_timer: Option<Timer>,
    half_closed: Option<HalfClosed>,
    idle: Option<Idle>,
    /// The events that were not reported yet; see [`Connection::take_events`].
    events: Vec<WsEvent>,
}

const OVERDUE: &str = "the closing handshake was not completed in time";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    /// There is a stream, and it may read.
    Reading,
    /// The stream has yielded the end.
    Finished,
    /// The receiving half was dropped; the sending half may still be there.
    Gone,
    /// Both halves were dropped.
    Released,
}

/// The sink was closed, and the reader still wants what the peer sends before its Close frame:
/// then the close timeout runs only while nothing is received.
#[derive(Debug, Clone, Copy)]
struct HalfClosed {
    /// `true` if the close timeout has passed once.
    is_overdue: bool,
}

impl Connection {
    pub(super) fn new(socket: Platform, options: &Options) -> Self {
        Self {
            socket,
            state: WsState::Open,
            end: None,
            reader: ReaderState::Reading,
            may_be_truncated: false,
            refuse_text: options.refuse_text,
            close_timeout: options.close_timeout,
            close_timer: None,
            half_closed: None,
            idle: options.idle_timeout.map(Idle::new),
            events: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn state(&self) -> WsState {
        self.state
    }

    pub(super) fn close_event(&self) -> Option<&CloseEvent> {
        self.end.as_ref().map(|end| &end.event)
    }

    #[inline]
    pub(super) fn is_reader_gone(&self) -> bool {
        matches!(self.reader, ReaderState::Gone | ReaderState::Released)
    }

    /// Returns whether nobody is left who could read or send.
    pub(super) fn is_released(&self) -> bool {
        self.reader == ReaderState::Released
    }

    #[inline]
    pub(super) fn is_terminated(&self) -> bool {
        self.reader != ReaderState::Reading
    }

    pub(super) fn buffered_amount(&self) -> usize {
        self.socket.buffered_amount()
    }

    #[inline]
    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(super) fn take_events(&mut self) -> Vec<WsEvent> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn take_remains(&mut self) -> Option<Remains> {
        self.socket.take_remains()
    }

    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<WsMessage, Error>>> {
        if self.is_terminated() {
            return Poll::Ready(None);
        }
        loop {
            self.poll_close_timer(cx);
            match self.socket.poll_recv(cx) {
                Poll::Ready(Ok(message)) if self.refuse_text && message.is_text() => {
                    self.socket.fail(&Violation::text_refused());
                    self.note_closing();
                }
                Poll::Ready(Ok(message)) => return Poll::Ready(Some(Ok(message))),
                Poll::Ready(Err(end)) => {
                    self.reader = ReaderState::Finished;
                    self.finish(end.clone());
                    let truncated = || Error::truncated(end.event);
                    let error = end.error.or_else(|| self.may_be_truncated.then(truncated));
                    return Poll::Ready(error.map(Err));
                }
                Poll::Pending if self.has_changed(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Waits for the end, and drives the connection towards it as far as that goes without a
    /// reader.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<CloseEvent, Error>> {
        loop {
            if let Some(end) = &self.end {
                return Poll::Ready(match &end.error {
                    Some(error) => Err(error.clone()),
                    None => Ok(end.event.clone()),
                });
            }
            self.poll_close_timer(cx);
            match self.socket.poll_end(cx) {
                Poll::Ready(end) => self.finish(end),
                Poll::Pending if self.has_changed(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Fails unless the connection is open.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_socket(cx, Platform::poll_ready)
    }

    /// Works while the connection is closing and after the end, too: to flush is no error as long
    /// as nothing was lost, and copying loops flush once more than they need to.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_socket(cx, Platform::poll_flush)
    }

    /// Takes bytes once there is room for them, and returns how many; see
    /// [`Backend::poll_write`](crate::backend::Backend::poll_write).
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        self.poll_socket(cx, |socket, cx| socket.poll_write(cx, bytes))
    }

    pub(super) fn send(&mut self, message: WsMessage) -> Result<(), Error> {
        self.socket
            .send(message)
            .map_err(|error| self.unsendable(error))
    }

    /// Closes because there is nothing more to send, and waits for the end. The reader still wants
    /// what the peer sends, unlike after [`start_close`](Connection::start_close).
    ///
    /// Resolves without the end where the peer's Close frame lies behind more than is read ahead,
    /// or is not there when the close timeout has passed: the reader finds it.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.state < WsState::Closing {
            self.may_be_truncated = self.socket.discards_input_after_close();
            if !self.may_be_truncated && self.reader == ReaderState::Reading {
                self.half_closed = Some(HalfClosed { is_overdue: false });
            }
            self.socket.start_close(None);
            self.note_closing();
        }
        if let Poll::Ready(ended) = self.poll_end(cx) {
            return Poll::Ready(ended.map(drop));
        }
        let Some(HalfClosed { is_overdue }) = self.half_closed else {
            return Poll::Pending;
        };
        if !is_overdue && !self.socket.is_held_back() {
            return Poll::Pending;
        }
        match self.poll_flush(cx) {
            Poll::Pending if is_overdue => {
                // The peer sends, and does not take what was accepted for it.
                self.socket.abort(End::overdue(OVERDUE));
                self.poll_end(cx).map_ok(drop)
            }
            flushed => flushed,
        }
    }

    /// Begins to close the whole connection: what the peer still sends is not wanted, and the close
    /// timeout holds.
    pub(super) fn start_close(&mut self, frame: Option<CloseFrame>) {
        if self.state < WsState::Closing {
            self.socket.start_close(frame);
            self.note_closing();
        } else if self.half_closed.take().is_some() {
            self.close_timer = self.close_timeout.map(Timer::after);
        }
    }

    /// The stream was dropped: nobody will read or send any more.
    pub(super) fn release(&mut self) {
        self.reader = ReaderState::Released;
        self.socket.discard_input();
        self.start_close(None);
    }

    /// The receiving half was dropped: what arrives is discarded by whoever sends.
    pub(super) fn discard_input(&mut self) {
        self.reader = ReaderState::Gone;
        self.socket.discard_input();
    }

    /// Gives up a closing handshake that nobody waits for any more.
    pub(super) fn abandon(&mut self) {
        if self.end.is_none() {
            let end = End::lost(None);
            self.socket.abort(end.clone());
            self.finish(end);
        }
    }

    /// Polls the socket, and the clocks while it is pending.
    fn poll_socket<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Platform, &mut Context<'_>) -> Poll<Result<T, Unsendable>>,
    ) -> Poll<Result<T, Error>> {
        loop {
            if self.is_reader_gone()
                && let Poll::Ready(end) = self.socket.poll_end(cx)
            {
                self.finish(end);
            }
            match poll(&mut self.socket, cx) {
                Poll::Ready(sent) => {
                    return Poll::Ready(sent.map_err(|error| self.unsendable(error)));
                }
                Poll::Pending if self.poll_close_timer(cx) || self.has_changed(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn unsendable(&self, error: Unsendable) -> Error {
        let Some(end) = &self.end else {
            return Error::not_open().with_cause(error.cause);
        };
        let cause = error.cause.or_else(|| Some(Arc::new(end.error.clone()?)));
        Error::not_open()
            .with_cause(cause)
            .with_close_event(end.event.clone())
    }

    /// Returns whether something other than a message or the end came up, so that the socket has
    /// to be asked again.
    fn has_changed(&mut self, cx: &mut Context<'_>) -> bool {
        self.note_closing() || self.poll_idle(cx)
    }

    /// Notes that a closing handshake has begun, and sets its clock.
    fn note_closing(&mut self) -> bool {
        let begins = self.state == WsState::Open && self.socket.is_closing();
        if begins {
            self.state = WsState::Closing;
            self.events.push(WsEvent::Closing);
            self.close_timer = self.close_timeout.map(Timer::after);
        }
        begins
    }

    /// Returns whether the close timeout ended the connection.
    fn poll_close_timer(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let (Some(timer), Some(timeout)) = (&mut self.close_timer, self.close_timeout) else {
                return false;
            };
            if Pin::new(timer).poll(cx).is_pending() {
                return false;
            }
            let is_silent =
                !self.socket.is_held_back() && self.socket.last_activity().elapsed() >= timeout;
            match &mut self.half_closed {
                Some(half) if !is_silent && self.reader == ReaderState::Reading => {
                    half.is_overdue = true;
                    self.close_timer = Some(Timer::after(timeout));
                }
                _ => break,
            }
        }
        self.close_timer = None;
        self.socket.abort(End::overdue(OVERDUE));
        true
    }

    /// Returns whether the socket has to be asked again.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(idle) = &mut self.idle else {
            return false;
        };
        if idle.poll_timer(cx).is_pending() {
            return false;
        }
        // What has arrived and was not read is no silence.
        if let Poll::Ready(end) = self.socket.poll_end(cx) {
            self.finish(end);
            return true;
        }
        let silence = match self.socket.is_held_back() {
            true => Duration::ZERO,
            false => self.socket.last_activity().elapsed(),
        };
        if !idle.restart(silence) {
            self.idle = None;
            self.socket
                .abort(End::overdue("nothing was received for idle_timeout"));
        }
        true
    }

    fn finish(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        if end.event.was_clean && self.state < WsState::Closing {
            self.events.push(WsEvent::Closing);
        }
        if let Some(error) = &end.error {
            self.events.push(WsEvent::Error(error.clone()));
        }
        self.events.push(WsEvent::Closed(end.event.clone()));
        self.state = WsState::Closed;
        self.close_timer = None;
        self.idle = None;
        self.end = Some(end);
    }
}
