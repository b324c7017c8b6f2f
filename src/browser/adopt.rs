//! Adopting a `WebSocket` that the page has created.

use std::time::Duration;

use web_sys::WebSocket;

use super::backend::BrowserSocket;
use crate::{
    Error, WsMeta, WsStream,
    options::{CONNECT_TIMEOUT, Options, option_setters},
    pair::{Core, within},
};

/// Adopts a `WebSocket` of the page with the default options, and waits until it is open. See
/// [`Adopter::adopt`].
///
/// # Errors
///
/// Those of [`Adopter::adopt`].
pub async fn from_web_sys(socket: WebSocket) -> Result<(WsMeta, WsStream), Error> {
    Adopter::new().adopt(socket).await
}

/// Adopts sockets of the page with options.
///
/// ```no_run
/// # async fn example(socket: web_sys::WebSocket) -> Result<(), wsio::Error> {
/// use wsio::browser::Adopter;
///
/// let adopter = Adopter::new().receive_limit(1 << 20).refuse_text(true);
/// let (meta, stream) = adopter.adopt(socket).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "an adopter does nothing until it adopts"]
pub struct Adopter {
    connect_timeout: Option<Duration>,
    options: Options,
}

impl Default for Adopter {
    fn default() -> Self {
        Self::new()
    }
}

impl Adopter {
    /// Creates an adopter with the default options.
    pub fn new() -> Self {
        Self {
            connect_timeout: Some(CONNECT_TIMEOUT),
            options: Options::default(),
        }
    }

    /// Limits the time until the socket is open; `None` for no limit. The default is 30 seconds.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    option_setters!();

    /// Adopts a `WebSocket`, and waits until it is open.
    ///
    /// Replaces the socket's listeners and its `binaryType`. Messages received before are lost, so
    /// adopt a socket in the task that created it, or in its `open` event at the latest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption) and
    /// [`ErrorKind::NotOpen`](crate::ErrorKind::NotOpen), if the socket is closing or closed, before
    /// the socket is touched; [`ErrorKind::Network`](crate::ErrorKind::Network) if it cannot connect;
    /// [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) after
    /// [`connect_timeout`](Self::connect_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the socket.
    pub async fn adopt(&self, socket: WebSocket) -> Result<(WsMeta, WsStream), Error> {
        self.options.check()?;
        let ready_state = socket.ready_state();
        if ready_state != WebSocket::CONNECTING && ready_state != WebSocket::OPEN {
            return Err(Error::not_open());
        }
        let socket = BrowserSocket::adopt(socket, &self.options);
        let (socket, negotiated) = within(self.connect_timeout, socket.opened()).await??;
        Ok(WsStream::pair(Core::new(socket, negotiated, &self.options)))
    }
}
