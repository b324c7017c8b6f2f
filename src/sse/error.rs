use std::io;

use crate::positioned_error::positioned_error;

positioned_error! {
    /// An error in an event stream, and its position there.
    SseError, SseErrorKind,
    /// Returns the number of bytes of the stream before the error: before the line for
    /// [`LineTooLong`](SseErrorKind::LineTooLong), before the first line of the block for
    /// [`EventTooLong`](SseErrorKind::EventTooLong). Zero for
    /// [`InvalidEvent`](SseErrorKind::InvalidEvent). For [`Io`](SseErrorKind::Io) the number of
    /// bytes read, or zero if it is unknown.
    position,
    /// Returns the error of the underlying stream if that is an [`io::Error`] or a
    /// [`wsio::Error`](crate::Error). The other kinds are `InvalidInput` for
    /// [`InvalidEvent`](SseErrorKind::InvalidEvent) and `InvalidData` for a line or an event over
    /// its limit.
    io
}

/// The kinds of [`SseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SseErrorKind {
    /// A line exceeds its limit. Its block is skipped; the next one can be read.
    LineTooLong,
    /// An event exceeds its limit. It is skipped; the next one can be read.
    EventTooLong,
    /// An item cannot be encoded so that it reads back the same. Nothing was written.
    InvalidEvent,
    /// The underlying stream failed. [`source`](std::error::Error::source) returns its error.
    Io,
}

impl SseErrorKind {
    /// Returns the text of the error, and whether its position belongs there.
    fn message(self) -> (&'static str, bool) {
        match self {
            Self::LineTooLong => ("a line exceeds its limit", true),
            Self::EventTooLong => ("an event exceeds its limit", true),
            Self::InvalidEvent => ("the event cannot be encoded", false),
            Self::Io => ("the underlying stream failed", false),
        }
    }

    fn io_kind(self) -> Option<io::ErrorKind> {
        match self {
            Self::LineTooLong | Self::EventTooLong => Some(io::ErrorKind::InvalidData),
            Self::InvalidEvent => Some(io::ErrorKind::InvalidInput),
            Self::Io => None,
        }
    }
}
