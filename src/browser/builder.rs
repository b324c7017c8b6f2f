//! The setters of [`Builder`] that exist only in a browser.

use super::Transport;
use crate::Builder;

/// Available only in a browser.
impl Builder {
    /// Sets which of the browser's two kinds of sockets to use. The default is [`Transport::Auto`]:
    /// `WebSocketStream` if the page has one that cannot crash it, which excludes Chromium's, else
    /// `WebSocket`.
    ///
    /// Both are equally fast. If the server sends faster than the page reads, a `WebSocketStream`
    /// makes the server wait, while a plain `WebSocket` fills the page until
    /// [`receive_limit`](Builder::receive_limit) ends the connection. A page that only reads from a
    /// faster server should use [`Transport::WebSocketStream`] where there is one:
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), wsio::Error> {
    /// use wsio::{ErrorKind, WsMeta, browser::Transport};
    ///
    /// let builder = WsMeta::builder("wss://example.com/export");
    /// let streamed = builder.clone().transport(Transport::WebSocketStream);
    /// let (meta, stream) = match streamed.connect().await {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => builder.connect().await?,
    ///     connected => connected?,
    /// };
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// With [`Transport::WebSocketStream`], [`connect`](Builder::connect) fails with
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the page has none.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.setup.transport = transport;
        self
    }
}
