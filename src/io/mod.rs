//! The bytes of a connection.

mod engine;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "tokio-io")]
mod tokio_io;

use std::fmt;

use self::engine::Engine;
use crate::{WsMeta, WsStream};

/// A connection as a stream of bytes: tokio's `AsyncRead`, `AsyncBufRead` and `AsyncWrite`
/// (feature `tokio-io`, on by default) and futures-io's (feature `futures-io`).
///
/// # Reading
///
/// Message boundaries vanish: a read gives what is there, and an empty message is nothing. Text
/// arrives as its UTF-8 bytes unless the builder refuses it. After a completed closing handshake
/// with 1000, 1001 or no code comes the end of file. Any other end is one error, after all that
/// arrived before: `UnexpectedEof` when the connection was lost, `ConnectionAborted` when the peer
/// closed with an error code, `InvalidData` when it sent what it must not. A stream cut short
/// never looks like a complete one. The error can be downcast to [`Error`](crate::Error).
///
/// # Writing
///
/// A write is one binary message, of several slices too, and what is larger than
/// [`write_chunk`](crate::Builder::write_chunk) becomes several. Accepted bytes are on their way:
/// they wait neither for a flush nor for the next write. Natively they are offered to the
/// operating system at once, and what it does not take then is driven on by any later poll, also
/// of a read. In a browser bytes written in the same turn of the event loop travel together, and
/// leave when the turn ends. Writing after the end is `BrokenPipe`.
///
/// Flushing waits until everything is handed over. Shutting down flushes, runs the closing
/// handshake, and resolves within the close timeout: with `Ok` if it was completed, else with the
/// error that a read would give.
///
/// A WebSocket cannot be closed in one direction only: the peer answers the Close frame with its
/// own. On native targets, everything the peer sent before its Close frame can still be read. A
/// browser discards messages that arrive after the page's own close. There, a reader that has not
/// reached the end gets an error of kind [`Truncated`](crate::ErrorKind::Truncated) after the bytes
/// that had arrived, never the end of file. To send a request and read the whole answer in a page,
/// mark the end of the request inside the stream, by a length or a terminator, and shut down after
/// the answer.
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
    engine: Engine,
}

impl WsIo {
    pub(crate) fn new(stream: WsStream) -> Self {
        Self {
            engine: Engine::new(stream),
        }
    }

    /// The handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.engine.stream().meta()
    }
}

impl fmt::Debug for WsIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WsIo").field(self.engine.stream()).finish()
    }
}
