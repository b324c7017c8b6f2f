//! The errors of calls to Redis, in the words of stores.

use redis::RedisError;
use wsio_events::{AppendError, StoreError};

/// The error of a command.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There was no connection in time, and why if that is known: nothing was sent.
    Away(Option<RedisError>),
    /// Redis answered with an error: nothing was done.
    Refused(RedisError),
    /// The connection was lost before the answer.
    Lost(RedisError),
    /// There was no answer in time.
    Silent,
    /// The answer is none that a script of ours gives.
    Answer,
}

impl CallError {
    /// The error of what came before the command: it was not sent itself.
    pub(crate) fn before_sending(self) -> Self {
        match self {
            Self::Lost(error) => Self::Away(Some(error)),
            Self::Silent | Self::Answer => Self::Away(None),
            it => it,
        }
    }

    /// The error of a command that was also sent before, with an unknown outcome.
    pub(crate) fn in_doubt(self) -> Self {
        match self {
            Self::Away(Some(error)) | Self::Refused(error) => Self::Lost(error),
            Self::Away(None) => Self::Silent,
            it => it,
        }
    }

    pub(crate) fn into_append(self) -> AppendError {
        let is_refused = matches!(self, Self::Away(_) | Self::Refused(_));
        let error = self.into_store();
        if is_refused {
            AppendError::refused(error)
        } else {
            AppendError::uncertain(error)
        }
    }

    pub(crate) fn into_store(self) -> StoreError {
        let (what, source) = match self {
            Self::Away(error) => ("Redis cannot be reached", error),
            Self::Refused(error) => ("Redis refuses", Some(error)),
            Self::Lost(error) => ("the connection to Redis is lost", Some(error)),
            Self::Silent => ("Redis does not answer in time", None),
            Self::Answer => ("Redis answers what is not understood", None),
        };
        let error = StoreError::new(what);
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}
