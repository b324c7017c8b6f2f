//! What is on its way out of the page.

use std::{
    cell::{Cell, RefCell},
    io::IoSlice,
    rc::Rc,
};

use super::page_socket::{PageSocket, SendRefused};
use crate::{WsMessage, backend::Violation, event::CloseCode};

/// Hands messages to the browser's socket, and merges bytes that are written in one turn of the
/// event loop: a message costs some 50 µs however small it is.
pub(super) struct WriteMerger {
    page_socket: Rc<dyn PageSocket>,
    chunk: usize,
    state: RefCell<MergedBytes>,
    is_closing: Cell<bool>,
}

#[derive(Debug, Default)]
struct MergedBytes {
    /// Written in this turn and not sent yet; less than `chunk` bytes.
    merged: Vec<u8>,
    /// Whether the end of the turn is waited for.
    scheduled: bool,
}

impl WriteMerger {
    pub(super) fn new(page_socket: Rc<dyn PageSocket>, chunk: usize) -> Rc<Self> {
        Rc::new(Self {
            page_socket,
            chunk,
            state: RefCell::default(),
            is_closing: Cell::new(false),
        })
    }

    /// How many bytes were taken and have not been sent.
    pub(super) fn buffered(&self) -> usize {
        self.page_socket.buffered() + self.state.borrow().merged.len()
    }

    /// Whether less than `mark` waits.
    pub(super) fn has_room(&self, mark: usize) -> bool {
        let merged = self.state.borrow().merged.len();
        merged < mark && self.page_socket.has_room(mark - merged)
    }

    /// Sends a message, behind what was written.
    pub(super) fn send(&self, message: WsMessage) -> Result<(), SendRefused> {
        self.flush()?;
        self.page_socket.send(message)
    }

    /// Takes bytes, no more than fit into one message, and sees to it that they leave with this
    /// turn of the event loop.
    pub(super) fn write(self: &Rc<Self>, slices: &[IoSlice<'_>]) -> Result<usize, SendRefused> {
        let mut state = self.state.borrow_mut();
        let mut taken = 0;
        for slice in slices {
            let room = self.chunk - state.merged.len();
            let slice = &slice[..slice.len().min(room)];
            taken += slice.len();
            if slice.len() == self.chunk {
                // It fills a message: there is nothing to merge it with.
                self.page_socket.send_bytes(slice)?;
                break;
            }
            state.merged.extend_from_slice(slice);
            if state.merged.len() == self.chunk {
                state.flush(&*self.page_socket)?;
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
    pub(super) fn flush(&self) -> Result<(), SendRefused> {
        self.state.borrow_mut().flush(&*self.page_socket)
    }

    /// Begins the closing handshake, behind what was written. Does nothing once begun.
    pub(super) fn close(&self, code: Option<CloseCode>, reason: &str) {
        if !self.is_closing.replace(true) {
            let _ = self.flush();
            self.page_socket.close(code, reason);
        }
    }

    /// Closes because of `violation`, with a close code that a page may send: 4000 plus the HTTP
    /// status of the same meaning.
    pub(super) fn fail(&self, violation: &Violation) {
        let status = match violation.code {
            CloseCode::TOO_BIG => 413,
            CloseCode::UNSUPPORTED => 415,
            CloseCode::TRY_AGAIN => 507,
            _ => 400,
        };
        let code = CloseCode::from_http_status(status);
        self.close(code, violation.message);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    /// Sends what was written at the end of this turn. If the connection has ended by then, the
    /// bytes share its fate, as bytes do that the browser has taken.
    fn schedule(self: &Rc<Self>) {
        let merger = Rc::clone(self);
        wasm_bindgen_futures::spawn_local(async move {
            let mut state = merger.state.borrow_mut();
            state.scheduled = false;
            let _ = state.flush(&*merger.page_socket);
        });
    }
}

impl MergedBytes {
    fn flush(&mut self, page_socket: &dyn PageSocket) -> Result<(), SendRefused> {
        if self.merged.is_empty() {
            return Ok(());
        }
        let sent = page_socket.send_bytes(&self.merged);
        self.merged.clear();
        sent
    }
}
