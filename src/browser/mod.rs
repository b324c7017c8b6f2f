//! Functions and types that exist only in a browser: the choice between its two kinds of sockets,
//! and the adoption of a `WebSocket` that the page has created.

pub(crate) mod backend;
mod builder;

use web_sys::WebSocket;

pub use self::backend::Transport;

use self::backend::BrowserSocket;
use crate::{
    Error, WsMeta, WsStream,
    options::{CONNECT_TIMEOUT, Options},
    pair::{Core, within},
};

/// Adopts a `WebSocket` of the page, and waits until it is open.
///
/// Replaces the socket's listeners and its `binaryType`. Messages received before are lost, so adopt
/// a socket in the task that created it, or in its `open` event at the latest.
///
/// # Errors
///
/// [`ErrorKind::NotOpen`](crate::ErrorKind::NotOpen) if the socket is closing or closed,
/// [`ErrorKind::Network`](crate::ErrorKind::Network) if it cannot connect, and
/// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) if that takes more than 30 seconds.
///
/// # Cancel safety
///
/// Dropping the future closes the socket.
pub async fn from_web_sys(socket: WebSocket) -> Result<(WsMeta, WsStream), Error> {
    let ready_state = socket.ready_state();
    if ready_state != WebSocket::CONNECTING && ready_state != WebSocket::OPEN {
        return Err(Error::not_open());
    }
    let options = Options::default();
    let socket = BrowserSocket::adopt(socket, &options);
    let (socket, negotiated) = within(Some(CONNECT_TIMEOUT), socket.opened()).await??;
    Ok(WsStream::pair(Core::new(socket, negotiated, &options)))
}
