//! Logs that are in memory only.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};

use super::{SourceClaim, SourceGrant, SourceTable};
use crate::{
    AppendError, EventId, EventStore, Limits, LogName, LogTail, NewEvent, OpenedLog, Page,
    PageLimits, StoreError, StoredEvent, StoredLog, WindowLimits,
};

/// A store in memory: a log is what its window holds, under a random epoch, so that ids of an
/// earlier process are unknown to it. A log that is forgotten is gone.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    limits: Limits,
}

impl MemoryStore {
    /// Creates a store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl EventStore for MemoryStore {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn open(
        &self,
        _name: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>> {
        ready(Ok(MemoryLog::open(self.limits, tail))).boxed()
    }
}

/// One log in memory. Its events are in the window.
#[derive(Debug)]
pub(crate) struct MemoryLog {
    tail: LogTail,
    state: Mutex<MemoryState>,
    sources: SourceTable,
}

#[derive(Debug)]
struct MemoryState {
    newest: EventId,
    keys: KeyTable,
}

impl MemoryLog {
    pub(crate) fn open(limits: Limits, tail: LogTail) -> OpenedLog {
        let newest = EventId::new(random_epoch(), 0);
        let log = Self {
            tail,
            state: Mutex::new(MemoryState {
                newest,
                keys: KeyTable::new(limits.events, limits.memory),
            }),
            sources: SourceTable::new(limits),
        };
        OpenedLog {
            log: Box::new(log),
            newest,
            recent: Vec::new(),
            window: WindowLimits {
                events: limits.events,
                bytes: limits.bytes,
            },
        }
    }

    fn append_now(&self, event: &NewEvent) -> Result<EventId, AppendError> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = event.key().and_then(|key| state.keys.find(key, now)) {
            return Ok(id);
        }
        let refused = |what| AppendError::refused(StoreError::new(what));
        let after = state.newest;
        let id = after
            .next()
            .ok_or_else(|| refused("the numbers of the epoch are used up"))?;
        let stored = StoredEvent::new(id, Some(after), event.body());
        let wakes = self.tail.push([stored]);
        let wakes = wakes.map_err(|gap| AppendError::refused(StoreError::from_gap(gap)))?;
        state.newest = id;
        if let Some(key) = event.key() {
            state.keys.insert(key, id, now);
        }
        drop(state);
        drop(wakes);
        Ok(id)
    }
}

impl StoredLog for MemoryLog {
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>> {
        ready(self.append_now(&event)).boxed()
    }

    fn page(
        &self,
        _after: EventId,
        _limits: PageLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>> {
        let page = Page {
            events: Vec::new(),
            newest: self.tail.newest(),
        };
        ready(Ok(page)).boxed()
    }

    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>> {
        ready(Ok(self.sources.claim(&claim))).boxed()
    }

    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        ready(Ok(self.sources.advance(&claim, seen))).boxed()
    }

    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>> {
        self.sources.release(&claim);
        ready(Ok(())).boxed()
    }
}

/// The keys under which events were appended, each for a time.
#[derive(Debug)]
struct KeyTable {
    ids: HashMap<Arc<str>, EventId>,
    order: VecDeque<(Instant, Arc<str>)>,
    max: usize,
    memory: Duration,
}

impl KeyTable {
    fn new(max: usize, memory: Duration) -> Self {
        Self {
            ids: HashMap::new(),
            order: VecDeque::new(),
            max,
            memory,
        }
    }

    fn find(&mut self, key: &str, now: Instant) -> Option<EventId> {
        self.forget(now);
        self.ids.get(key).copied()
    }

    fn insert(&mut self, key: &str, id: EventId, now: Instant) {
        let key: Arc<str> = key.into();
        self.order.push_back((now, Arc::clone(&key)));
        self.ids.insert(key, id);
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((since, key)) = self.order.front() {
            let is_old = now.duration_since(*since) > self.memory;
            if !is_old && self.order.len() <= self.max {
                break;
            }
            self.ids.remove(key);
            self.order.pop_front();
        }
    }
}

/// 64 random bits: the keys of a [`RandomState`] are the operating system's random numbers, and
/// the time makes up for where it has none.
fn random_epoch() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}
