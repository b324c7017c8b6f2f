//! The options of a connection that exist only in a browser.

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BrowserOptions {
    pub(crate) transport: Transport,
}

/// One of the browser's two kinds of sockets; see
/// [`Builder::transport`](crate::Builder::transport).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// [`WebSocketStream`](Transport::WebSocketStream) if the page has one that cannot crash it,
    /// else [`WebSocket`](Transport::WebSocket).
    ///
    /// Chromium's can, at least up to version 156: if a connection is lost while a message is being
    /// sent, the whole page crashes. Every program that sends is at risk. Therefore this is
    /// `WebSocket` in Chromium. Firefox and Safari have no `WebSocketStream`.
    #[default]
    Auto,
    /// `WebSocketStream`, which exists in Chromium, in windows and workers. It can crash a page that
    /// sends: see [`Auto`](Transport::Auto).
    ///
    /// If the page does not read, TCP stops the server. At most a quarter of
    /// [`receive_limit`](crate::Builder::receive_limit), by default 16 MiB, and one message wait to
    /// be read.
    ///
    /// If the server closes while it is stopped, the browser drops up to some 128 KiB that it has
    /// received and not delivered. The reader then gets an error of kind
    /// [`Lost`](crate::ErrorKind::Lost) after the messages before, never an ordinary end. To avoid
    /// that with a slow reader, let the server wait for an answer before it closes, raise
    /// `receive_limit`, or use the other socket.
    WebSocketStream,
    /// `WebSocket`, which exists in every browser. Nothing slows the server down: unread messages
    /// wait in the page, and more than [`receive_limit`](crate::Builder::receive_limit) of them end
    /// the connection with [`QueueFull`](crate::ErrorKind::QueueFull).
    WebSocket,
}
