//! The WebSocket of one connection in a browser.

use std::{
    fmt,
    io::IoSlice,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use js_sys::{Array, Error as JsError};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, DomException, WebSocket};

use super::{
    Moment, Setup,
    handlers::{Handlers, Shared},
    inbox::Inbox,
    outbox::{Outbox, Refused},
    ticker::Ticker,
};
use crate::{
    Error, ErrorKind, WsMessage,
    backend::{self, Clock as _, End, Failure, Negotiated, Target, Unsendable},
    error::Cause,
    event::{CloseCode, CloseEvent, CloseFrame},
    options::Options,
};

/// The parts live on the thread that made them; a socket can be moved to another thread, but
/// using or dropping it there panics, for JavaScript's objects cannot follow.
pub(crate) struct Socket(SendWrapper<Parts>);

struct Parts {
    socket: WebSocket,
    /// `None` once the connection is over.
    handlers: Option<Handlers>,
    shared: Rc<Shared>,
    outbox: Rc<Outbox>,
    ticker: Ticker,
    high_water_mark: usize,
    is_closing: bool,
    last_activity: Moment,
    end: Option<End>,
}

impl Socket {
    /// Takes over a socket, which must be connecting or have been open for no longer than the
    /// current task: messages that came before are lost.
    pub(crate) fn adopt(socket: WebSocket, options: &Options) -> Self {
        let inbox = Inbox::new(options.receive_limit, options.max_message_size);
        let shared = Shared::new(inbox);
        socket.set_binary_type(BinaryType::Arraybuffer);
        if socket.ready_state() == WebSocket::OPEN {
            shared.inbox.borrow_mut().open();
        }
        Self(SendWrapper::new(Parts {
            handlers: Some(Handlers::attach(&socket, &shared)),
            outbox: Outbox::new(socket.clone(), options.write_chunk),
            socket,
            shared,
            ticker: Ticker::default(),
            high_water_mark: options.high_water_mark,
            is_closing: false,
            last_activity: Moment::now(),
            end: None,
        }))
    }

    /// Waits until the socket is open. Dropping `self` meanwhile closes it.
    pub(crate) async fn opened(self) -> Result<(Self, Negotiated), Error> {
        std::future::poll_fn(|cx| self.0.poll_open(cx)).await?;
        let negotiated = Negotiated {
            url: self.0.socket.url(),
            protocol: self.0.socket.protocol(),
            extensions: self.0.socket.extensions(),
        };
        Ok((self, negotiated))
    }
}

impl Parts {
    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.register(cx.waker());
        let inbox = self.shared.inbox.borrow();
        // Opened and closed within one task is open: there may be messages in between.
        if inbox.is_open() {
            return Poll::Ready(Ok(()));
        }
        match inbox.closed() {
            Some(event) => Poll::Ready(Err(unconnected(event.clone()))),
            None => Poll::Pending,
        }
    }

    /// Looks at what the events have brought; the end, once it is there.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.shared.register(cx.waker());
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone());
        }
        let inbox = self.shared.inbox.borrow();
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

    /// The browser checks the code and the reason again; we have done so, and a socket that
    /// refuses all the same is closed without them.
    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.is_closing = true;
        let _ = self.outbox.flush();
        let refused = code.is_some_and(|code| {
            let closed = self.socket.close_with_code_and_reason(code.into(), reason);
            closed.is_err()
        });
        if code.is_none() || refused {
            let _ = self.socket.close();
        }
    }

    fn over(&mut self, end: End) {
        self.handlers = None;
        self.ticker = Ticker::default();
        self.is_closing = true;
        self.end = Some(end);
    }

    fn check_open(&self) -> Result<(), Unsendable> {
        // A browser's own `send` is silent on a socket that is closing or closed.
        let is_open = !self.is_closing && self.socket.ready_state() == WebSocket::OPEN;
        is_open.then_some(()).ok_or(Unsendable { cause: None })
    }

    fn has_room(&mut self) -> bool {
        if self.outbox.estimate() < self.high_water_mark {
            return true;
        }
        let before = self.outbox.estimate();
        let now = self.outbox.look();
        if now < before {
            self.ticker.progress();
        }
        now < self.high_water_mark
    }
}

