//! The newest events of a log, in memory, and the subscribers that wait for more.

mod chunks;
mod waiters;

use std::{
    collections::VecDeque,
    error, fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

use bytes::Bytes;

pub(crate) use self::{chunks::CHUNK, waiters::WaiterKey};
use self::{chunks::ChunkCache, waiters::WaiterList};
use crate::{EventId, StoredEvent, limits::WindowLimits};

/// The newest events of a log.
///
/// Every step inside the window is one of the log's: an event follows the one before it, or what
/// was between them is lost for good.
#[derive(Debug)]
pub(crate) struct LogWindow {
    events: VecDeque<KeptEvent>,
    bytes: usize,
    /// The bytes of all events so far.
    offset: u64,
    chunks: ChunkCache,
    limits: WindowLimits,
    age: Option<Duration>,
    newest: EventId,
    /// The predecessor of the end of the log, if the newest event is the end.
    ended_after: Option<EventId>,
}

/// An event of the window.
#[derive(Debug)]
struct KeptEvent {
    event: StoredEvent,
    since: Instant,
    /// Whether a chunk ends behind it. Readers that began at different places come to read the same
    /// chunks.
    is_boundary: bool,
}

/// The next event for a reader of a [`LogWindow`].
#[derive(Debug)]
pub(crate) enum NextEvent {
    Event(StoredEvent),
    /// The reader has seen everything.
    None,
    /// The next event is older than the window.
    Older,
    /// The reader has seen an event that is newer than the window.
    Ahead,
}

impl LogWindow {
    pub(crate) fn new(limits: WindowLimits, age: Option<Duration>) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            offset: 0,
            chunks: ChunkCache::default(),
            limits,
            age,
            newest: EventId::ZERO,
            ended_after: None,
        }
    }

    /// Returns the id of the newest event.
    pub(crate) fn newest(&self) -> EventId {
        self.newest
    }

    /// Returns the id after which the window holds everything.
    pub(crate) fn base(&self) -> EventId {
        self.oldest().map_or(self.newest, StoredEvent::after)
    }

    pub(crate) fn oldest(&self) -> Option<&StoredEvent> {
        self.events.front().map(|kept| &kept.event)
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Returns whether the log has ended, and a reader who has seen `last` has seen all its events.
    pub(crate) fn is_over_after(&self, last: EventId) -> bool {
        self.ended_after
            .is_some_and(|after| last == after || last == self.newest)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended_after.is_some()
    }

    pub(crate) fn next_after(&self, last: EventId) -> NextEvent {
        if last == self.newest {
            return NextEvent::None;
        }
        if last > self.newest {
            return NextEvent::Ahead;
        }
        if last < self.base() {
            return NextEvent::Older;
        }
        match self.events.get(self.index_after(last)) {
            Some(kept) => NextEvent::Event(kept.event.clone()),
            None => NextEvent::Older,
        }
    }

    /// Returns the blocks of the events that follow `last`, up to the end of a chunk, and the id of
    /// the last of them. All readers share the memory. `None` if there is anything else to be done
    /// than to send events.
    pub(crate) fn blocks_after(&mut self, last: EventId) -> Option<(Bytes, EventId)> {
        if last >= self.newest || last < self.base() {
            return None;
        }
        if let Some(chunk) = self.chunks.find(last, self.newest) {
            return Some(chunk);
        }
        let index = self.index_after(last);
        let (mut blocks, mut end, mut is_cut) = (Vec::new(), last, true);
        for KeptEvent {
            event, is_boundary, ..
        } in self.events.range(index..)
        {
            if event.after() != end || event.is_end() {
                break;
            }
            blocks.push(event.block());
            end = event.id();
            if *is_boundary {
                is_cut = false;
                break;
            }
        }
        let blocks = match &blocks[..] {
            [] => return None,
            [block] => (*block).clone(),
            several => self.chunks.join(last, end, is_cut, several),
        };
        Some((blocks, end))
    }

    /// Returns the index of the first event whose id is larger.
    fn index_after(&self, last: EventId) -> usize {
        // Within an epoch it is a matter of counting.
        if let Some(oldest) = self.oldest()
            && oldest.id().epoch == last.epoch
            && let Some(next) = last.next()
            && let Some(distance) = next.number.checked_sub(oldest.id().number)
            && let Ok(index) = usize::try_from(distance)
            && let Some(kept) = self.events.get(index)
            && kept.event.id().previous() == last
        {
            return index;
        }
        self.events.partition_point(|kept| kept.event.id() <= last)
    }

    /// Begins with what a store has found.
    fn begin(&mut self, newest: EventId, recent: Vec<StoredEvent>, now: Instant) {
        self.newest = newest;
        for event in recent {
            self.add(event, now);
        }
        self.newest = self.newest.max(newest);
        self.trim(now);
    }

    fn add(&mut self, event: StoredEvent, now: Instant) {
        // What is newer than its predecessor is not in the history of this event.
        while self
            .events
            .back()
            .is_some_and(|last| last.event.id() > event.after())
        {
            if let Some(orphan) = self.events.pop_back() {
                self.bytes -= orphan.event.block().len();
                self.chunks.clear();
            }
        }
        self.newest = event.id();
        self.ended_after = event.is_end().then(|| event.after());
        self.bytes += event.block().len();
        let chunk = self.offset / CHUNK;
        self.offset += event.block().len() as u64;
        self.events.push_back(KeptEvent {
            event,
            since: now,
            is_boundary: self.offset / CHUNK > chunk,
        });
    }

    /// Drops the events that are too old by now.
    pub(crate) fn drop_old(&mut self) {
        if self.age.is_some() {
            self.trim(Instant::now());
        }
    }

    /// Drops the oldest events over the limits.
    fn trim(&mut self, now: Instant) {
        while let Some(KeptEvent { event, since, .. }) = self.events.front() {
            // The end of the log takes no event's place.
            let events = self.events.len() - usize::from(self.ended_after.is_some());
            let is_over = events > self.limits.events || self.bytes > self.limits.bytes;
            let is_old = self.age.is_some_and(|age| now.duration_since(*since) > age);
            if !(is_over && self.events.len() > 1 || is_old) {
                break;
            }
            self.bytes -= event.block().len();
            self.events.pop_front();
        }
    }
}

