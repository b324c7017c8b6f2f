//! A log of events that many append to and many read.

use std::{
    collections::BTreeMap,
    error, fmt,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use wsio::sse::SseEvent;

use crate::{EventStore, Limits, MemoryStore, Subscription, subscription::Place};

/// A bounded log of events: it gives each an id, and lets any number of subscribers resume after
/// the last id that they have seen. It is a handle: a clone is the same log.
///
/// # Ids
///
/// An id is `EPOCH-NUMBER`. The numbers count from 1 in the order of the events, and are never
/// used twice within a log. The epoch is that of the [store](EventStore::epoch). The store in memory
/// has a random one, so that an id of an earlier process is recognised as unknown and not mistaken
/// for one of this log. `EPOCH-0` is the place before the first event. To clients an id is opaque.
///
/// # Memory
///
/// The store bounds the events that are kept, however slow subscribers are: a subscriber holds no
/// events, only its place in the log. If its next event is no longer kept, it yields
/// [`Lagged`](crate::Lagged).
///
/// ```
/// use futures::StreamExt;
/// use wsio::sse::SseEvent;
/// use wsio_events::{EventLog, Limits};
///
/// # futures::executor::block_on(async {
/// let log = EventLog::new(Limits::new().events(1000).bytes(1 << 20));
/// let seen = log.append(SseEvent::new("one"))?;
/// log.append(SseEvent::new("two"))?;
///
/// let mut missed = log.subscribe(Some(&seen));
/// assert_eq!(missed.next().await.unwrap()?.data, "two");
/// log.append(SseEvent::new("three"))?;
/// assert_eq!(missed.next().await.unwrap()?.data, "three");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct EventLog(Arc<SharedLog>);

struct SharedLog {
    epoch: String,
    state: Mutex<LogState>,
}

pub(crate) struct LogState {
    pub(crate) store: Box<dyn EventStore>,
    pub(crate) ended: bool,
    /// The subscriptions that wait for the next event. Empty maps hold no memory, so nothing stays
    /// of subscribers that have gone.
    pub(crate) waiting: BTreeMap<u64, Waker>,
    pub(crate) subscribers: usize,
    next_key: u64,
}

impl EventLog {
    /// Creates an empty log in memory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_store(MemoryStore::new(limits))
    }

    /// Creates a log of the events that are kept in `store`, and those to come.
    #[must_use]
    pub fn with_store(store: impl EventStore + 'static) -> Self {
        let mut epoch = store.epoch();
        epoch.retain(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '_' | '~'));
        Self(Arc::new(SharedLog {
            epoch,
            state: Mutex::new(LogState {
                store: Box::new(store),
                ended: false,
                waiting: BTreeMap::new(),
                subscribers: 0,
                next_key: 0,
            }),
        }))
    }

    /// Appends an event, and returns the id the log gives it, in place of one that it has. It never
    /// waits for a subscriber.
    ///
    /// A line break in the name of the event, which no stream can carry, becomes a space.
    ///
    /// # Errors
    ///
    /// The event is larger than [the log's largest](Limits::max_event), and is not appended.
    pub fn append(&self, event: SseEvent) -> Result<String, AppendError> {
        let mut event = carried(event);
        // The kept bytes are counted by length, so the capacity is to be no more.
        event.data.shrink_to_fit();
        event.name.shrink_to_fit();
        let mut state = self.lock();
        let (size, max) = (sent_size(&event), state.store.max_event());
        if size > max {
            return Err(AppendError { size, max });
        }
        let id = self.id(state.store.kept().end);
        state.store.append(Arc::new(event.with_id(id.as_str())));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Waker::wake);
        Ok(id)
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
        let mut state = self.lock();
        let end = state.store.kept().end;
        let place = match last_event_id {
            None | Some("") => Place::Before(end),
            Some(id) => match self.number(id) {
                Some(number) if number < end => Place::Before(number + 1),
                _ => Place::Unknown(id.to_owned()),
            },
        };
        self.subscription(&mut state, place)
    }

    /// Subscribes to all events that are kept, and those to come.
    #[must_use]
    pub fn subscribe_from_oldest(&self) -> Subscription {
        let mut state = self.lock();
        let place = Place::Before(state.store.kept().start);
        self.subscription(&mut state, place)
    }

    /// Ends the log: a subscription ends when it has yielded all events.
    ///
    /// An event that is appended nevertheless is kept, and yielded by subscriptions that have not
    /// ended yet.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Waker::wake);
    }

    /// Returns whether [`end`](Self::end) has been called.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// Returns the number of subscriptions.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.lock().subscribers
    }

    /// Returns the id of the newest event, or `EPOCH-0` if there has not been any.
    #[must_use]
    pub fn newest(&self) -> String {
        let end = self.lock().store.kept().end;
        self.id(end.saturating_sub(1))
    }

    /// Returns the id of the oldest event that is kept, or `None` if there is none.
    #[must_use]
    pub fn oldest(&self) -> Option<String> {
        let kept = self.lock().store.kept();
        self.oldest_of(&kept)
    }

    pub(crate) fn oldest_of(&self, kept: &Range<u64>) -> Option<String> {
        (!kept.is_empty()).then(|| self.id(kept.start))
    }

    pub(crate) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.0.epoch)
    }

    /// Returns the number in an id that this log can have given.
    fn number(&self, id: &str) -> Option<u64> {
        let (_, number) = id.rsplit_once('-')?;
        // The epoch has to be this log's, and `parse` takes more than one spelling of a number.
        number.parse().ok().filter(|it| self.id(*it) == id)
    }

    fn subscription(&self, state: &mut LogState, place: Place) -> Subscription {
        let key = state.next_key;
        state.next_key += 1;
        state.subscribers += 1;
        Subscription::new(self.clone(), key, place)
    }

    /// A store that panicked leaves what it leaves; the log around it is in order.
    pub(crate) fn lock(&self) -> MutexGuard<'_, LogState> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event as a stream can carry it.
pub(crate) fn carried(mut event: SseEvent) -> SseEvent {
    if event.name.contains(['\r', '\n']) {
        event.name = event.name.replace(['\r', '\n'], " ");
    }
    event
}

/// Returns the size of the data and of the name, which is not sent if it is the default.
fn sent_size(event: &SseEvent) -> usize {
    let is_default = event.name == "message";
    event.data.len() + if is_default { 0 } else { event.name.len() }
}

/// An event that a log does not append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendError {
    size: usize,
    max: usize,
}

impl AppendError {
    /// Returns whether the event is larger than [the log's largest](Limits::max_event).
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.size > self.max
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, max } = self;
        write!(
            f,
            "an event of {size} bytes exceeds the log's limit of {max} bytes"
        )
    }
}

impl error::Error for AppendError {}

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
            .field("epoch", &self.0.epoch)
            .field("kept", &state.store.kept())
            .field("ended", &state.ended)
            .field("subscribers", &state.subscribers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r7_what_is_kept_takes_no_more_room_than_is_counted() {
        let spare = |text: &str| {
            let mut spare = String::with_capacity(1 << 20);
            spare.push_str(text);
            spare
        };
        let log = EventLog::default();
        log.append(SseEvent::new(spare("data")).with_name(spare("name")))
            .unwrap();
        let kept = log.lock().store.get(1).unwrap();
        assert!(kept.data.capacity() < 1024);
        assert!(kept.name.capacity() < 1024);
    }
}