impl backend::Socket for Socket {
    type Setup = Setup;

    fn connect(
        target: Target,
        options: &Options,
        _setup: Setup,
    ) -> impl Future<Output = Result<(Self, Negotiated), Error>> + Send {
        let options = options.clone();
        // Nothing happens before the future is polled, as with any other.
        async move {
            Self::adopt(construct(&target)?.take(), &options)
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
        let message = self.0.shared.inbox.borrow_mut().pop();
        match message {
            Some(message) => {
                self.0.last_activity = Moment::now();
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
        loop {
            if self.0.has_room() {
                return Poll::Ready(Ok(()));
            }
            let parts = &mut *self.0;
            ready!(parts.ticker.poll(cx, &parts.shared));
        }
    }

    fn send(&mut self, message: WsMessage) -> Result<(), Unsendable> {
        self.0.check_open()?;
        self.0.outbox.send(&message).map_err(Into::into)
    }

    fn write(&mut self, _cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Result<usize, Unsendable> {
        self.0.check_open()?;
        self.0.outbox.write(bytes).map_err(Into::into)
    }

    /// What the browser has is out of our hands, and what was written leaves with this turn. Once
    /// the connection is lost, the browser still tells how much of that it had not sent.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        let is_lost = match &self.0.end {
            Some(end) => !end.event.was_clean && self.0.outbox.look() > 0,
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
        let mut inbox = self.0.shared.inbox.borrow_mut();
        inbox.clear();
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
        let failure = self.0.shared.inbox.borrow().failure().cloned();
        let end = failure.map_or(end, |failure| End::failed(&failure));
        if !self.0.is_closing {
            self.0.close(None, "");
        }
        self.0.over(end);
    }

    fn discard_input(&mut self) {
        self.0.shared.inbox.borrow_mut().discard();
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing
    }

    fn buffered_amount(&self) -> usize {
        self.0.outbox.look()
    }

    fn last_activity(&self) -> Moment {
        self.0.last_activity
    }
}

/// Closes a socket that is given up while it connects, or after the end of the page's interest.
impl Drop for Parts {
    fn drop(&mut self) {
        self.handlers = None;
        if self.end.is_none() && !self.is_closing {
            let _ = self.socket.close();
        }
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

/// Makes the browser's socket. It may throw: `SyntaxError` for what it cannot parse,
/// `SecurityError` for what the page must not do.
fn construct(target: &Target) -> Result<SendWrapper<WebSocket>, Error> {
    let protocols: Array = target.protocols.iter().map(JsValue::from).collect();
    let socket = if target.protocols.is_empty() {
        WebSocket::new(&target.url)
    } else {
        WebSocket::new_with_str_sequence(&target.url, &protocols)
    };
    socket.map(SendWrapper::new).map_err(|thrown| {
        // The subprotocols have been checked, so that what does not parse is the address.
        let is_syntax = thrown
            .dyn_ref::<DomException>()
            .is_some_and(|exception| exception.name() == "SyntaxError");
        if is_syntax {
            let message = format!("{:?} is not a valid URL", target.url);
            Error::new(ErrorKind::InvalidUrl, message).with_cause(Some(cause(&thrown)))
        } else {
            Error::new(ErrorKind::Network, "the browser refused to connect")
                .with_cause(Some(cause(&thrown)))
        }
    })
}

fn unconnected(event: CloseEvent) -> Error {
    let message = "the connection could not be opened, and a browser does not tell why";
    Error::new(ErrorKind::Network, message).with_close_event(event)
}

impl From<Refused> for Unsendable {
    fn from(Refused(thrown): Refused) -> Self {
        Self {
            cause: Some(cause(&thrown)),
        }
    }
}

/// What JavaScript threw, as text: its objects can neither be sent to other threads nor printed.
fn cause(thrown: &JsValue) -> Cause {
    let text = if let Some(exception) = thrown.dyn_ref::<DomException>() {
        format!("{}: {}", exception.name(), exception.message())
    } else if let Some(error) = thrown.dyn_ref::<JsError>() {
        String::from(error.to_string())
    } else {
        format!("{thrown:?}")
    };
    Arc::new(std::io::Error::other(text))
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
