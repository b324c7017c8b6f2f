//! The place where a log keeps its events.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::Arc,
    time::SystemTime,
};

use wsio::sse::SseEvent;

/// The place where an [`EventLog`](crate::EventLog) keeps its events; [`MemoryStore`] by default.
///
/// A store numbers events without a gap, in the order in which they are appended, beginning with 1,
/// and drops the oldest when it is full. The log calls it under a lock that every append and every
/// subscriber waits for: a store answers at once, from memory, and one that also writes events
/// elsewhere does so in the background.
///
/// ```
/// use std::{ops::Range, sync::Arc};
/// use wsio::sse::SseEvent;
/// use wsio_events::{EventLog, EventStore};
///
/// /// Keeps everything.
/// struct Endless(Vec<Arc<SseEvent>>);
///
/// impl EventStore for Endless {
///     fn epoch(&self) -> String {
///         "2026-11-21".to_owned()
///     }
///
///     fn kept(&self) -> Range<u64> {
///         1..self.0.len() as u64 + 1
///     }
///
///     fn append(&mut self, event: Arc<SseEvent>) {
///         self.0.push(event);
///     }
///
///     fn get(&self, number: u64) -> Option<Arc<SseEvent>> {
///         let index = usize::try_from(number.checked_sub(1)?).ok()?;
///         self.0.get(index).cloned()
///     }
/// }
///
/// let log = EventLog::with_store(Endless(Vec::new()));
/// assert_eq!(log.append(SseEvent::new("first"))?, "2026-11-21-1");
/// # Ok::<_, wsio_events::AppendError>(())
/// ```
pub trait EventStore: Send {
    /// Returns the epoch: it distinguishes the numbers of this store from those of all others,
    /// earlier ones under the same address included.
    ///
    /// A store whose events outlive the process returns the same epoch each time; one that begins
    /// anew returns another. The log calls this once, and leaves out all characters but ASCII
    /// letters, digits and `-`, `.`, `_`, `~`.
    fn epoch(&self) -> String;

    /// Returns the numbers of the events that are kept; the end is the number of the next event.
    fn kept(&self) -> Range<u64>;

    /// Keeps an event, whose number is the end of [`kept`](Self::kept). It already has its id.
    fn append(&mut self, event: Arc<SseEvent>);

    /// Returns the size of the largest event that is appended, in bytes: its data and its name.
    /// The default is that of [`Limits`].
    fn max_event(&self) -> usize {
        Limits::default().max_event
    }

    /// Returns the event of this number, or `None` if it is not kept.
    ///
    /// Returning `None` for a number inside [`kept`](Self::kept) reports that event as lost to
    /// subscribers.
    fn get(&self, number: u64) -> Option<Arc<SseEvent>>;
}

/// The limits of a [`MemoryStore`].
///
/// | limit | default | and a client of `wsio::sse` |
/// |---|---|---|
/// | [`events`](Self::events) | 10 000 | |
/// | [`bytes`](Self::bytes) | 16 MiB | |
/// | [`max_event`](Self::max_event) | 1 MiB | takes a line of 8 MiB, and an event of 16 MiB |
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
    /// The number of events that are kept; the newest is always kept.
    pub events: usize,
    /// The bytes that are kept: the data, the name and the id of all events together. The newest
    /// event is always kept.
    pub bytes: usize,
    /// The size of the largest event that is appended, in bytes: its data and its name.
    pub max_event: usize,
}

impl Limits {
    /// Creates the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            events: 10_000,
            bytes: 16 << 20,
            max_event: 1 << 20,
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

    /// Sets the size of the largest event that is appended, in bytes.
    ///
    /// An event that the clients do not accept ends their connections again and again, for as long
    /// as it is kept: raise their limits first.
    #[must_use]
    pub const fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }
}

/// 10 000 events, 16 MiB, 1 MiB for each.
impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// A store in memory, under an epoch of its own: ids of an earlier process are unknown to it.
#[derive(Debug)]
pub struct MemoryStore {
    limits: Limits,
    epoch: String,
    kept: VecDeque<Arc<SseEvent>>,
    bytes: usize,
    /// The number of the first event in `kept`.
    first: u64,
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            epoch: random_epoch(),
            kept: VecDeque::new(),
            bytes: 0,
            first: 1,
        }
    }

    fn is_over(&self) -> bool {
        self.kept.len() > self.limits.events || self.bytes > self.limits.bytes
    }
}

impl EventStore for MemoryStore {
    fn epoch(&self) -> String {
        self.epoch.clone()
    }

    fn kept(&self) -> Range<u64> {
        self.first..self.first + self.kept.len() as u64
    }

    fn append(&mut self, event: Arc<SseEvent>) {
        self.bytes += size(&event);
        self.kept.push_back(event);
        while self.kept.len() > 1 && self.is_over() {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= size(&oldest);
                self.first += 1;
            }
        }
    }

    fn max_event(&self) -> usize {
        self.limits.max_event
    }

    fn get(&self, number: u64) -> Option<Arc<SseEvent>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.kept.get(index).cloned()
    }
}

fn size(event: &SseEvent) -> usize {
    event.data.len() + event.name.len() + event.id.as_ref().map_or(0, String::len)
}

/// 64 random bits: the keys of a [`RandomState`] are the operating system's random numbers, and
/// the time makes up for where it has none.
fn random_epoch() -> String {
    let random = RandomState::new().hash_one(SystemTime::now());
    format!("{random:016x}")
}
