//! Codecs for values over a stream of bytes, for tokio-util's
//! [`Framed`](tokio_util::codec::Framed) and its halves.
//!
//! The codecs do not depend on WebSockets: they work over a [`WsIo`](crate::WsIo) and over any
//! other `AsyncRead` and `AsyncWrite`.
//!
//! A complete value that does not decode is an *item*: an `Err` inside the item, with the position
//! of the value in the stream. The next value follows. If the rest of the stream is unreadable, the
//! decoder itself fails, after which `FramedRead` ends.

#[cfg(feature = "cbor")]
mod cbor;
mod error;
#[cfg(feature = "json")]
mod json;

#[cfg(feature = "cbor")]
pub use self::cbor::CborCodec;
pub use self::error::{CodecError, CodecErrorKind};
#[cfg(feature = "json")]
pub use self::json::JsonCodec;

/// The default limit of a value: 8 MiB.
const MAX_VALUE: usize = 8 << 20;

#[cfg(test)]
mod splits;
