//! What the page's two kinds of sockets have in common.

use std::task::{Context, Poll};

use wasm_bindgen::{JsCast, JsValue};

use crate::{
    WsMessage,
    backend::{Negotiated, Unsendable},
    event::CloseCode,
};

use super::thrown;

/// A socket of the page. What it receives it puts into the
/// [`ReceiveQueue`](super::receive_queue::ReceiveQueue) it was made with, and wakes whoever waits for it.
///
/// It is not `Debug`: through a trait object that would be in every program, used or not, with all
/// that formats floating-point numbers.
pub(super) trait PageSocket {
    /// What the opening handshake settled, once there was one.
    fn negotiated(&self) -> Negotiated;

    /// Whether a message would be sent, as far as the browser says so at once.
    fn is_open(&self) -> bool;

    /// Takes a message for sending.
    fn send(&self, message: WsMessage) -> Result<(), SendRefused>;

    /// Takes bytes for sending as one binary message, or as a part of one.
    fn send_bytes(&self, bytes: &[u8]) -> Result<(), SendRefused>;

    /// How many bytes were taken and have not been sent.
    fn buffered(&self) -> usize;

    /// Whether less than `mark` waits to be sent; costs nothing while that is so.
    fn has_room(&self, mark: usize) -> bool;

    /// Ready when it is worth asking again, after there was no room.
    fn poll_progress(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Messages have been taken out of the queue.
    fn resume(&self);

    /// Whether the peer is being stopped, so that its silence means nothing.
    fn is_paused(&self) -> bool;

    /// Begins the closing handshake behind what was taken for sending, or breaks off the opening
    /// one. A code or a reason that the browser refuses is left out.
    fn close(&self, code: Option<CloseCode>, reason: &str);

    /// Nobody is interested any more, also not in what waits to be sent: gives back what can be
    /// given back.
    fn release(&self);
}

/// The browser's socket refused a message.
#[derive(Debug)]
pub(super) struct SendRefused(pub(super) JsValue);

impl From<SendRefused> for Unsendable {
    fn from(SendRefused(thrown): SendRefused) -> Self {
        Self {
            cause: Some(thrown::cause(&thrown)),
        }
    }
}

/// Whether the module's memory is shared between threads, in which case the browser's sockets
/// refuse views of it.
pub(super) fn has_shared_memory() -> bool {
    let property = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
    // By name: where pages are not isolated, `SharedArrayBuffer` does not exist.
    property(&wasm_bindgen::memory(), "buffer")
        .and_then(|buffer| property(&buffer, "constructor"))
        .and_then(|constructor| property(&constructor, "name"))
        .and_then(|name| name.dyn_into::<js_sys::JsString>().ok())
        .is_some_and(|name| name == "SharedArrayBuffer")
}
