//! The limits of a log, and of its window in memory.

use std::time::Duration;

/// The limits of each log: how much is kept of it, and for how long.
///
/// | limit | default | and a client of `wsio::sse` |
/// |---|---|---|
/// | [`events`](Self::events) | 10 000 | |
/// | [`bytes`](Self::bytes) | 16 MiB | |
/// | [`age`](Self::age) | none | |
/// | [`max_event`](Self::max_event) | 1 MiB | takes a line of 8 MiB, and an event of 16 MiB |
/// | [`memory`](Self::memory) | 10 minutes | |
/// | [`sources`](Self::sources) | 10 000 | |
///
/// The newest event is always kept, unless it is too old.
///
/// ```
/// use wsio_events::Limits;
///
/// let limits = Limits::new().events(1000).bytes(1 << 20);
/// assert_eq!(limits.max_event, 1 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The number of events that are kept.
    pub events: usize,
    /// The bytes that are kept, encoded, of all events together.
    pub bytes: usize,
    /// The time for which an event is kept, or `None` for no limit. Events are dropped when later
    /// ones are appended or the log is read; a store drops a log that has been idle for so long.
    pub age: Option<Duration>,
    /// The size of the largest event that is appended, in bytes: its data and its name.
    pub max_event: usize,
    /// The time for which the key of an event, and the place of a source of events, is remembered
    /// after its last use.
    pub memory: Duration,
    /// The number of sources of events from clients whose places are remembered.
    pub sources: usize,
}

impl Limits {
    /// Creates the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            events: 10_000,
            bytes: 16 << 20,
            age: None,
            max_event: 1 << 20,
            memory: Duration::from_secs(600),
            sources: 10_000,
        }
    }

    /// Sets the number of events that are kept.
    #[must_use]
    pub const fn events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// Sets the bytes that are kept.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Sets the time for which an event is kept.
    #[must_use]
    pub const fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Sets the size of the largest event that is appended, in bytes.
    ///
    /// An event that the clients do not accept ends their connections again and again, for as long
    /// as it is kept: raise their limits first.
    #[must_use]
    pub const fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Sets the time for which [keys](crate::EventLog::append_once) and sources of events are
    /// remembered after their last use.
    #[must_use]
    pub const fn memory(mut self, time: Duration) -> Self {
        self.memory = time;
        self
    }

    /// Sets the number of sources of events from clients that are remembered. When there are more,
    /// the one that has been silent for longest is forgotten.
    #[must_use]
    pub const fn sources(mut self, sources: usize) -> Self {
        self.sources = sources;
        self
    }
}

/// Returns [`Limits::new`].
impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// The limits of the window that a log has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowLimits {
    /// The number of events.
    pub events: usize,
    /// The bytes of all events together.
    pub bytes: usize,
}