/// The part of a log that its store writes and its subscribers read.
#[derive(Debug)]
pub(crate) struct LogCell {
    state: Mutex<LogState>,
    /// The round of the waiters, which is read without the lock.
    round: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct LogState {
    pub(crate) window: LogWindow,
    /// Whether the store has returned the log. What it pushes earlier follows what it returns.
    is_open: bool,
    /// The subscriptions that wait for the next event.
    pub(crate) waiting: WaiterList,
    pub(crate) subscribers: usize,
}

impl LogState {
    /// Adds a subscription to those that wait. See [`WaiterList::insert`].
    pub(crate) fn wait(&mut self, key: &mut Option<WaiterKey>, waker: &Waker) -> Option<Waker> {
        let before = self.waiting.insert(key, waker);
        // When everybody waits, nobody needs chunks.
        if self.waiting.len() == self.subscribers {
            self.window.chunks.clear();
        }
        before
    }
}

impl LogCell {
    pub(crate) fn new(age: Option<Duration>) -> Arc<Self> {
        let all = WindowLimits {
            events: usize::MAX,
            bytes: usize::MAX,
        };
        Arc::new(Self {
            state: Mutex::new(LogState {
                window: LogWindow::new(all, age),
                is_open: false,
                waiting: WaiterList::default(),
                subscribers: 0,
            }),
            round: AtomicU64::new(0),
        })
    }

    /// Returns whether a subscription still waits under this key, so that it would learn nothing
    /// new from the log.
    pub(crate) fn is_waiting(&self, key: &WaiterKey) -> bool {
        self.round.load(Ordering::Acquire) == key.round()
    }

