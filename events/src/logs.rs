//! Any number of logs, by name.

use std::{
    collections::HashMap,
    error, fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::OnceCell, time::sleep};

use crate::{EventLog, EventStore, InvalidLogName, Limits, LogName, MemoryStore, StoreError};

/// The default number of open logs.
const MAX_LOGS: usize = 10_000;

/// The default time after which an unused log is closed.
const IDLE: Duration = Duration::from_secs(600);

/// Event logs by name, such as one for each job, room or user, in one store. It is a handle: a clone
/// is the same.
///
/// A log is opened on first use, and closed when it has been unused for a while: nobody has a
/// handle to it or subscribes to it. A log in memory is gone then; one on disk or in Redis stays,
/// and is opened again. All logs share one connection to the engine, or one file.
///
/// ```
/// use wsio::sse::SseEvent;
/// use wsio_events::{EventLogs, Limits};
///
/// # futures::executor::block_on(async {
/// let logs = EventLogs::new(Limits::new().events(100));
/// let log = logs.open("job-42").await?;
/// log.append(SseEvent::new("started")).await?;
/// assert_eq!(logs.open("job-42").await?.newest(), log.newest());
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct EventLogs(Arc<LogRegistry>);

struct LogRegistry {
    store: Arc<dyn EventStore>,
    max_logs: usize,
    idle: Duration,
    state: Mutex<RegistryState>,
}

#[derive(Default)]
struct RegistryState {
    slots: HashMap<LogName, LogSlot>,
    /// Whether a task closes unused logs.
    is_tended: bool,
}

/// One log, or one that is being opened.
struct LogSlot {
    log: Arc<OnceCell<EventLog>>,
    unused_since: Option<Instant>,
}

impl LogSlot {
    fn is_unused(&self) -> bool {
        let is_opened_by_nobody = Arc::strong_count(&self.log) == 1;
        is_opened_by_nobody && self.log.get().is_none_or(EventLog::is_unused)
    }
}

impl EventLogs {
    /// Creates logs in memory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_store(MemoryStore::new(limits))
    }

    /// Creates logs in a store.
    #[must_use]
    pub fn with_store(store: impl EventStore) -> Self {
        Self::from_registry(Arc::new(store), MAX_LOGS, IDLE)
    }

    fn from_registry(store: Arc<dyn EventStore>, max_logs: usize, idle: Duration) -> Self {
        Self(Arc::new(LogRegistry {
            store,
            max_logs,
            idle,
            state: Mutex::default(),
        }))
    }

    /// Sets the number of logs that may be open at the same time; the default is 10 000. For one
    /// more, the one that has been unused for longest is closed.
    ///
    /// The result is a registry of its own in the same store: set options before opening logs.
    #[must_use]
    pub fn max_logs(self, max: usize) -> Self {
        Self::from_registry(Arc::clone(&self.0.store), max, self.0.idle)
    }

    /// Sets the time after which an unused log is closed; the default is 10 minutes.
    ///
    /// The result is a registry of its own in the same store: set options before opening logs.
    #[must_use]
    pub fn idle_after(self, time: Duration) -> Self {
        Self::from_registry(Arc::clone(&self.0.store), self.0.max_logs, time)
    }

    /// Opens a log, which begins empty if it has never been used.
    ///
    /// # Errors
    ///
    /// The name is empty or longer than 255 bytes, too many logs are in use, or the store cannot be
    /// reached. The next call tries again.
    pub async fn open(&self, name: &str) -> Result<EventLog, OpenError> {
        let name = LogName::new(name).map_err(|error| OpenError(OpenFailure::Name(error)))?;
        let slot = self.slot(&name)?;
        let opening = || EventLog::open(&*self.0.store, &name);
        let log = slot.get_or_try_init(opening).await;
        let log = log.map_err(|error| OpenError(OpenFailure::Store(error)))?;
        Ok(log.clone())
    }

    /// Returns the number of open logs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().slots.len()
    }

    /// Returns whether no log is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slot(&self, name: &LogName) -> Result<Arc<OnceCell<EventLog>>, OpenError> {
        let mut state = self.0.lock();
        if let Some(slot) = state.slots.get_mut(name) {
            slot.unused_since = None;
            return Ok(Arc::clone(&slot.log));
        }
        let mut closed = None;
        if state.slots.len() >= self.0.max_logs {
            let unused = state.slots.iter().filter(|(_, slot)| slot.is_unused());
            let oldest =
                unused.min_by_key(|(_, slot)| slot.unused_since.unwrap_or_else(Instant::now));
            let oldest = oldest.map(|(name, _)| name.clone());
            let oldest = oldest.ok_or(OpenError(OpenFailure::TooMany(self.0.max_logs)))?;
            closed = state.slots.remove(&oldest);
        }
        let slot = LogSlot {
            log: Arc::default(),
            unused_since: None,
        };
        let log = Arc::clone(&slot.log);
        state.slots.insert(name.clone(), slot);
        if !state.is_tended
            && let Ok(runtime) = Handle::try_current()
        {
            state.is_tended = true;
            runtime.spawn(tend(Arc::downgrade(&self.0), self.0.idle));
        }
        drop(state);
        // Closing a log is its store's, and not to be done under the lock.
        drop(closed);
        Ok(log)
    }
}

impl LogRegistry {
    fn lock(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the logs that have been unused for long enough.
    fn close_unused(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        let closed: Vec<LogSlot> = state
            .slots
            .extract_if(|_, slot| {
                if !slot.is_unused() {
                    slot.unused_since = None;
                    return false;
                }
                let since = *slot.unused_since.get_or_insert(now);
                now.duration_since(since) >= self.idle
            })
            .map(|(_, slot)| slot)
            .collect();
        drop(state);
        drop(closed);
    }
}

/// Looks after unused logs for as long as the registry is there.
async fn tend(registry: Weak<LogRegistry>, idle: Duration) {
    loop {
        sleep((idle / 4).max(Duration::from_millis(10))).await;
        match registry.upgrade() {
            Some(registry) => registry.close_unused(),
            None => return,
        }
    }
}

/// Creates logs in memory, with the default limits.
impl Default for EventLogs {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for EventLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLogs")
            .field("store", &self.0.store)
            .field("open", &self.len())
            .finish_non_exhaustive()
    }
}

/// The error for a log that cannot be opened.
#[derive(Debug, Clone)]
pub struct OpenError(OpenFailure);

#[derive(Debug, Clone)]
enum OpenFailure {
    Name(InvalidLogName),
    TooMany(usize),
    Store(StoreError),
}

impl OpenError {
    /// Returns whether no log can have this name.
    #[must_use]
    pub fn is_invalid_name(&self) -> bool {
        matches!(self.0, OpenFailure::Name(_))
    }

    /// Returns whether too many logs are in use.
    #[must_use]
    pub fn is_too_many(&self) -> bool {
        matches!(self.0, OpenFailure::TooMany(_))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OpenFailure::Name(_) => f.write_str("the log cannot have this name"),
            OpenFailure::TooMany(max) => write!(f, "all of {max} open logs are in use"),
            OpenFailure::Store(_) => f.write_str("the log cannot be opened"),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            OpenFailure::Name(error) => Some(error),
            OpenFailure::TooMany(_) => None,
            OpenFailure::Store(error) => Some(error),
        }
    }
}
