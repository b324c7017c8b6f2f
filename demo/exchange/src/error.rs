//! The reason why a step failed.

use std::{error, fmt, io};

use tokio_util::codec::LinesCodecError;
use wsio::codec::CodecError;

/// A failure, in words for the user.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The connection gave nothing more where something was due.
    pub(crate) fn ended() -> Self {
        Self::new("the server ended the connection early")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Failure {}

impl From<wsio::Error> for Failure {
    fn from(error: wsio::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<LinesCodecError> for Failure {
    fn from(error: LinesCodecError) -> Self {
        Self(error.to_string())
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Self(error.to_string())
    }
}
