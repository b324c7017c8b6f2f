use std::{error::Error as StdError, fmt, io};

/// What went wrong between bytes and values, and where in the stream.
#[derive(Debug)]
pub struct CodecError {
    kind: CodecErrorKind,
    position: u64,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`CodecError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// A value arrived whole, but is not the one that was expected; the next one can be read.
    Invalid,
    /// A value takes more bytes than allowed, and is left out; the next one can be read.
    TooLong,
    /// The bytes are not of the format at all; nothing after them can be read.
    Malformed,
    /// The stream ended in the middle of a value.
    Incomplete,
    /// A value cannot be expressed in the format; nothing was written.
    Unencodable,
    /// The stream beneath failed; [`source`](StdError::source) is its error.
    Io,
}

impl CodecError {
    pub(super) fn new(kind: CodecErrorKind, position: u64) -> Self {
        Self {
            kind,
            position,
            source: None,
        }
    }

    pub(super) fn because(
        kind: CodecErrorKind,
        position: u64,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            position,
            source: Some(source.into()),
        }
    }

    /// What kind of error this is.
    pub fn kind(&self) -> CodecErrorKind {
        self.kind
    }

    /// The bytes of the stream before the value this is about; for
    /// [`Malformed`](CodecErrorKind::Malformed), before the byte that is wrong. Zero where no
    /// byte was read: [`Unencodable`](CodecErrorKind::Unencodable) and
    /// [`Io`](CodecErrorKind::Io).
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position;
        match self.kind {
            CodecErrorKind::Invalid => write!(f, "not the value expected, at byte {at}"),
            CodecErrorKind::TooLong => write!(f, "a value longer than allowed, at byte {at}"),
            CodecErrorKind::Malformed => write!(f, "malformed at byte {at}"),
            CodecErrorKind::Incomplete => {
                write!(f, "the stream ends within the value at byte {at}")
            }
            CodecErrorKind::Unencodable => f.write_str("a value that cannot be encoded"),
            CodecErrorKind::Io => f.write_str("the stream failed"),
        }
    }
}

impl StdError for CodecError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::because(CodecErrorKind::Io, 0, error)
    }
}

/// `UnexpectedEof` for a value cut off, `InvalidInput` for one that cannot be encoded, the
/// stream's own error as it was, and `InvalidData` for the rest.
impl From<CodecError> for io::Error {
    fn from(error: CodecError) -> Self {
        let kind = match error.kind {
            CodecErrorKind::Io => match error.source {
                Some(source) => return io_error(source),
                None => io::ErrorKind::Other,
            },
            CodecErrorKind::Incomplete => io::ErrorKind::UnexpectedEof,
            CodecErrorKind::Unencodable => io::ErrorKind::InvalidInput,
            CodecErrorKind::Invalid | CodecErrorKind::TooLong | CodecErrorKind::Malformed => {
                io::ErrorKind::InvalidData
            }
        };
        Self::new(kind, error)
    }
}

fn io_error(source: Box<dyn StdError + Send + Sync>) -> io::Error {
    source
        .downcast::<io::Error>()
        .map_or_else(io::Error::other, |source| *source)
}
