//! The messages of a connection.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Sink, Stream, stream::FusedStream};

use super::{Core, WsMeta};
use crate::{Error, WsMessage, WsState, address};

/// A connection as a stream and a sink of [`WsMessage`]s.
///
/// # The end
///
/// The stream yields `None` after a completed closing handshake with code 1000, 1001 or none. Any
/// other end, a lost connection or a close with an error code, is first yielded as one `Err`, which
/// carries the [`CloseEvent`](crate::CloseEvent), after everything that arrived before. Then it
/// yields `None`, for ever.
///
/// # Sending
///
/// `poll_ready` waits while more than the high-water mark is buffered
/// ([`Builder::high_water_mark`](crate::Builder::high_water_mark)), and `poll_flush` until
/// everything is handed to the operating system; in a browser, where handing over is all a page can
/// do, that is at once. On native targets, a message may stay in the write buffer until you flush.
/// Once a closing handshake has begun, from either side, sending fails with
/// [`NotOpen`](crate::ErrorKind::NotOpen); flushing fails only if an accepted message is lost.
///
/// `poll_close` flushes and runs the closing handshake, and fails where the stream would. On native
/// targets, messages that the peer sends before its own Close frame can still be read, however many
/// they are. A browser discards them: there, closing the sink before the stream has ended yields
/// an error of kind [`Truncated`](crate::ErrorKind::Truncated) in place of the end. To close a
/// connection whose messages are not wanted any more, use [`WsMeta::close`].
///
/// # Halves and tasks
///
/// [`split`](WsStream::split) makes two halves for two tasks.
///
/// # Dropping
///
/// Closes the connection without a code. In a browser the closing handshake is completed in the
/// background. On native targets, buffered messages and the Close frame are written as far as the
/// operating system takes them at once; to be sure, [`close`](WsMeta::close). A task that waits for
/// the end with a [`WsMeta`] at that moment completes the closing handshake.
///
/// # Cancel safety
///
/// Dropping a future of `StreamExt::next` or `SinkExt::flush` loses nothing. Dropping a future of
/// `SinkExt::send` that waits for room loses its message.
pub struct WsStream {
    receiver: WsReceiver,
    sender: WsSender,
}

impl WsStream {
    pub(crate) fn pair(core: Arc<Core>) -> (WsMeta, Self) {
        let lease = Arc::new(Lease(Arc::clone(&core)));
        let receiver = WsReceiver {
            lease: Arc::clone(&lease),
            unread: None,
            is_replaced: false,
        };
        let sender = WsSender { lease };
        (WsMeta::new(core), Self { receiver, sender })
    }

    /// Returns the handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.sender.meta()
    }

    /// Returns the state of the connection.
    #[must_use]
    pub fn ready_state(&self) -> WsState {
        self.core().state()
    }

    /// Splits the connection into two halves, which can move to different tasks.
    ///
    /// They come in the order of `futures::StreamExt::split`, whose halves share a lock and whose
    /// sender holds one message back until it is flushed; these do not. The connection closes when
    /// both are dropped.
    #[must_use]
    pub fn split(self) -> (WsSender, WsReceiver) {
        (self.sender, self.receiver)
    }

    pub(crate) fn from_halves(receiver: WsReceiver, sender: WsSender) -> Self {
        Self { receiver, sender }
    }

    pub(crate) fn core(&self) -> &Core {
        self.sender.core()
    }
}

/// The receiving half of a [`WsStream`].
///
/// Dropping it while the sending half lives discards what the peer sends.
pub struct WsReceiver {
    lease: Arc<Lease>,
    /// The rest of a message that a [`WsIo`](crate::WsIo) has read in part.
    unread: Option<Bytes>,
    /// `true` if another receiver has taken its place.
    is_replaced: bool,
}

impl WsReceiver {
    /// Returns the handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.lease.meta()
    }

    /// Returns the receiver that takes the place of this one, and yields `unread` first.
    pub(crate) fn replace(&mut self, unread: Bytes) -> Self {
        self.is_replaced = true;
        Self {
            lease: Arc::clone(&self.lease),
            unread: Some(unread).filter(|bytes| !bytes.is_empty()),
            is_replaced: false,
        }
    }
}

/// The sending half of a [`WsStream`].
///
/// Dropping it while the receiving half lives leaves the connection open; to close it, close the
/// sink.
pub struct WsSender {
    lease: Arc<Lease>,
}

impl WsSender {
    /// Returns the handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.lease.meta()
    }

    pub(crate) fn core(&self) -> &Core {
        &self.lease.0
    }
}

/// Keeps a connection open: it closes when the last holder is gone.
struct Lease(Arc<Core>);

impl Lease {
    fn meta(&self) -> WsMeta {
        WsMeta::new(Arc::clone(&self.0))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Stream for WsReceiver {
    type Item = Result<WsMessage, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(bytes) = self.unread.take() {
            return Poll::Ready(Some(Ok(WsMessage::Binary(bytes))));
        }
        self.lease.0.poll_recv(cx)
    }
}

impl FusedStream for WsReceiver {
    fn is_terminated(&self) -> bool {
        self.unread.is_none() && self.lease.0.is_terminated()
    }
}

impl Drop for WsReceiver {
    fn drop(&mut self) {
        if !self.is_replaced {
            self.lease.0.discard_input();
        }
    }
}

impl Sink<WsMessage> for WsSender {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.core().poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: WsMessage) -> Result<(), Error> {
        self.core().send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.core().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.core().poll_close(cx)
    }
}

impl Stream for WsStream {
    type Item = Result<WsMessage, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.receiver).poll_next(cx)
    }
}

impl FusedStream for WsStream {
    fn is_terminated(&self) -> bool {
        self.receiver.is_terminated()
    }
}

impl Sink<WsMessage> for WsStream {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: WsMessage) -> Result<(), Error> {
        Pin::new(&mut self.sender).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.sender).poll_close(cx)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("url", &address::redacted(&self.0.negotiated().url))
            .field("ready_state", &self.0.state())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsStream").field(&self.sender.lease).finish()
    }
}

impl fmt::Debug for WsReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsReceiver").field(&self.lease).finish()
    }
}

impl fmt::Debug for WsSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsSender").field(&self.lease).finish()
    }
}
