//! Failures of the database, and the errors that they become.

use std::{
    error, fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::StoreError;

/// A failure inside a [`DiskStore`](super::DiskStore).
#[derive(Debug)]
pub(super) enum DiskFailure {
    /// The database or the file system failed.
    Engine(Box<redb::Error>),
    /// The file holds what this store has not written.
    Damaged(&'static str),
    /// The database panicked, which it does for some kinds of damage.
    Panicked,
    /// The store is closed, or its database is being opened again after a failure.
    Unavailable,
}

impl DiskFailure {
    /// Calls the database. A panic of it becomes a failure.
    ///
    /// After a failure of a write the database is dropped and opened again, so that nothing of what
    /// a panic has left behind is used.
    pub(super) fn guard<T>(call: impl FnOnce() -> Result<T, Self>) -> Result<T, Self> {
        catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Self::Panicked))
    }

    /// Returns the error for an application: `what` failed, unless the cause has a name of its own.
    pub(super) fn into_store_error(self, what: &'static str) -> StoreError {
        let what = match &self {
            Self::Engine(error) => engine_message(error).unwrap_or(what),
            Self::Damaged(_) | Self::Panicked => DAMAGED,
            Self::Unavailable => what,
        };
        StoreError::new(what).with_source(self)
    }
}

fn engine_message(error: &redb::Error) -> Option<&'static str> {
    match error {
        redb::Error::Io(error) if is_full(error) => Some("the disk is full"),
        redb::Error::Io(error) if is_damage(error) => Some(DAMAGED),
        redb::Error::Corrupted(_) => Some(DAMAGED),
        redb::Error::DatabaseAlreadyOpen => {
            Some("the directory of the events is in use by another store")
        }
        _ => None,
    }
}

const DAMAGED: &str = "the file of the events is damaged";

/// The database reads less than it should, or something else.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    matches!(error.kind(), InvalidData | UnexpectedEof)
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

impl fmt::Display for DiskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::Damaged(what) => f.write_str(what),
            Self::Panicked => f.write_str("the database cannot read its file"),
            Self::Unavailable => f.write_str("the file of the events is not open"),
        }
    }
}

impl error::Error for DiskFailure {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Engine(error) => error.source(),
            _ => None,
        }
    }
}

macro_rules! from_engine {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for DiskFailure {
            fn from(error: redb::$error) -> Self {
                Self::Engine(Box::new(error.into()))
            }
        }
    )*};
}

from_engine!(
    CommitError,
    DatabaseError,
    StorageError,
    TableError,
    TransactionError
);

impl From<io::Error> for DiskFailure {
    fn from(error: io::Error) -> Self {
        Self::Engine(Box::new(redb::Error::Io(error)))
    }
}
