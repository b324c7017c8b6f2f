//! What is on its way out of the page.

use std::{cell::RefCell, io::IoSlice, rc::Rc};

use js_sys::{JsString, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WebSocket;

use crate::WsMessage;

/// Hands messages to the browser's socket, and merges bytes that are written in one turn of the
/// event loop: a message costs some 50 µs however small it is.
#[derive(Debug)]
pub(super) struct Outbox {
    socket: WebSocket,
    chunk: usize,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Written in this turn and not sent yet; at most `chunk` bytes.
    merged: Vec<u8>,
    /// Whether the end of the turn is waited for.
    scheduled: bool,
    /// Sent since `bufferedAmount` was last looked at. It does not change within a task, and
    /// looking costs a call into JavaScript.
    since_look: usize,
    last_look: usize,
    /// Whether the module's memory is shared between threads, in which case the browser's socket
    /// refuses views of it.
    copies: bool,
}

/// The browser's socket refused a message.
#[derive(Debug)]
pub(super) struct Refused(pub(super) JsValue);

impl Outbox {
    pub(super) fn new(socket: WebSocket, chunk: usize) -> Rc<Self> {
        let state = State {
            copies: has_shared_memory(),
            ..State::default()
        };
        Rc::new(Self {
            socket,
            chunk,
            state: RefCell::new(state),
        })
    }

    /// How much waits, without asking the browser: an upper bound.
    pub(super) fn estimate(&self) -> usize {
        let state = self.state.borrow();
        state.last_look + state.since_look + state.merged.len()
    }

    /// How much waits.
    pub(super) fn look(&self) -> usize {
        let buffered = self.socket.buffered_amount() as usize;
        let mut state = self.state.borrow_mut();
        state.last_look = buffered;
        state.since_look = 0;
        buffered + state.merged.len()
    }

    /// Sends a message, behind what was written.
    pub(super) fn send(&self, message: &WsMessage) -> Result<(), Refused> {
        let mut state = self.state.borrow_mut();
        state.flush(&self.socket)?;
        match message {
            WsMessage::Text(text) => self.socket.send_with_str(text).map_err(Refused)?,
            WsMessage::Binary(bytes) => send_bytes(&self.socket, bytes, state.copies)?,
        }
        state.since_look += message.len();
        Ok(())
    }

    /// Takes bytes, all of them, and sees to it that they leave with this turn of the event loop.
    pub(super) fn write(self: &Rc<Self>, slices: &[IoSlice<'_>]) -> Result<usize, Refused> {
        let mut state = self.state.borrow_mut();
        let mut taken = 0;
        for slice in slices {
            let room = self.chunk - state.merged.len();
            let slice = &slice[..slice.len().min(room)];
            state.merged.extend_from_slice(slice);
            taken += slice.len();
            if state.merged.len() == self.chunk {
                state.flush(&self.socket)?;
                break;
            }
        }
        if !state.merged.is_empty() && !state.scheduled {
            state.scheduled = true;
            self.schedule();
        }
        Ok(taken)
    }

    /// Sends what was written.
    pub(super) fn flush(&self) -> Result<(), Refused> {
        self.state.borrow_mut().flush(&self.socket)
    }

    /// Sends what was written at the end of this turn. If the connection has ended by then, the
    /// bytes share its fate, as bytes do that the browser has taken.
    fn schedule(self: &Rc<Self>) {
        let outbox = Rc::clone(self);
        wasm_bindgen_futures::spawn_local(async move {
            let mut state = outbox.state.borrow_mut();
            state.scheduled = false;
            let _ = state.flush(&outbox.socket);
        });
    }
}

impl State {
    fn flush(&mut self, socket: &WebSocket) -> Result<(), Refused> {
        if self.merged.is_empty() {
            return Ok(());
        }
        let sent = send_bytes(socket, &self.merged, self.copies);
        self.since_look += self.merged.len();
        self.merged.clear();
        sent
    }
}

fn send_bytes(socket: &WebSocket, bytes: &[u8], copies: bool) -> Result<(), Refused> {
    if copies {
        socket.send_with_js_u8_array(&Uint8Array::from(bytes))
    } else {
        socket.send_with_u8_array(bytes)
    }
    .map_err(Refused)
}

fn has_shared_memory() -> bool {
    let memory = wasm_bindgen::memory();
    let buffer = Reflect::get(&memory, &"buffer".into()).unwrap_or(JsValue::UNDEFINED);
    // By name: where pages are not isolated, `SharedArrayBuffer` does not exist.
    let constructor = Reflect::get(&buffer, &"constructor".into()).ok();
    let name = constructor.and_then(|it| Reflect::get(&it, &"name".into()).ok());
    name.and_then(|name| name.dyn_into::<JsString>().ok())
        .is_some_and(|name| name == "SharedArrayBuffer")
}
