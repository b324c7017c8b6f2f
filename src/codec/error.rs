use std::io;

use crate::positioned_error::positioned_error;

positioned_error! {
    /// An error of a codec, and its position in the stream.
    CodecError, CodecErrorKind,
    /// Returns the number of bytes of the stream before the value; for
    /// [`Malformed`](CodecErrorKind::Malformed), before the invalid byte. Zero for
    /// [`Unencodable`](CodecErrorKind::Unencodable) and [`Io`](CodecErrorKind::Io), where no byte
    /// was read.
    position,
    /// Returns the error of the underlying stream if that is an [`io::Error`] or a
    /// [`wsio::Error`](crate::Error). The other kinds are `UnexpectedEof` for
    /// [`Incomplete`](CodecErrorKind::Incomplete), `InvalidInput` for
    /// [`Unencodable`](CodecErrorKind::Unencodable), and `InvalidData` for the rest.
    io
}

/// The kinds of [`CodecError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// A complete value is not of the expected type. The next one can be read.
    Invalid,
    /// A value exceeds its limit and is skipped. The next one can be read.
    TooLong,
    /// The bytes are not of the format. Nothing after them can be read.
    Malformed,
    /// The stream ended within a value.
    Incomplete,
    /// A value cannot be encoded in the format. Nothing was written.
    Unencodable,
    /// The underlying stream failed. [`source`](std::error::Error::source) returns its error.
    Io,
}

impl CodecErrorKind {
    /// Returns the text of the error, and whether its position belongs there.
    fn message(self) -> (&'static str, bool) {
        match self {
            Self::Invalid => ("not the expected value", true),
            Self::TooLong => ("a value exceeds its limit", true),
            Self::Malformed => ("the format is violated", true),
            Self::Incomplete => ("the stream ends within the value", true),
            Self::Unencodable => ("the value cannot be encoded", false),
            Self::Io => ("the underlying stream failed", false),
        }
    }

    fn io_kind(self) -> Option<io::ErrorKind> {
        match self {
            Self::Invalid | Self::TooLong | Self::Malformed => Some(io::ErrorKind::InvalidData),
            Self::Incomplete => Some(io::ErrorKind::UnexpectedEof),
            Self::Unencodable => Some(io::ErrorKind::InvalidInput),
            Self::Io => None,
        }
    }
}
