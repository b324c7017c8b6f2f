//! The merging of written bytes into messages.

use std::{
    cell::{Cell, RefCell},
    io::IoSlice,
    rc::Rc,
};

use super::page_socket::{PageSocket, SendRefused};
use crate::{WsMessage, error::Violation, event::CloseCode};

/// Hands messages to the browser's socket, and merges the bytes written in one turn of the event
/// loop: a message costs some 50 µs, however small it is.
pub(super) struct WriteMerger {
    page_socket: Rc<dyn PageSocket>,
    chunk: usize,
    state: RefCell<MergedBytes>,
    is_closing: Cell<bool>,
}

#[derive(Debug, Default)]
struct MergedBytes {
    /// The bytes written in this turn and not sent yet, fewer than `chunk`.
    merged: Vec<u8>,
    /// Whether a flush at the end of the turn is scheduled.
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

    /// Returns the number of bytes accepted and not sent yet.
    pub(super) fn buffered(&self) -> usize {
        self.page_socket.buffered() + self.state.borrow().merged.len()
    }

    /// Returns whether less than `mark` bytes wait to be sent.
    pub(super) fn has_room(&self, mark: usize) -> bool {
        let merged = self.state.borrow().merged.len();
        merged < mark && self.page_socket.has_room(mark - merged)
    }

    /// Sends a message behind the bytes written before.
    pub(super) fn send(&self, message: WsMessage) -> Result<(), SendRefused> {
        self.flush()?;
        self.page_socket.send(message)
    }

    /// Accepts at most one message's worth of bytes, and schedules a flush at the end of this turn
    /// of the event loop.
    pub(super) fn write(self: &Rc<Self>, slices: &[IoSlice<'_>]) -> Result<usize, SendRefused> {
        let mut state = self.state.borrow_mut();
        let mut taken = 0;
        for slice in slices {
            let room = self.chunk - state.merged.len();
            let slice = &slice[..slice.len().min(room)];
            taken += slice.len();
            if slice.len() == self.chunk {
                // A full message has nothing to be merged with.
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

    /// Sends the merged bytes.
    pub(super) fn flush(&self) -> Result<(), SendRefused> {
        self.state.borrow_mut().flush(&*self.page_socket)
    }

    /// Starts the closing handshake behind the bytes written before. Does nothing when called again.
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

    /// Flushes at the end of this turn. If the connection has ended by then, the bytes are lost, as
    /// are bytes that the browser has accepted and not sent.
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
