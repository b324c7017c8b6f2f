use std::{error::Error as StdError, fmt, io};

/// What went wrong with an event stream, and where.
#[derive(Debug)]
pub struct SseError {
    kind: SseErrorKind,
    position: u64,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`SseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SseErrorKind {
    /// A line has more bytes than allowed. Its block is left out; the next one can be read.
    LineTooLong,
    /// A block has more data than allowed. It is left out; the next one can be read.
    EventTooLong,
    /// An item cannot be written so that it reads back as it is; nothing was written.
    InvalidEvent,
    /// The stream beneath failed; [`source`](StdError::source) is its error.
    Io,
}

impl SseError {
    pub(crate) fn new(kind: SseErrorKind, position: u64) -> Self {
        Self {
            kind,
            position,
            source: None,
        }
    }

    /// The failure of the stream beneath.
    pub(crate) fn io(source: impl Into<Box<dyn StdError + Send + Sync>>, position: u64) -> Self {
        Self {
            kind: SseErrorKind::Io,
            position,
            source: Some(source.into()),
        }
    }

    /// What kind of error this is.
    #[must_use]
    pub fn kind(&self) -> SseErrorKind {
        self.kind
    }

    /// The bytes of the stream before what this is about: before the line for
    /// [`LineTooLong`](SseErrorKind::LineTooLong), before the first line of the block for
    /// [`EventTooLong`](SseErrorKind::EventTooLong). Zero for
    /// [`InvalidEvent`](SseErrorKind::InvalidEvent), and for [`Io`](SseErrorKind::Io) the bytes
    /// read, or zero where they are not known.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position;
        match self.kind {
            SseErrorKind::LineTooLong => write!(f, "a line longer than allowed, at byte {at}"),
            SseErrorKind::EventTooLong => write!(f, "an event longer than allowed, at byte {at}"),
            SseErrorKind::InvalidEvent => f.write_str("an event that cannot be encoded"),
            SseErrorKind::Io => f.write_str("the stream failed"),
        }
    }
}

impl StdError for SseError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<io::Error> for SseError {
    fn from(error: io::Error) -> Self {
        Self::io(error, 0)
    }
}

/// `InvalidInput` for what cannot be encoded, `InvalidData` for what is too long, and the error of
/// the stream beneath as it was, if it is an [`io::Error`] or converts to one with a kind of its
/// own ([`Error`](crate::Error)).
impl From<SseError> for io::Error {
    fn from(error: SseError) -> Self {
        let kind = match error.kind {
            SseErrorKind::Io => match error.source {
                Some(source) => return io_error(source),
                None => io::ErrorKind::Other,
            },
            SseErrorKind::InvalidEvent => io::ErrorKind::InvalidInput,
            SseErrorKind::LineTooLong | SseErrorKind::EventTooLong => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

fn io_error(source: Box<dyn StdError + Send + Sync>) -> io::Error {
    match source.downcast::<io::Error>() {
        Ok(source) => *source,
        Err(source) => source
            .downcast::<crate::Error>()
            .map_or_else(io::Error::other, |source| (*source).into()),
    }
}
