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
    backend::{Alarm as _, Backend as _, End, Platform, Timer, Unsendable, Violation},
    event::CloseFrame,
    options::Options,
};

/// What a socket does not know: who still reads, how long a closing handshake may take, that a
/// silent peer is a dead one, and what the observers are to be told.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Platform,
    state: WsState,
    end: Option<End>,
    reader: Reader,
    /// Whether our own shutdown made the target discard what still arrives.
    may_be_truncated: bool,
    refuse_text: bool,
    close_timeout: Option<Duration>,
    close_timer: Option<Timer>,
    idle: Option<Idle>,
    /// What happened and has not been told yet; see [`Connection::take_events`].
    events: Vec<WsEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// There is a stream, and it may read.
    Reading,
    /// The stream has been told the end.
    Told,
    /// The stream was dropped.
    Gone,
}

impl Connection {
    pub(super) fn new(socket: Platform, options: &Options) -> Self {
        Self {
            socket,
            state: WsState::Open,
            end: None,
            reader: Reader::Reading,
            may_be_truncated: false,
            refuse_text: options.refuse_text,
            close_timeout: options.close_timeout,
            close_timer: None,
            idle: options.idle_timeout.map(Idle::new),
            events: Vec::new(),
        }
    }

    pub(super) fn state(&self) -> WsState {
        self.state
    }

    pub(super) fn close_event(&self) -> Option<&CloseEvent> {
        self.end.as_ref().map(|end| &end.event)
    }

    pub(super) fn is_reader_gone(&self) -> bool {
        self.reader == Reader::Gone
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.reader != Reader::Reading
    }

    pub(super) fn buffered_amount(&self) -> usize {
        self.socket.buffered_amount()
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(super) fn take_events(&mut self) -> Vec<WsEvent> {
        std::mem::take(&mut self.events)
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
                    self.socket.fail(Violation::text_refused());
                    self.note_closing();
                }
                Poll::Ready(Ok(message)) => return Poll::Ready(Some(Ok(message))),
                Poll::Ready(Err(end)) => {
                    self.reader = Reader::Told;
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

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_send(cx, Platform::poll_ready)
    }

    /// Also while the connection is closing and after the end: to flush is no error as long as
    /// nothing was lost, and copying loops flush once more than they need to.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_patiently(cx, Platform::poll_flush)
    }

    /// Takes bytes once there is room for them; how many, see [`Socket::write`](crate::backend::Backend::write).
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        self.poll_send(cx, |socket, cx| match socket.poll_ready(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(socket.write(cx, bytes)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        })
    }

    pub(super) fn send(&mut self, message: WsMessage) -> Result<(), Error> {
        self.check_open()?;
        self.socket
            .send(message)
            .map_err(|error| self.unsendable(error))
    }

    /// Closes because there is nothing more to send, and waits for the end. The reader still wants
    /// what the peer sends, unlike after [`start_close`](Connection::start_close).
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.state < WsState::Closing {
            self.may_be_truncated = self.socket.discards_input_after_close();
            self.start_close(None);
        }
        self.poll_end(cx).map_ok(drop)
    }

    pub(super) fn start_close(&mut self, frame: Option<CloseFrame>) {
        if self.state < WsState::Closing {
            self.socket.start_close(frame);
            self.note_closing();
        }
    }

    /// The stream was dropped: nobody will read or send any more.
    pub(super) fn release(&mut self) {
        self.reader = Reader::Gone;
        self.socket.discard_input();
        self.start_close(None);
    }

    /// Gives up a closing handshake that nobody waits for any more.
    pub(super) fn abandon(&mut self) {
        if self.end.is_none() {
            let end = End::lost(None);
            self.socket.abort(end.clone());
            self.finish(end);
        }
    }

    /// Sending, in whatever form: an error once the connection is not open.
    fn poll_send<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Platform, &mut Context<'_>) -> Poll<Result<T, Unsendable>>,
    ) -> Poll<Result<T, Error>> {
        self.check_open()?;
        self.poll_patiently(cx, |socket, cx| {
            // What has changed in between may be that it is open.
            if socket.is_closing() {
                return Poll::Ready(Err(Unsendable { cause: None }));
            }
            poll(socket, cx)
        })
    }

    /// Pending only while the clocks are looked at.
    fn poll_patiently<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Platform, &mut Context<'_>) -> Poll<Result<T, Unsendable>>,
    ) -> Poll<Result<T, Error>> {
        loop {
            match poll(&mut self.socket, cx) {
                Poll::Ready(sent) => {
                    return Poll::Ready(sent.map_err(|error| self.unsendable(error)));
                }
                Poll::Pending if self.has_changed(cx) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.state {
            WsState::Connecting | WsState::Open => Ok(()),
            WsState::Closing | WsState::Closed => Err(self.unsendable(Unsendable { cause: None })),
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

    /// Whether something other than a message or the end came up, so that the socket has to be
    /// asked again.
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

    fn poll_close_timer(&mut self, cx: &mut Context<'_>) {
        let Some(timer) = &mut self.close_timer else {
            return;
        };
        if Future::poll(Pin::new(timer), cx).is_ready() {
            self.close_timer = None;
            self.socket.abort(End::overdue(
                "the closing handshake was not completed in time",
            ));
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(idle) = &mut self.idle else {
            return false;
        };
        let expired = idle.poll(cx, self.socket.last_activity()).is_ready();
        if expired {
            self.idle = None;
            self.socket
                .abort(End::overdue("nothing was received for idle_timeout"));
        }
        expired
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
