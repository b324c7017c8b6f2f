//! The WebSocket of one connection in a browser.

use std::{
    fmt,
    io::IoSlice,
    rc::Rc,
    task::{Context, Poll, ready},
};

use send_wrapper::SendWrapper;
use web_sys::WebSocket;

use super::{
    Moment, Setup, Transport, inbox::Inbox, outbox::Outbox, plain::Plain, shared::Shared,
    streams::Streams, thrown, wire::Wire,
};
use crate::{
    Error, ErrorKind, WsMessage,
    backend::{self, Clock as _, End, Failure, Negotiated, Target, Unsendable},
    event::{CloseCode, CloseFrame},
    options::Options,
};

/// The parts live on the thread that made them; a socket can be moved to another thread, but
/// using or dropping it there panics, for JavaScript's objects cannot follow.
pub(crate) struct Socket(SendWrapper<Parts>);

struct Parts {
    wire: Rc<dyn Wire>,
    shared: Rc<Shared>,
    outbox: Rc<Outbox>,
    high_water_mark: usize,
    is_closing: bool,
    end: Option<End>,
}

impl Socket {
    /// Begins to connect.
    fn start(target: &Target, transport: Transport, options: &Options) -> Result<Self, Error> {
        let streams = match transport {
            Transport::Auto => Streams::is_safe(),
            Transport::WebSocketStream if !Streams::is_available() => {
                let message = "this browser has no WebSocketStream";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            Transport::WebSocketStream => true,
            Transport::WebSocket => false,
        };
        let refused = |thrown| thrown::construction(&target.url, &thrown);
        Ok(if streams {
            let shared = Shared::new(Inbox::new(options, usize::MAX));
            let wire = Streams::connect(target, Rc::clone(&shared), options).map_err(refused)?;
            Self::new(wire, shared, options)
        } else {
            let shared = Shared::new(Inbox::new(options, options.receive_limit));
            let wire = Plain::connect(target, Rc::clone(&shared)).map_err(refused)?;
            Self::new(wire, shared, options)
        })
    }

    /// Takes over a socket, which must be connecting or have been open for no longer than the
    /// current task: messages that came before are lost.
    pub(crate) fn adopt(socket: WebSocket, options: &Options) -> Self {
        let shared = Shared::new(Inbox::new(options, options.receive_limit));
        let wire = Plain::adopt(socket, Rc::clone(&shared));
        Self::new(wire, shared, options)
    }

    fn new(wire: Rc<dyn Wire>, shared: Rc<Shared>, options: &Options) -> Self {
        Self(SendWrapper::new(Parts {
            outbox: Outbox::new(Rc::clone(&wire), options.write_chunk),
            wire,
            shared,
            high_water_mark: options.high_water_mark,
            is_closing: false,
            end: None,
        }))
    }

    /// Waits until the socket is open. Dropping `self` meanwhile closes it.
    pub(crate) async fn opened(self) -> Result<(Self, Negotiated), Error> {
        std::future::poll_fn(|cx| self.0.poll_open(cx)).await?;
        let negotiated = self.0.wire.negotiated();
        Ok((self, negotiated))
    }
}

impl Parts {
    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.register(cx.waker());
        let inbox = self.shared.inbox();
        // Opened and closed within one task is open: there may be messages in between.
        if inbox.is_open() {
            return Poll::Ready(Ok(()));
        }
        match inbox.closed() {
            Some(event) => Poll::Ready(Err(thrown::unconnected(event.clone()))),
            None => Poll::Pending,
        }
    }

    /// Looks at what the events have brought; the end, once it is there.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.shared.register(cx.waker());
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone());
        }
        let inbox = self.shared.inbox();
        let (failure, end) = (inbox.failure().cloned(), inbox.end());
        drop(inbox);
        if let Some(end) = end {
            self.over(end.clone());
            return Poll::Ready(end);
        }
        if let (Some(failure), false) = (failure, self.is_closing) {
            self.close(Some(private_code(failure.code)), failure.message);
        }
        Poll::Pending
    }

    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.is_closing = true;
        let _ = self.outbox.flush();
        self.wire.close(code, reason);
    }

    fn over(&mut self, end: End) {
        self.wire.release();
        self.is_closing = true;
        self.end = Some(end);
    }

    fn is_closing(&self) -> bool {
        self.is_closing || self.shared.inbox().is_closing()
    }

    fn check_open(&self) -> Result<(), Unsendable> {
        let is_open = !self.is_closing() && self.wire.is_open();
        is_open.then_some(()).ok_or(Unsendable { cause: None })
    }
}

