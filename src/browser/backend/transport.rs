//! What a browser's connection can be told beyond what every target can.

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BrowserOptions {
    pub(crate) transport: Transport,
}

/// Which of the browser's two sockets to use; see
/// [`Builder::transport`](crate::Builder::transport).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// [`WebSocketStream`](Transport::WebSocketStream) where the page has one that does not crash
    /// it, else [`WebSocket`](Transport::WebSocket).
    ///
    /// Chromium's does, at least up to version 156: when a connection is lost while the page
    /// sends, be it the one message that was written a moment too late, the page is gone, and
    /// with it everything in it. No use of it that sends is safe from that. So in Chromium this
    /// is `WebSocket`, and Firefox and Safari have nothing else.
    #[default]
    Auto,
    /// `WebSocketStream`, which Chromium has, in windows and in workers; for what it does there to
    /// a page that sends, see [`Auto`](Transport::Auto). A page that does not read stops the
    /// server through TCP: no more than a quarter of
    /// [`receive_limit`](crate::Builder::receive_limit), by default 16 MiB, and one message wait
    /// for the reader.
    ///
    /// What the browser has received and not handed over yet when the server closes, up to some
    /// 128 KiB, it drops without a word. That can only be while the server is being stopped, that
    /// is behind a full queue; the reader is then told so, by an error of kind
    /// [`Lost`](crate::ErrorKind::Lost) after everything up to there, and never by an ordinary
    /// end. Where a slow reader must not be told that, let the server wait for an answer before
    /// it closes, raise `receive_limit`, or take the other socket.
    WebSocketStream,
    /// `WebSocket`, which every browser has. Nothing slows the server down: what is not read waits
    /// in the page, and more than [`receive_limit`](crate::Builder::receive_limit) ends the
    /// connection with [`QueueFull`](crate::ErrorKind::QueueFull).
    WebSocket,
}
