//! The errors of stores, and of appending to them.

use std::{error, fmt, sync::Arc};

type Source = Arc<dyn error::Error + Send + Sync>;

/// An error of the place where events are kept: it is away, damaged, full, or refuses.
///
/// The cause is its [`source`](error::Error::source).
#[derive(Debug, Clone)]
pub struct StoreError {
    what: &'static str,
    source: Option<Source>,
}

impl StoreError {
    /// Creates an error: `what` failed, such as "the events cannot be read".
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }

    pub(crate) fn from_gap(gap: crate::TailGap) -> Self {
        Self::new("the event does not follow the newest").with_source(gap)
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

/// The error of an event that was not appended, or may not have been.
///
/// After an error that [is uncertain](Self::is_uncertain), append the event again under the same
/// key: [`EventLog::append_once`](crate::EventLog::append_once).
#[derive(Debug, Clone)]
pub struct AppendError(Kind);

#[derive(Debug, Clone)]
enum Kind {
    TooLarge { size: usize, max: usize },
    Refused(StoreError),
    Uncertain(StoreError),
}

impl AppendError {
    /// Creates the error of an event that is certainly not in the log.
    #[must_use]
    pub fn refused(error: StoreError) -> Self {
        Self(Kind::Refused(error))
    }

    /// Creates the error of an event that may or may not be in the log, such as after a lost
    /// connection or a timeout.
    #[must_use]
    pub fn uncertain(error: StoreError) -> Self {
        Self(Kind::Uncertain(error))
    }

    pub(crate) fn too_large(size: usize, max: usize) -> Self {
        Self(Kind::TooLarge { size, max })
    }

    /// Returns whether the event is larger than [the log's largest](crate::Limits::max_event).
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Kind::TooLarge { .. })
    }

    /// Returns whether the event may be in the log nevertheless. If not, it is certainly not there.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        matches!(self.0, Kind::Uncertain(_))
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::TooLarge { size, max } => write!(
                f,
                "an event of {size} bytes exceeds the log's limit of {max} bytes"
            ),
            Kind::Refused(_) => f.write_str("the event is not appended"),
            Kind::Uncertain(_) => f.write_str("the event may or may not be appended"),
        }
    }
}

impl error::Error for AppendError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Kind::TooLarge { .. } => None,
            Kind::Refused(error) | Kind::Uncertain(error) => Some(error),
        }
    }
}
