//! Server-sent events over any stream of bytes, as WHATWG HTML § 9.2 describes them.
//!
//! An event stream is text that never has to end, in blocks of lines:
//!
//! ```text
//! : a comment
//! retry: 2000
//!
//! id: 17
//! event: progress
//! data: {"done": 3,
//! data:  "of": 8}
//!
//! ```
//!
//! There are three ways to read one, over a WebSocket, a TCP connection, an HTTP body or anything
//! else, with the same outcome:
//!
//! - [`SseCodec`] with tokio-util's [`Framed`](tokio_util::codec::Framed), which writes as well,
//!   over what reads and writes bytes;
//! - [`SseReader`], over a `Stream` of pieces;
//! - [`SseDecoder`], which does no I/O.
//!
//! All three give comments, ids and reconnection times too, not only events: they are what tells
//! that a connection is alive, and where to go on after it.

mod codec;
mod decoder;
mod encoder;
mod error;
mod event;
mod reader;
#[cfg(feature = "event-source")]
pub(crate) mod source;

#[cfg(feature = "event-source")]
pub use self::source::*;
pub use self::{
    codec::SseCodec,
    decoder::SseDecoder,
    error::{SseError, SseErrorKind},
    event::{SseEvent, SseItem},
    reader::SseReader,
};

/// The bytes a line may have, unless a decoder is told otherwise: 8 MiB.
const MAX_LINE: usize = 8 << 20;

/// The bytes an event may have, unless a decoder is told otherwise: 16 MiB.
const MAX_EVENT: usize = 16 << 20;

/// What is kept of a buffer that is empty again, at most: 4 KiB.
const KEPT: usize = 4 << 10;
