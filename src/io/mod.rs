//! The bytes of a connection.

mod engine;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "tokio-io")]
mod tokio_io;

use std::fmt;

pub use self::engine::{WsReadHalf, WsWriteHalf};
use crate::{WsMeta, WsStream};

/// A connection as a stream of bytes: tokio's `AsyncRead`, `AsyncBufRead` and `AsyncWrite`
/// (feature `tokio-io`, on by default) and futures-io's (feature `futures-io`).
///
/// # Reading
///
/// Message boundaries vanish: a read returns the bytes that are buffered, and an empty message is
/// skipped. Text arrives as its UTF-8 bytes unless the builder refuses it. After a completed closing
/// handshake with 1000, 1001 or no code, reads return the end of file. Any other end is one error,
/// after everything that arrived before: `UnexpectedEof` when the connection was lost,
/// `ConnectionAborted` when the peer closed with an error code, `InvalidData` when it violated the
/// protocol. A truncated stream never looks complete. The error can be downcast to
/// [`Error`](crate::Error).
///
/// # Writing
///
/// A write is one binary message, also of several slices; bytes beyond
/// [`write_chunk`](crate::Builder::write_chunk) become further messages. Accepted bytes are on their
/// way: they wait neither for a flush nor for the next write. On native targets, they are offered to
/// the operating system at once; if it is full, any later poll, also of a read, drives them on. In a
/// browser, bytes written in the same turn of the event loop travel together and leave when the turn
/// ends. Writing after the end fails with `BrokenPipe`.
///
/// Flushing waits until everything is handed over.
///
/// # Shutting down
///
/// Flushes, runs the closing handshake, and resolves within the close timeout: with `Ok` if nothing
/// was lost, else with the error that a read would return.
///
/// On native targets, the answer can still be read: everything that the peer sends before its own
/// Close frame, of any size, and as slowly as it likes as long as it does not fall silent for the
/// close timeout. Where the peer's Close frame lies behind more than 64 KiB that nobody has read,
/// shutting down resolves without it, and the reader finds it.
///
/// A browser discards messages that arrive after the page's own close. There, a reader that has not
/// reached the end gets an error of kind [`Truncated`](crate::ErrorKind::Truncated) after the bytes
/// that had arrived, never the end of file. To send a request and read the whole answer in a page,
/// mark the end of the request inside the stream, by a length or a terminator, and shut down after
/// the answer.
///
/// # Halves and tasks
///
/// [`split`](WsIo::split) makes two halves for two tasks.
///
/// # Cancel safety
///
/// That of `AsyncRead` and `AsyncWrite`: a dropped read has taken nothing, a dropped write has
/// sent nothing.
///
/// # Dropping
///
/// Closes the connection, as dropping a [`WsStream`] does.
pub struct WsIo {
    reader: WsReadHalf,
    writer: WsWriteHalf,
}

impl WsStream {
    /// Turns the connection into a stream of bytes.
    #[must_use]
    pub fn into_io(self) -> WsIo {
        let (sender, receiver) = self.split();
        WsIo {
            reader: WsReadHalf::new(receiver),
            writer: WsWriteHalf::new(sender),
        }
    }
}

impl WsIo {
    /// Returns the handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.writer.meta()
    }

    /// Splits the connection into two halves, which can move to different tasks. It closes when
    /// both are dropped.
    #[must_use]
    pub fn split(self) -> (WsReadHalf, WsWriteHalf) {
        (self.reader, self.writer)
    }

    /// Returns the stream of messages. The unread rest of a message is its first message; nothing
    /// is lost.
    ///
    /// ```
    /// # async fn example(io: wsio::WsIo) {
    /// let stream = io.into_inner();
    /// # }
    /// ```
    #[must_use]
    pub fn into_inner(self) -> WsStream {
        let receiver = self.reader.into_receiver();
        WsStream::from_halves(receiver, self.writer.into_sender())
    }
}

impl fmt::Debug for WsIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsIo").field(&self.meta()).finish()
    }
}

impl fmt::Debug for WsReadHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsReadHalf").field(&self.meta()).finish()
    }
}

impl fmt::Debug for WsWriteHalf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsWriteHalf").field(&self.meta()).finish()
    }
}
