//! `WebSocketStream`, which stops the peer while the page does not read.

mod bindings;
mod callbacks;
mod read_side;
mod write_side;

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    task::{Context, Poll},
};

use js_sys::{Array, JsString, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use self::{
    bindings::{JsCloseInfo, JsOpened, JsPromise, JsReadResult, JsStreamOptions, WebSocketStream},
    callbacks::PromiseCallbacks,
    read_side::ReadSide,
    write_side::{CloseProgress, WriteSide},
};
use super::{
    page_socket::{PageSocket, SendRefused, has_shared_memory},
    receive_queue::SharedQueue,
};
use crate::{
    WsMessage,
    address::Endpoint,
    backend::Negotiated,
    event::{CloseCode, CloseEvent},
    options::Options,
};

/// A `WebSocketStream` and the state reported by its promises.
///
/// The loops over messages create neither a future nor a closure for each message: all reads and
/// writes share the same few callbacks.
#[derive(Debug)]
pub(super) struct StreamSocket {
    socket: WebSocketStream,
    shared: Rc<SharedQueue>,
    /// `None` once the last promise is settled.
    callbacks: RefCell<Option<PromiseCallbacks>>,
    read_side: RefCell<ReadSide>,
    write_side: RefCell<WriteSide>,
    negotiated: OnceCell<Negotiated>,
    /// Whether the opening handshake is under way.
    opening: Cell<bool>,
    closed: OnceCell<CloseEvent>,
    /// Whether a task waits for room to send.
    crowded: Cell<bool>,
    receive_limit: usize,
}

impl StreamSocket {
    /// Returns whether this page has a constructor of that name: a page may have switched it off
    /// by assigning something else.
    pub(super) fn is_available() -> bool {
        Reflect::get(&js_sys::global(), &"WebSocketStream".into())
            .is_ok_and(|constructor| constructor.is_function())
    }

    /// Returns whether this page has one that cannot crash it: see
    /// [`Transport::Auto`](super::Transport::Auto).
    pub(super) fn is_safe() -> bool {
        Self::is_available() && !crashes_when_lost()
    }

    /// Creates the browser's socket.
    pub(super) fn connect(
        endpoint: &Endpoint,
        shared: Rc<SharedQueue>,
        options: &Options,
    ) -> Result<Rc<Self>, JsValue> {
        let js_options = JsStreamOptions::new();
        let protocols: Array = endpoint.protocols.iter().map(JsValue::from).collect();
        js_options.set_protocols(&protocols);
        let streams = Rc::new(Self {
            socket: WebSocketStream::new(&endpoint.url, &js_options)?,
            shared,
            callbacks: RefCell::default(),
            read_side: RefCell::new(ReadSide::new(options)),
            write_side: RefCell::new(WriteSide::new(options.write_chunk, has_shared_memory())),
            negotiated: OnceCell::new(),
            opening: Cell::new(true),
            closed: OnceCell::new(),
            crowded: Cell::new(false),
            receive_limit: options.receive_limit,
        });
        let callbacks = PromiseCallbacks::new(&streams);
        callbacks.await_opened(&streams.socket.opened());
        callbacks.await_closed(&streams.socket.closed());
        streams.callbacks.replace(Some(callbacks));
        Ok(streams)
    }

    /// Starts the first read before anything else can happen: see [`ReadSide`].
    fn on_opened(&self, opened: &JsOpened) {
        self.opening.set(false);
        let _ = self.negotiated.set(Negotiated {
            url: self.socket.url(),
            protocol: opened.protocol(),
            extensions: opened.extensions(),
        });
        self.write_side.borrow_mut().writer = Some(opened.writable().writer());
        self.read_side.borrow_mut().reader = Some(opened.readable().reader());
        self.shared.queue().open();
        self.read_on();
        self.shared.wake();
    }

    fn on_refused(&self) {
        self.opening.set(false);
        self.read_side.borrow_mut().over = true;
        self.finish();
        self.shared.wake();
    }

    fn on_read(&self, read: &JsReadResult) {
        let message = read.value();
        let mut read_side = self.read_side.borrow_mut();
        read_side.reading = false;
        if message.is_undefined() {
            read_side.over = true;
            let is_cut = read_side.may_be_cut() && !self.is_closing();
            drop(read_side);
            self.shared.queue().begin_closing(is_cut);
            self.finish();
            return self.shared.wake();
        }
        read_side.received();
        drop(read_side);
        let is_closing = self.is_closing();
        self.shared.receive(message);
        let mut queue = self.shared.queue();
        // Reading does not pause any more, and a page that has closed has no claim to what arrives
        // then: a plain WebSocket delivers none of it.
        if is_closing && queue.bytes() > self.receive_limit {
            queue.stop();
        }
        drop(queue);
        self.read_on();
        self.shared.wake();
    }

    /// Notes that the connection was lost; `closed` reports how.
    fn on_unread(&self) {
        let mut read_side = self.read_side.borrow_mut();
        read_side.reading = false;
        read_side.over = true;
        drop(read_side);
        self.finish();
        self.shared.wake();
    }

    fn on_written(&self) {
        let mut write_side = self.write_side.borrow_mut();
        write_side.written();
        let promised = write_side.next();
        self.tell_closing(&mut write_side);
        drop(write_side);
        self.await_written(promised);
        if self.crowded.take() {
            self.shared.wake();
        }
    }

    /// Notes that the connection has ended; `closed` reports how.
    fn on_unwritten(&self) {
        let mut write_side = self.write_side.borrow_mut();
        write_side.writing = false;
        write_side.broken = true;
        write_side.clear();
        drop(write_side);
        self.shared.wake();
    }

    /// Notes how the connection ended. The error of a rejected promise has the same properties, as
    /// far as it has any. The promise is also rejected if a Close frame arrived while messages waited
    /// to be sent, which a plain `WebSocket` reports as clean.
    fn on_closed(&self, info: &JsCloseInfo) {
        let code = info.code().as_f64().map(|code| code as u16);
        let code = code.map_or(CloseCode::ABNORMAL, CloseCode::from);
        let _ = self.closed.set(CloseEvent {
            code,
            reason: info.reason().as_string().unwrap_or_default(),
            was_clean: code != CloseCode::ABNORMAL,
        });
        // The end of the stream is still to be read, and maybe a last message before it.
        self.read_side.borrow_mut().hurry();
        self.read_on();
        self.finish();
        self.shared.wake();
    }

    /// Reads on, unless the queue is full.
    fn read_on(&self) {
        let mut read_side = self.read_side.borrow_mut();
        let wants = read_side.wants(&self.shared.queue());
        let callbacks = self.callbacks.borrow();
        if let (true, Some(reader), Some(callbacks)) = (wants, &read_side.reader, &*callbacks) {
            callbacks.await_read(&reader.read());
            read_side.reading = true;
        }
    }

    fn await_written(&self, promised: Option<JsPromise>) {
        if let (Some(promised), Some(callbacks)) = (promised, &*self.callbacks.borrow()) {
            callbacks.await_written(&promised);
        }
    }

    /// Reports the end once it is known and every message before it has been read.
    fn finish(&self) {
        if let (true, Some(event)) = (self.read_side.borrow().over, self.closed.get()) {
            self.shared.queue().close(event.clone());
        }
    }

    /// Closes once the queue is written. The browser sends the write under way before the Close
    /// frame.
    fn tell_closing(&self, write_side: &mut WriteSide) {
        if !write_side.is_empty() {
            return;
        }
        let CloseProgress::Wanted(code, reason) = &write_side.closing else {
            return;
        };
        let info = JsCloseInfo::new();
        if let Some(code) = code {
            info.set_code(u16::from(*code));
            info.set_reason(reason);
        }
        if self.socket.close(&info).is_err() {
            let _ = self.socket.close(&JsCloseInfo::new());
        }
        write_side.closing = CloseProgress::Told;
    }

    /// Returns whether the page has started to close.
    fn is_closing(&self) -> bool {
        !matches!(self.write_side.borrow().closing, CloseProgress::No)
    }

    /// Drops the callbacks if no promise is left that could call them.
    fn forget(&self) {
        let is_settled = !self.opening.get()
            && self.closed.get().is_some()
            && !self.read_side.borrow().reading
            && !self.write_side.borrow().writing;
        if is_settled {
            let callbacks = self.callbacks.take();
            drop(callbacks);
        }
    }
}

impl PageSocket for StreamSocket {
    fn negotiated(&self) -> Negotiated {
        self.negotiated.get().cloned().unwrap_or_default()
    }

    fn is_open(&self) -> bool {
        !self.write_side.borrow().broken && self.closed.get().is_none()
    }

    fn send(&self, message: WsMessage) -> Result<(), SendRefused> {
        let promised = self.write_side.borrow_mut().push(message);
        self.await_written(promised);
        Ok(())
    }

    fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendRefused> {
        let promised = self.write_side.borrow_mut().push_bytes(bytes);
        self.await_written(promised);
        Ok(())
    }

    fn buffered(&self) -> usize {
        self.write_side.borrow().buffered()
    }

    fn has_room(&self, mark: usize) -> bool {
        self.buffered() < mark
    }

    /// Waits until a write is done.
    fn poll_progress(&self, _cx: &mut Context<'_>) -> Poll<()> {
        self.crowded.set(true);
        Poll::Pending
    }

    fn resume(&self) {
        self.read_on();
    }

    fn is_paused(&self) -> bool {
        self.read_side.borrow().is_paused()
    }

    fn close(&self, code: Option<CloseCode>, reason: &str) {
        let mut write_side = self.write_side.borrow_mut();
        write_side.closing = CloseProgress::Wanted(code, reason.to_owned());
        self.tell_closing(&mut write_side);
        drop(write_side);
        // The peer's Close frame follows the messages it has sent.
        self.read_side.borrow_mut().hurry();
        self.read_on();
    }

    fn release(&self) {
        let mut write_side = self.write_side.borrow_mut();
        write_side.clear();
        self.tell_closing(&mut write_side);
        drop(write_side);
        self.shared.queue().stop();
        self.read_on();
    }
}

/// Returns whether this is Chromium, whose page crashes if a connection is lost during a write: it
/// rejects the promise of that write with an error that does not exist yet. Found in version 156,
/// and there is no safe way for a page to find out.
fn crashes_when_lost() -> bool {
    let property = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok();
    property(&js_sys::global(), "navigator")
        .and_then(|navigator| property(&navigator, "userAgent"))
        .and_then(|agent| agent.dyn_into::<JsString>().ok())
        .is_some_and(|agent| agent.includes("Chrome/", 0))
}
