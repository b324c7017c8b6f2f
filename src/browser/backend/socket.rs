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
    PageInstant,
    page_socket::PageSocket,
    plain::PlainSocket,
    receive_queue::ReceiveQueue,
    receive_queue::SharedQueue,
    streams::StreamSocket,
    thrown,
    transport::{BrowserOptions, Transport},
    write_merger::WriteMerger,
};
use crate::{
    Error, ErrorKind, WsMessage,
    address::Endpoint,
    backend::{self, Clock as _, End, Negotiated, Unsendable},
    error::Violation,
    event::{CloseCode, CloseFrame},
    options::Options,
};

/// A WebSocket of the page. It can be moved to another thread, but using or dropping it there
/// panics, because JavaScript's objects belong to the thread that made them.
pub(crate) struct BrowserSocket(SendWrapper<SocketParts>);

struct SocketParts {
    page_socket: Rc<dyn PageSocket>,
    shared: Rc<SharedQueue>,
    merger: Rc<WriteMerger>,
    high_water_mark: usize,
    end: Option<End>,
}

impl BrowserSocket {
    /// Starts to connect.
    fn start(endpoint: &Endpoint, transport: Transport, options: &Options) -> Result<Self, Error> {
        let streams = match transport {
            Transport::Auto => StreamSocket::is_safe(),
            Transport::WebSocketStream if !StreamSocket::is_available() => {
                let message = "this browser has no WebSocketStream";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            Transport::WebSocketStream => true,
            Transport::WebSocket => false,
        };
        let refused = |thrown| thrown::construction(&endpoint.url, &thrown);
        Ok(if streams {
            let shared = SharedQueue::new(ReceiveQueue::new(options, usize::MAX));
            let page_socket =
                StreamSocket::connect(endpoint, Rc::clone(&shared), options).map_err(refused)?;
            Self::new(page_socket, shared, options)
        } else {
            let shared = SharedQueue::new(ReceiveQueue::new(options, options.receive_limit));
            let page_socket =
                PlainSocket::connect(endpoint, Rc::clone(&shared)).map_err(refused)?;
            Self::new(page_socket, shared, options)
        })
    }

    /// Adopts a socket that is connecting, or opened in the current task. Messages received before
    /// are lost.
    pub(crate) fn adopt(socket: WebSocket, options: &Options) -> Self {
        let shared = SharedQueue::new(ReceiveQueue::new(options, options.receive_limit));
        let page_socket = PlainSocket::adopt(socket, Rc::clone(&shared));
        Self::new(page_socket, shared, options)
    }

    fn new(page_socket: Rc<dyn PageSocket>, shared: Rc<SharedQueue>, options: &Options) -> Self {
        let merger = WriteMerger::new(Rc::clone(&page_socket), options.write_chunk);
        shared.close_by(&merger);
        Self(SendWrapper::new(SocketParts {
            merger,
            page_socket,
            shared,
            high_water_mark: options.high_water_mark,
            end: None,
        }))
    }

    /// Waits until the socket is open. Dropping the future closes it.
    pub(crate) async fn opened(self) -> Result<(Self, Negotiated), Error> {
        std::future::poll_fn(|cx| self.0.poll_open(cx)).await?;
        let negotiated = self.0.page_socket.negotiated();
        Ok((self, negotiated))
    }
}

impl SocketParts {
    fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.register(cx.waker());
        let queue = self.shared.queue();
        // A socket that opened and closed within one task counts as open: messages may have arrived
        // in between.
        if queue.is_open() {
            return Poll::Ready(Ok(()));
        }
        match queue.closed() {
            Some(event) => Poll::Ready(Err(thrown::unconnected(event.clone()))),
            None => Poll::Pending,
        }
    }

    /// Waits for the end that the browser's events report.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.shared.register(cx.waker());
        if let Some(end) = &self.end {
            return Poll::Ready(end.clone());
        }
        let end = self.shared.queue().end();
        let Some(end) = end else {
            return Poll::Pending;
        };
        self.over(end.clone());
        Poll::Ready(end)
    }

    fn over(&mut self, end: End) {
        self.page_socket.release();
        self.end = Some(end);
    }

    fn is_closing(&self) -> bool {
        self.end.is_some() || self.merger.is_closing() || self.shared.queue().is_closing()
    }

    fn check_open(&self) -> Result<(), Unsendable> {
        let is_open = !self.is_closing() && self.page_socket.is_open();
        is_open.then_some(()).ok_or(Unsendable { cause: None })
    }
}

impl backend::Backend for BrowserSocket {
    type Remains = ();
    type PlatformOptions = BrowserOptions;

