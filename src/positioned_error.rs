//! The shape that the errors of all codecs share: a kind, a position in the stream, a cause.

use std::{error::Error as StdError, io};

/// Defines an error type for a kind, which has a `message`, and an `io_kind` unless the underlying
/// stream failed.
macro_rules! positioned_error {
    (
        $(#[$doc:meta])* $name:ident, $kind:ident,
        $(#[$position_doc:meta])* position,
        $(#[$io_doc:meta])* io
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            kind: $kind,
            position: u64,
            source: Option<Box<dyn std::error::Error + Send + Sync>>,
        }

        impl $name {
            pub(crate) fn new(kind: $kind, position: u64) -> Self {
                Self {
                    kind,
                    position,
                    source: None,
                }
            }

            pub(crate) fn because(
                kind: $kind,
                position: u64,
                source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
            ) -> Self {
                Self {
                    kind,
                    position,
                    source: Some(source.into()),
                }
            }

            /// Returns the kind of this error.
            #[must_use]
            pub fn kind(&self) -> $kind {
                self.kind
            }

            $(#[$position_doc])*
            #[must_use]
            pub fn position(&self) -> u64 {
                self.position
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.kind.message() {
                    (message, true) => write!(f, "{message} at byte {}", self.position),
                    (message, false) => f.write_str(message),
                }
            }
        }

        impl std::error::Error for $name {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.source.as_deref().map(|source| source as _)
            }
        }

        impl From<std::io::Error> for $name {
            fn from(error: std::io::Error) -> Self {
                Self::because($kind::Io, 0, error)
            }
        }

        $(#[$io_doc])*
        impl From<$name> for std::io::Error {
            fn from(error: $name) -> Self {
                match (error.kind.io_kind(), error.source) {
                    (None, Some(source)) => crate::positioned_error::io_error(source),
                    (kind, source) => {
                        let kind = kind.unwrap_or(std::io::ErrorKind::Other);
                        Self::new(kind, $name { source, ..error })
                    }
                }
            }
        }
    };
}

pub(crate) use positioned_error;

/// Returns the error of the underlying stream as an [`io::Error`].
pub(crate) fn io_error(source: Box<dyn StdError + Send + Sync>) -> io::Error {
    match source.downcast::<io::Error>() {
        Ok(source) => *source,
        Err(source) => source
            .downcast::<crate::Error>()
            .map_or_else(io::Error::other, |source| (*source).into()),
    }
}
