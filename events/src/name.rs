//! The name of a log.

use std::{borrow::Borrow, error, fmt, ops::Deref, str::FromStr, sync::Arc};

/// The name of a log among the [`EventLogs`](crate::EventLogs) of an application: any text of 1 to
/// 255 bytes.
///
/// Stores escape what they cannot have in a key, so that a name may come from a client. A clone
/// shares its memory.
///
/// ```
/// use wsio_events::LogName;
///
/// let name: LogName = "job-42".parse()?;
/// assert_eq!(&*name, "job-42");
/// assert!("".parse::<LogName>().is_err());
/// # Ok::<_, wsio_events::InvalidLogName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(Arc<str>);

impl LogName {
    /// The largest length, in bytes.
    pub const MAX_LEN: usize = 255;

    /// Creates the name of a log.
    ///
    /// # Errors
    ///
    /// The text is empty or longer than 255 bytes.
    pub fn new(name: &str) -> Result<Self, InvalidLogName> {
        if name.is_empty() || name.len() > Self::MAX_LEN {
            return Err(InvalidLogName { len: name.len() });
        }
        Ok(Self(name.into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogName {
    type Err = InvalidLogName;

    fn from_str(name: &str) -> Result<Self, InvalidLogName> {
        Self::new(name)
    }
}

impl Deref for LogName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for LogName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error for a text that cannot be the name of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidLogName {
    len: usize,
}

impl fmt::Display for InvalidLogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = LogName::MAX_LEN;
        write!(f, "a log's name has 1 to {max} bytes, not {}", self.len)
    }
}

impl error::Error for InvalidLogName {}
