//! The interface of the page's two kinds of sockets.

use std::task::{Context, Poll};

use wasm_bindgen::{JsCast, JsValue};

use crate::{
    WsMessage,
    backend::{Negotiated, Unsendable},
    event::CloseCode,
};

use super::thrown;

/// A socket of the page. It puts received messages into the
/// [`ReceiveQueue`](super::receive_queue::ReceiveQueue) that it was made with, and wakes the task
/// that waits for them.
///
/// It is not `Debug`: a trait object would keep that code in every program, used or not, along with
/// the formatting of floating-point numbers.
pub(super) trait PageSocket {
    /// Returns the result of the opening handshake, once it is done.
    fn negotiated(&self) -> Negotiated;

    /// Returns whether the browser would send a message now, as far as it reports that at once.
    fn is_open(&self) -> bool;

    /// Accepts a message for sending.
    fn send(&self, message: WsMessage) -> Result<(), SendRefused>;

    /// Accepts bytes for sending as one binary message, or as a part of one.
    fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendRefused>;

    /// Returns the number of bytes accepted and not sent yet.
    fn buffered(&self) -> usize;

    /// Returns whether less than `mark` bytes wait to be sent. Cheap while there is room.
    fn has_room(&self, mark: usize) -> bool;

    /// Waits until it is worth calling [`has_room`](PageSocket::has_room) again.
    fn poll_progress(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Resumes reading after messages have been taken out of the queue.
    fn resume(&self);

    /// Returns whether reading is paused, so that silence does not mean a dead peer.
    fn is_paused(&self) -> bool;

    /// Starts the closing handshake behind the messages accepted for sending, or aborts the opening
    /// handshake. Leaves out a code or a reason that the browser rejects.
    fn close(&self, code: Option<CloseCode>, reason: &str);

    /// Detaches from the browser's socket and drops messages that wait to be sent.
    fn release(&self);
}

/// The value thrown by a browser's socket that refused a message.
#[derive(Debug)]
pub(super) struct SendRefused(pub(super) JsValue);

impl From<SendRefused> for Unsendable {
    fn from(SendRefused(thrown): SendRefused) -> Self {
        Self {
            cause: Some(thrown::cause(&thrown)),
        }
    }
}

/// Returns whether the module's memory is shared between threads. The browser's sockets refuse views
/// of shared memory.
pub(super) fn has_shared_memory() -> bool {
    let property = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
    // By name: where pages are not isolated, `SharedArrayBuffer` does not exist.
    property(&wasm_bindgen::memory(), "buffer")
        .and_then(|buffer| property(&buffer, "constructor"))
        .and_then(|constructor| property(&constructor, "name"))
        .and_then(|name| name.dyn_into::<js_sys::JsString>().ok())
        .is_some_and(|name| name == "SharedArrayBuffer")
}