impl backend::Socket for Socket {
    type Setup = Setup;

    fn connect(
        target: Target,
        options: &Options,
        setup: Setup,
    ) -> impl Future<Output = Result<(Self, Negotiated), Error>> + Send {
        let options = options.clone();
        // Nothing happens before the future is polled, as with any other.
        async move {
            Self::start(&target, setup.transport, &options)?
                .opened()
                .await
        }
    }

    /// What a page may (WHATWG WebSockets § 3.1, `close()`).
    fn may_close_with(code: CloseCode) -> bool {
        code == CloseCode::NORMAL || code.is_private()
    }

    fn settle(task: impl Future<Output = ()> + Send + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>> {
        let end = self.0.poll_events(cx);
        let message = self.0.shared.inbox().pop();
        match message {
            Some(message) => {
                self.0.wire.resume();
                Poll::Ready(Ok(message))
            }
            None => end.map(Err),
        }
    }

    /// The events come by themselves: there is nothing to read ahead.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.0.poll_events(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        self.0.check_open()?;
        self.0.shared.register(cx.waker());
        while !self.0.outbox.has_room(self.0.high_water_mark) {
            ready!(self.0.wire.poll_progress(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, message: WsMessage) -> Result<(), Unsendable> {
        self.0.check_open()?;
        self.0.outbox.send(message).map_err(Into::into)
    }

    fn write(&mut self, _cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Result<usize, Unsendable> {
        self.0.check_open()?;
        self.0.outbox.write(bytes).map_err(Into::into)
    }

    /// What the browser has is out of our hands, and what was written leaves with this turn. Once
    /// the connection is lost, the browser still tells how much of that it had not sent.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        let is_lost = match &self.0.end {
            Some(end) => !end.event.was_clean && self.0.outbox.buffered() > 0,
            None => false,
        };
        Poll::Ready(match is_lost {
            true => Err(Unsendable { cause: None }),
            false => Ok(()),
        })
    }

    fn start_close(&mut self, frame: Option<CloseFrame>) {
        if !self.0.is_closing {
            let (code, reason) = frame.map_or((None, String::new()), |frame| {
                (Some(frame.code), frame.reason)
            });
            self.0.close(code, &reason);
        }
    }

    fn fail(&mut self, failure: Failure) {
        let mut inbox = self.0.shared.inbox();
        inbox.discard();
        inbox.fail(failure.clone());
        drop(inbox);
        if !self.0.is_closing {
            self.0
                .close(Some(private_code(failure.code)), failure.message);
        }
    }

    fn abort(&mut self, end: End) {
        if self.0.end.is_some() {
            return;
        }
        let failure = self.0.shared.inbox().failure().cloned();
        let end = failure.map_or(end, |failure| End::failed(&failure));
        if !self.0.is_closing {
            self.0.close(None, "");
        }
        self.0.over(end);
    }

    fn discard_input(&mut self) {
        self.0.shared.inbox().discard();
        self.0.wire.resume();
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn buffered_amount(&self) -> usize {
        self.0.outbox.buffered()
    }

    fn last_activity(&self) -> Moment {
        if self.0.wire.is_paused() {
            return Moment::now();
        }
        self.0.shared.inbox().last_activity()
    }
}

/// Closes a socket that is given up while it connects, or after the end of the page's interest.
impl Drop for Parts {
    fn drop(&mut self) {
        self.shared.inbox().discard();
        if self.end.is_none() && !self.is_closing {
            self.wire.close(None, "");
        }
        self.wire.release();
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("is_closing", &self.0.is_closing)
            .field("end", &self.0.end)
            .finish_non_exhaustive()
    }
}

/// The counterpart of a failure's close code that a page may send: 4000 plus the HTTP status
/// that says the same.
fn private_code(code: CloseCode) -> CloseCode {
    CloseCode::from(match code {
        CloseCode::TOO_BIG => 4413,
        CloseCode::UNSUPPORTED => 4415,
        CloseCode::TRY_AGAIN => 4507,
        _ => 4400,
    })
}
