//! The plain `WebSocket`, which exists in every browser.

mod listeners;
mod ticker;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll},
};

use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use web_sys::{BinaryType, WebSocket};

use self::{listeners::SocketListeners, ticker::BufferTicker};
use super::{
    page_socket::{PageSocket, SendRefused, has_shared_memory},
    receive_queue::SharedQueue,
};
use crate::{WsMessage, address::Endpoint, backend::Negotiated, event::CloseCode};

/// A `WebSocket` and the listeners on it.
#[derive(Debug)]
pub(super) struct PlainSocket {
    socket: WebSocket,
    /// `None` once released.
    listeners: RefCell<Option<SocketListeners>>,
    shared: Rc<SharedQueue>,
    ticker: RefCell<BufferTicker>,
    /// The last `bufferedAmount` read, and the bytes sent since: together an upper bound. It does
    /// not change within a task, and reading it costs a call into JavaScript.
    last_look: Cell<usize>,
    since_look: Cell<usize>,
    copies: bool,
}

impl PlainSocket {
    /// Creates the browser's socket.
    pub(super) fn connect(
        endpoint: &Endpoint,
        shared: Rc<SharedQueue>,
    ) -> Result<Rc<Self>, JsValue> {
        let socket = if endpoint.protocols.is_empty() {
            WebSocket::new(&endpoint.url)
        } else {
            let protocols: Array = endpoint.protocols.iter().map(JsValue::from).collect();
            WebSocket::new_with_str_sequence(&endpoint.url, &protocols)
        };
        Ok(Self::adopt(socket?, shared))
    }

    /// Adopts a socket that is connecting, or opened in the current task. Messages received before
    /// are lost.
    pub(super) fn adopt(socket: WebSocket, shared: Rc<SharedQueue>) -> Rc<Self> {
        socket.set_binary_type(BinaryType::Arraybuffer);
        if socket.ready_state() == WebSocket::OPEN {
            shared.queue().open();
        }
        let listeners = SocketListeners::attach(&socket, &shared);
        Rc::new(Self {
            socket,
            listeners: RefCell::new(Some(listeners)),
            shared,
            ticker: RefCell::default(),
            last_look: Cell::new(0),
            since_look: Cell::new(0),
            copies: has_shared_memory(),
        })
    }

    fn note(&self, sent: usize) {
        self.since_look.set(self.since_look.get() + sent);
    }

    fn estimate(&self) -> usize {
        self.last_look.get() + self.since_look.get()
    }
}

impl PageSocket for PlainSocket {
    fn negotiated(&self) -> Negotiated {
        Negotiated {
            url: self.socket.url(),
            protocol: self.socket.protocol(),
            extensions: self.socket.extensions(),
        }
    }

    /// Checks the state, because a browser's own `send` silently drops messages after a close.
    fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    fn send(&self, message: WsMessage) -> Result<(), SendRefused> {
        match message {
            WsMessage::Text(text) => {
                self.note(text.len());
                self.socket.send_with_str(&text).map_err(SendRefused)
            }
            WsMessage::Binary(bytes) => self.send_bytes(&bytes),
        }
    }

    fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendRefused> {
        self.note(bytes.len());
        if self.copies {
            self.socket.send_with_js_u8_array(&Uint8Array::from(bytes))
        } else {
            self.socket.send_with_u8_array(bytes)
        }
        .map_err(SendRefused)
    }

    fn buffered(&self) -> usize {
        let buffered = self.socket.buffered_amount() as usize;
        self.last_look.set(buffered);
        self.since_look.set(0);
        buffered
    }

    fn has_room(&self, mark: usize) -> bool {
        let before = self.estimate();
        if before < mark {
            return true;
        }
        let now = self.buffered();
        if now < before {
            self.ticker.borrow_mut().progress();
        }
        now < mark
    }

    /// Waits by a ticker: no event reports that `bufferedAmount` has fallen.
    fn poll_progress(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.ticker.borrow_mut().poll(cx, &self.shared)
    }

    /// Does nothing: the browser delivers messages by itself.
    fn resume(&self) {}

    /// Returns `false`: nothing can stop the peer.
    fn is_paused(&self) -> bool {
        false
    }

    fn close(&self, code: Option<CloseCode>, reason: &str) {
        let refused = code.is_some_and(|code| {
            let closed = self.socket.close_with_code_and_reason(code.into(), reason);
            closed.is_err()
        });
        if code.is_none() || refused {
            let _ = self.socket.close();
        }
    }

    fn release(&self) {
        self.listeners.take();
        self.ticker.take();
    }
}
