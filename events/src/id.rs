//! The id of an event.

use std::{error, fmt, str::FromStr};

/// The id of an event in a log: an epoch, and the number of the event within it.
///
/// It is written `EPOCH-NUMBER`, both in decimal. Within a log ids grow: the numbers of an epoch
/// count from 1 without a gap, and a later epoch is larger. Number 0 is the place before the first
/// event of an epoch. To clients an id is opaque.
///
/// ```
/// use wsio_events::EventId;
///
/// let id: EventId = "1763719200000000-17".parse()?;
/// assert_eq!((id.epoch, id.number), (1_763_719_200_000_000, 17));
/// assert!(id < EventId::new(id.epoch + 1, 1));
/// assert!("1763719200000000-017".parse::<EventId>().is_err());
/// # Ok::<_, wsio_events::InvalidEventId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The epoch. It distinguishes numbers that were given under different circumstances.
    pub epoch: u64,
    /// The number within the epoch.
    pub number: u64,
}

impl EventId {
    /// The place before everything that a log has ever had.
    pub const ZERO: Self = Self::new(0, 0);

    /// Creates an id.
    #[must_use]
    pub const fn new(epoch: u64, number: u64) -> Self {
        Self { epoch, number }
    }

    /// Returns the id that follows within the epoch, or `None` after the largest number.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.number.checked_add(1) {
            Some(number) => Some(Self::new(self.epoch, number)),
            None => None,
        }
    }

    /// Returns the id before this one within the epoch; number 0 stays what it is.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self::new(self.epoch, self.number.saturating_sub(1))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

/// Parses an id as it is written, and no other spelling of its numbers.
impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let (epoch, number) = text.split_once('-').ok_or(InvalidEventId)?;
        let id = Self::new(decimal(epoch)?, decimal(number)?);
        Ok(id)
    }
}

/// `parse` would take a sign and leading zeros.
fn decimal(text: &str) -> Result<u64, InvalidEventId> {
    let is_plain = text.bytes().all(|it| it.is_ascii_digit());
    let has_zeros = text.len() > 1 && text.starts_with('0');
    if !is_plain || has_zeros {
        return Err(InvalidEventId);
    }
    text.parse().map_err(|_| InvalidEventId)
}

/// The error for a text that is not an [`EventId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidEventId;

impl fmt::Display for InvalidEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the id of an event: EPOCH-NUMBER is expected")
    }
}

impl error::Error for InvalidEventId {}
