//! Server-sent events over any stream of bytes, as WHATWG HTML § 9.2 describes them.
//!
//! An event stream is text of any length, in blocks of lines:
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
//! Three types read event streams, over a WebSocket, a TCP connection, an HTTP body or any other
//! transport, with the same results:
//!
//! - [`SseCodec`], with tokio-util's [`Framed`](tokio_util::codec::Framed), over any `AsyncRead`;
//!   it also writes event streams to any `AsyncWrite`;
//! - [`SseReader`], over any `Stream` of pieces;
//! - [`SseDecoder`], without I/O.
//!
//! All three yield comments, ids and reconnection times as well as events. Comments show that a
//! connection is alive; ids and reconnection times tell after which event to resume, and when.
//!
//! # Limits
//!
//! By default a line may have 8 MiB and an event 16 MiB, with `EventSource` too. Over that, a reader
//! skips the event and reports an error. A server should therefore send no larger events: an
//! `EventLog` of the crate `wsio-events` refuses events over its own limit, `Limits::max_event`, on
//! `append`; its default is 1 MiB.

mod codec;
mod decoder;
mod encoder;
mod error;
mod event;
mod reader;
#[cfg(feature = "event-source")]
pub(crate) mod source;
pub mod upstream;

#[cfg(feature = "event-source")]
pub use self::source::*;
pub use self::{
    codec::SseCodec,
    decoder::SseDecoder,
    error::{SseError, SseErrorKind},
    event::{SseEvent, SseItem},
    reader::SseReader,
};

/// The default limit of a line: 8 MiB.
const MAX_LINE: usize = 8 << 20;

/// The default limit of an event: 16 MiB.
const MAX_EVENT: usize = 16 << 20;

/// The largest capacity that an empty buffer keeps: 4 KiB.
const KEPT_CAPACITY: usize = 4 << 10;
