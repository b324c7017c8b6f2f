//! Codecs for values over a stream of bytes, for tokio-util's
//! [`Framed`](tokio_util::codec::Framed) and its halves.
//!
//! They know nothing of WebSockets: bytes in, values out, over a [`WsIo`](crate::WsIo) as over
//! anything else that reads and writes.
//!
//! A value that arrives whole but does not decode is an *item*, `Err` inside the item, with the
//! position it has in the stream; the next value follows. What makes the rest of the stream
//! unreadable is an error of the decoder, after which `FramedRead` ends.

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

/// The bytes a value may take, unless the codec is told otherwise: 8 MiB.
const MAX_VALUE: usize = 8 << 20;

#[cfg(test)]
mod splits;
