//! Where the events of a log are kept.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    ops::Range,
    sync::Arc,
    time::SystemTime,
};

use wsio::sse::SseEvent;

/// Where an [`EventLog`](crate::EventLog) keeps its events; [`MemoryStore`] unless told otherwise.
///
/// A store numbers events without a hole, in the order in which they are appended, beginning with
/// 1, and drops the oldest when it has no more room. The log asks it under a lock that all who
/// append and all who subscribe wait for: a store answers at once, from memory, and one that also
/// writes events elsewhere does so behind that.
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
/// assert_eq!(log.append(SseEvent::new("first")), "2026-11-21-1");
/// ```
pub trait EventStore: Send {
    /// What tells the numbers of this store from those of all others, also of those that came
    /// before it under the same address. It is asked once, and is to be made of ASCII letters,
    /// digits and `-`, `.`, `_`, `~`: other characters are left out.
    ///
    /// A store whose events outlive the process gives the same epoch each time; one that begins
    /// anew gives another.
    fn epoch(&self) -> String;

    /// The numbers of the events that are kept; its end is the number of the next one.
    fn kept(&self) -> Range<u64>;

    /// Keeps an event, whose number is the end of [`kept`](Self::kept). It already has its id.
    fn append(&mut self, event: Arc<SseEvent>);

    /// The event of this number; `None` if it is not kept. If that is so for one of
    /// [`kept`](Self::kept), who waits for it is told that it is lost.
    fn get(&self, number: u64) -> Option<Arc<SseEvent>>;
}

/// How much a [`MemoryStore`] keeps. The newest event is always kept, even if it is larger by
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many events.
    pub events: usize,
    /// How many bytes: of the data, the name and the id of all events together.
    pub bytes: usize,
}

/// 10 000 events, 16 MiB.
impl Default for Limits {
    fn default() -> Self {
        Self {
            events: 10_000,
            bytes: 16 << 20,
        }
    }
}

/// Keeps events in memory, under an epoch of its own: ids of an earlier process are unknown to it.
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
    /// An empty store.
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