    /// A store that panicked leaves what it leaves; the log around it is in order.
    pub(crate) fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the waiting, after events were added.
    fn wakes(&self, state: &mut LogState, now: Instant) -> PendingWakes {
        state.window.trim(now);
        let waiting = state.waiting.take();
        self.round.store(state.waiting.round(), Ordering::Release);
        PendingWakes(waiting)
    }

    /// Opens the window with what its store has found, and what it has pushed since.
    pub(crate) fn begin(&self, newest: EventId, recent: Vec<StoredEvent>, limits: WindowLimits) {
        let mut state = self.lock();
        state.is_open = true;
        let mut pushed = std::mem::take(&mut state.window.events);
        pushed.retain(|kept| kept.event.id() > newest);
        state.window.limits = limits;
        state.window.bytes = 0;
        state.window.begin(newest, recent, Instant::now());
        for KeptEvent { event, since, .. } in pushed {
            state.window.add(event, since);
        }
        state.window.trim(Instant::now());
    }
}

/// The end of a log in memory, to which a store pushes the events that are appended.
///
/// It does not keep the log alive.
#[derive(Debug, Clone)]
pub struct LogTail(Weak<LogCell>);

impl LogTail {
    pub(crate) fn new(cell: &Arc<LogCell>) -> Self {
        Self(Arc::downgrade(cell))
    }

    /// Returns the id of the newest event that has been pushed.
    ///
    /// It is [`EventId::ZERO`] when the log is gone, and until the store has returned from
    /// [`open`](crate::EventStore::open), unless it has pushed events before.
    #[must_use]
    pub fn newest(&self) -> EventId {
        let cell = self.0.upgrade();
        cell.map_or(EventId::ZERO, |cell| cell.lock().window.newest())
    }

    /// Pushes events in their order. Those that the log has already are ignored.
    ///
    /// # Errors
    ///
    /// An event does not follow the newest: the ones between them, or a change of history, are to
    /// be read first, by [`page`](crate::StoredLog::page). The events before it have been pushed.
    pub fn push(
        &self,
        events: impl IntoIterator<Item = StoredEvent>,
    ) -> Result<PendingWakes, TailGap> {
        let Some(cell) = self.0.upgrade() else {
            return Ok(PendingWakes::default());
        };
        let mut state = cell.lock();
        let now = Instant::now();
        let mut gap = None;
        for event in events {
            let newest = state.window.newest();
            if event.id() <= newest {
                continue;
            }
            if event.after() != newest && state.is_open {
                gap = Some(TailGap { newest });
                break;
            }
            state.window.add(event, now);
        }
        let wakes = cell.wakes(&mut state, now);
        drop(state);
        match gap {
            Some(gap) => {
                drop(wakes);
                Err(gap)
            }
            None => Ok(wakes),
        }
    }

    /// Pushes events of which the first does not follow the newest, because the log no longer has
    /// what was between them or has another history. Subscribers at another place than the
    /// predecessor of that event are told that they lagged.
    pub fn push_after_gap(&self, events: impl IntoIterator<Item = StoredEvent>) -> PendingWakes {
        let Some(cell) = self.0.upgrade() else {
            return PendingWakes::default();
        };
        let mut state = cell.lock();
        let now = Instant::now();
        for event in events {
            if event.id() > state.window.newest() {
                state.window.add(event, now);
            }
        }
        cell.wakes(&mut state, now)
    }
}

/// The tasks of subscribers that have an event to read. They are woken when this is dropped, which
/// is best done after releasing the locks that they may need.
#[derive(Debug, Default)]
#[must_use = "dropping it wakes the subscribers"]
pub struct PendingWakes(Vec<Option<Waker>>);

impl Drop for PendingWakes {
    fn drop(&mut self) {
        let waiting = std::mem::take(&mut self.0);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

/// The error for an event that does not follow the newest of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailGap {
    newest: EventId,
}

impl TailGap {
    /// Returns the id of the newest event that the log has in memory: read on after it.
    #[must_use]
    pub fn newest(&self) -> EventId {
        self.newest
    }
}

impl fmt::Display for TailGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the event does not follow {}", self.newest)
    }
}

impl error::Error for TailGap {}