    fn connect(
        endpoint: Endpoint,
        options: &Options,
        setup: BrowserOptions,
    ) -> impl Future<Output = Result<(Self, Negotiated), Error>> + Send {
        let options = options.clone();
        // Like any future, this one does nothing before it is polled.
        async move {
            let connecting = Self::start(&endpoint, setup.transport, &options)?;
            let (socket, negotiated) = connecting.opened().await?;
            check_protocol(&negotiated.protocol, &endpoint.protocols)?;
            Ok((socket, negotiated))
        }
    }

    /// Allows the codes that a page may send (WHATWG WebSockets § 3.1, `close()`).
    fn may_close_with(code: CloseCode) -> bool {
        code == CloseCode::NORMAL || code.is_private()
    }

    fn run_detached(task: impl Future<Output = ()> + Send + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>> {
        let end = self.0.poll_events(cx);
        let message = self.0.shared.queue().pop();
        match message {
            Some(message) => {
                self.0.page_socket.resume();
                Poll::Ready(Ok(message))
            }
            None => end.map(Err),
        }
    }

    /// Reads nothing ahead: the browser delivers messages by itself.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.0.poll_events(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        self.0.check_open()?;
        self.0.shared.register(cx.waker());
        while !self.0.merger.has_room(self.0.high_water_mark) {
            ready!(self.0.page_socket.poll_progress(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, message: WsMessage) -> Result<(), Unsendable> {
        self.0.check_open()?;
        self.0.merger.send(message).map_err(Into::into)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Unsendable>> {
        ready!(self.poll_ready(cx))?;
        Poll::Ready(self.0.merger.write(bytes).map_err(Into::into))
    }

    /// Resolves at once: the browser has accepted every message, and written bytes leave at the end
    /// of this turn. After a connection was lost, the browser still reports how much it had not sent.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        let is_lost = match &self.0.end {
            Some(end) => !end.event.was_clean && self.0.merger.buffered() > 0,
            None => false,
        };
        Poll::Ready(match is_lost {
            true => Err(Unsendable { cause: None }),
            false => Ok(()),
        })
    }

    fn start_close(&mut self, frame: Option<CloseFrame>) {
        let (code, reason) = frame.map_or((None, String::new()), |frame| {
            (Some(frame.code), frame.reason)
        });
        self.0.merger.close(code, &reason);
    }

    /// A browser ignores messages unless the state is OPEN (WHATWG WebSockets § 5). Once the peer has
    /// closed, there are none left to ignore.
    fn discards_input_after_close(&self) -> bool {
        self.0.check_open().is_ok()
    }

    fn fail(&mut self, violation: &Violation) {
        let mut queue = self.0.shared.queue();
        queue.discard();
        queue.fail(violation.clone());
        drop(queue);
        self.0.merger.fail(violation);
    }

    fn abort(&mut self, end: End) {
        if self.0.end.is_some() {
            return;
        }
        let violation = self.0.shared.queue().violation().cloned();
        let end = violation.map_or(end, |violation| End::failed(&violation));
        self.0.merger.close(None, "");
        self.0.over(end);
    }

    fn discard_input(&mut self) {
        self.0.shared.queue().discard();
        self.0.page_socket.resume();
    }

    fn take_remains(&mut self) -> Option<()> {
        None
    }

    fn is_held_back(&self) -> bool {
        self.0.page_socket.is_paused()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn buffered_amount(&self) -> usize {
        self.0.merger.buffered()
    }

    fn last_activity(&self) -> PageInstant {
        if self.0.page_socket.is_paused() {
            return PageInstant::now();
        }
        self.0.shared.queue().last_activity()
    }
}

/// Closes the socket, also one that is still connecting.
impl Drop for SocketParts {
    fn drop(&mut self) {
        self.shared.queue().discard();
        if self.end.is_none() {
            self.merger.close(None, "");
        }
        self.page_socket.release();
    }
}

impl fmt::Debug for BrowserSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserSocket")
            .field("is_closing", &self.0.is_closing())
            .field("end", &self.0.end)
            .finish_non_exhaustive()
    }
}

/// Checks the subprotocol that the server selected (RFC 6455 § 4.1). Firefox reports a connection
/// as open if the server selected none of those on offer.
fn check_protocol(selected: &str, offered: &[String]) -> Result<(), Error> {
    let message = match selected {
        "" if offered.is_empty() => return Ok(()),
        "" => "the server selected none of the subprotocols on offer",
        _ if offered.iter().any(|it| it == selected) => return Ok(()),
        _ => "the server selected a subprotocol that was not on offer",
    };
    Err(Error::new(ErrorKind::ProtocolRefused, message))
}
