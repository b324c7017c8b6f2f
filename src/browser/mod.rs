//! What only a browser can do: choose between its two kinds of sockets, and adopt a `WebSocket`
//! that the page has made.

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

/// Adopts a socket, and waits until it is open if it is connecting.
///
/// Its listeners and its `binaryType` are replaced. Messages that the socket received before are
/// gone, so adopt it in the task that made it, or in the `open` event at the latest.
///
/// # Errors
///
/// [`ErrorKind::NotOpen`](crate::ErrorKind::NotOpen) if it is closing or closed,
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
