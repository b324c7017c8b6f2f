//! What a builder can be told in a browser.

use super::Transport;
use crate::Builder;

/// In a browser only.
impl Builder {
    /// Which of the browser's two sockets to use. Both are as fast, but with a plain `WebSocket` a
    /// server that sends faster than the page reads fills the tab, until
    /// [`receive_limit`](Builder::receive_limit) ends the connection, while a `WebSocketStream`
    /// makes it wait. The default, [`Transport::Auto`], is `WebSocketStream` where the page has
    /// it and it can be trusted, which is not so in Chromium yet, and `WebSocket` elsewhere.
    ///
    /// A page that only reads, and whose server is faster than it, is better off with
    /// [`Transport::WebSocketStream`] where there is one:
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
    /// Where there is none, [`connect`](Builder::connect) fails with
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) for
    /// [`Transport::WebSocketStream`].
    pub fn transport(mut self, transport: Transport) -> Self {
        self.setup.transport = transport;
        self
    }
}
