//! A log of events that many append to and many read.

mod subscription;

use std::{fmt, sync::Arc};

use wsio::sse::SseEvent;

use self::subscription::Place;
pub use self::subscription::{Lagged, Subscription};
use crate::{
    AppendError, EventId, EventStore, Limits, LogName, LogTail, NewEvent, PageLimits, StoreError,
    StoredLog,
    store::MemoryLog,
    window::{LogCell, LogState, WaiterKey},
};

/// A bounded log of events: it gives each an id, and lets any number of subscribers resume after
/// the last id that they have seen. It is a handle: a clone is the same log.
///
/// By default the log is in memory. [`EventLogs`](crate::EventLogs) opens logs in a
/// [store](EventStore) that outlives the process or is shared by several servers; everything else
/// is the same.
///
/// # Ids
///
/// An id is `EPOCH-NUMBER` ([`EventId`]). The numbers of an epoch count from 1 in the order of the
/// events, and are never used twice. A store begins another epoch when its history may have changed,
/// so that an id of a lost history is recognised as unknown and not mistaken for one of this log.
/// `EPOCH-0` is the place before the first event. To clients an id is opaque.
///
/// # Memory
///
/// The log has its newest events in memory, however slow subscribers are: a subscriber holds no
/// events, only its place in the log. If its next event is older, it comes from the store, page by
/// page; if it is no longer kept, the subscriber yields [`Lagged`](crate::Lagged).
///
/// ```
/// use futures::StreamExt;
/// use wsio::sse::SseEvent;
/// use wsio_events::{EventLog, Limits};
///
/// # futures::executor::block_on(async {
/// let log = EventLog::new(Limits::new().events(1000).bytes(1 << 20));
/// let seen = log.append(SseEvent::new("one")).await?.to_string();
/// log.append(SseEvent::new("two")).await?;
///
/// let mut missed = log.subscribe(Some(&seen));
/// assert_eq!(missed.next().await.unwrap()?.data, "two");
/// log.append(SseEvent::new("three")).await?;
/// assert_eq!(missed.next().await.unwrap()?.data, "three");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct EventLog(Arc<SharedLog>);

struct SharedLog {
    name: Option<LogName>,
    limits: Limits,
    cell: Arc<LogCell>,
    stored: Box<dyn StoredLog>,
}

impl EventLog {
    /// Creates an empty log in memory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let cell = LogCell::new(limits.age);
        let opened = MemoryLog::open(limits, LogTail::new(&cell));
        cell.begin(opened.newest, opened.recent, opened.window);
        Self(Arc::new(SharedLog {
            name: None,
            limits,
            cell,
            stored: opened.log,
        }))
    }

    /// Opens a log in a store.
    pub(crate) async fn open(store: &dyn EventStore, name: &LogName) -> Result<Self, StoreError> {
        let limits = store.limits();
        let cell = LogCell::new(limits.age);
        let opened = store.open(name, LogTail::new(&cell)).await?;
        cell.begin(opened.newest, opened.recent, opened.window);
        Ok(Self(Arc::new(SharedLog {
            name: Some(name.clone()),
            limits,
            cell,
            stored: opened.log,
        })))
    }

    /// Returns the name, if the log belongs to [`EventLogs`](crate::EventLogs).
    #[must_use]
    pub fn name(&self) -> Option<&LogName> {
        self.0.name.as_ref()
    }

    /// Appends an event, and returns the id that the log gives it, in place of one that it has.
    ///
    /// It resolves when the event is as safe as the store promises: in memory at once, on disk when
    /// it is synced, in Redis when it is acknowledged. It never waits for a subscriber.
    ///
    /// A line break in the name of the event, which no stream can carry, becomes a space.
    ///
    /// # Errors
    ///
    /// The event is not appended, because it is larger than [the log's largest](Limits::max_event)
    /// or the store refuses it, or it [may or may not be](AppendError::is_uncertain), because the
    /// store did not answer.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the event may or may not be appended.
    pub async fn append(&self, event: SseEvent) -> Result<EventId, AppendError> {
        let event = self.encode(event)?;
        self.0.stored.append(event).await
    }

    /// Appends an event once: if one was appended under this key already, it returns the id of that
    /// one, and appends nothing. So an append whose outcome is unknown can be repeated.
    ///
    /// The log remembers a key for [`Limits::memory`], across servers and restarts as far as the
    /// store does; one in memory or on disk remembers the newest [`Limits::events`] of them.
    ///
    /// ```
    /// use wsio::sse::SseEvent;
    /// use wsio_events::EventLog;
    ///
    /// # futures::executor::block_on(async {
    /// let log = EventLog::default();
    /// let id = log.append_once("order 17", SseEvent::new("paid")).await?;
    /// let again = log.append_once("order 17", SseEvent::new("paid")).await?;
    /// assert_eq!(id, again);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`append`](Self::append).
    pub async fn append_once(&self, key: &str, event: SseEvent) -> Result<EventId, AppendError> {
        let event = self.encode(event)?.with_key(key);
        self.0.stored.append(event).await
    }

    fn encode(&self, event: SseEvent) -> Result<NewEvent, AppendError> {
        let (size, max) = (sent_size(&event), self.0.limits.max_event);
        if size > max {
            return Err(AppendError::too_large(size, max));
        }
        Ok(NewEvent::encode(event))
    }

    /// Subscribes to the events after the one with this id.
    ///
    /// The subscription yields first the events that are kept, then each as it is appended, with
    /// neither a gap nor a repeat. If the id is unknown, or events after it are no longer kept, the
    /// first item is an `Err`, and the oldest event that is kept comes next.
    ///
    /// With `None`, or the empty id, which means the same (WHATWG HTML § 9.2.2), it yields only
    /// events appended from now on.
    #[must_use]
    pub fn subscribe(&self, last_event_id: Option<&str>) -> Subscription {
        let place = match last_event_id {
            None | Some("") => Place::after(self.newest()),
            Some(id) => match id.parse() {
                Ok(id) => Place::after(id),
                Err(_) => Place::Unknown(id.to_owned()),
            },
        };
        self.subscription(place)
    }

    /// Subscribes to all events that are kept, and those to come.
    #[must_use]
    pub fn subscribe_from_oldest(&self) -> Subscription {
        let newest = self.newest();
        let has_nothing = newest.number == 0;
        self.subscription(if has_nothing {
            Place::after(newest)
        } else {
            Place::Oldest
        })
    }

    /// Ends the log: a subscription ends when it has yielded all events, on every server.
    ///
    /// The end has a place in the log as an event has. An event that is appended nevertheless
    /// follows it, and the log goes on.
    ///
    /// # Errors
    ///
    /// As of [`append`](Self::append).
    pub async fn end(&self) -> Result<EventId, AppendError> {
        self.0.stored.append(NewEvent::end()).await
    }

    /// Returns whether the log has [ended](Self::end), as far as this process knows.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.lock().window.is_ended()
    }

    /// Returns the number of subscriptions in this process.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.lock().subscribers
    }

    /// Returns the id of the newest event, or `EPOCH-0` if there has not been any, as far as this
    /// process knows.
    #[must_use]
    pub fn newest(&self) -> EventId {
        self.lock().window.newest()
    }

    /// Returns the id of the oldest event that is kept, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub async fn oldest(&self) -> Result<Option<EventId>, StoreError> {
        let one = PageLimits {
            events: 1,
            bytes: 0,
        };
        let page = self.0.stored.page(EventId::ZERO, one).await?;
        if let Some(oldest) = page.events.first() {
            return Ok(Some(oldest.id()));
        }
        let mut state = self.lock();
        state.window.drop_old();
        Ok(state.window.oldest().map(crate::StoredEvent::id))
    }

    pub(crate) fn stored(&self) -> &dyn StoredLog {
        &*self.0.stored
    }

    /// Returns whether nobody else has a handle to the log.
    pub(crate) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    fn subscription(&self, place: Place) -> Subscription {
        let mut state = self.lock();
        state.subscribers += 1;
        drop(state);
        Subscription::new(self.clone(), place)
    }

    /// See [`LogCell::is_waiting`].
    fn is_waiting(&self, key: &WaiterKey) -> bool {
        self.0.cell.is_waiting(key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LogState> {
        self.0.cell.lock()
    }
}

/// Returns the size of the data and of the name, which is not sent if it is the default.
fn sent_size(event: &SseEvent) -> usize {
    let is_default = event.name == "message";
    event.data.len() + if is_default { 0 } else { event.name.len() }
}

/// Creates a log in memory, with the default limits.
impl Default for EventLog {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("EventLog")
            .field("name", &self.0.name)
            .field("newest", &state.window.newest())
            .field("in_memory", &state.window.len())
            .field("ended", &state.window.is_ended())
            .field("subscribers", &state.subscribers)
            .finish_non_exhaustive()
    }
}
