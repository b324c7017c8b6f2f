//! One reader of a log.

use std::{
    collections::VecDeque,
    error, fmt,
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, future::BoxFuture, stream::FusedStream};
use serde::Serialize;
use tokio::time::{Sleep, sleep};
use wsio::sse::SseEvent;

use crate::{
    EventId, EventLog, Page, PageLimits, StoreError, StoredEvent,
    window::{NextEvent, WaiterKey},
};

/// The most that a subscription reads from a store at a time, and holds until it is yielded.
const PAGE: PageLimits = PageLimits {
    events: 100,
    bytes: 64 << 10,
};

/// The first delay after which a store that failed is asked again, and the largest.
const RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// The events of an [`EventLog`] from some place on: those that are kept, then those to come.
///
/// It holds no events but a page of those that are older than the log has in memory, and nothing
/// waits for it. If the log has dropped an event before it was yielded, the next item is an `Err`,
/// once each time the subscription falls behind, and then come the events from the oldest that is
/// kept. It ends only with the log, after [`EventLog::end`], and then for good.
///
/// While the store cannot be read, the subscription waits, and asks it again.
///
/// # Cancel safety
///
/// No event is lost when a future of `StreamExt::next` or the like is dropped.
pub struct Subscription {
    log: EventLog,
    /// The place in the list of those who wait.
    waiting: Option<WaiterKey>,
    place: Place,
    /// The rest of a page. The first follows the place, unless something is lost in between.
    page: VecDeque<StoredEvent>,
    /// A mutex that is never locked, for `Sync`.
    reading: Option<Box<Mutex<Reading>>>,
}

/// The place of a subscription in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// After the event with this id. It may be one that this process has not seen yet; `is_known`
    /// says that the store has it.
    After { id: EventId, is_known: bool },
    /// After an id that the log does not know.
    Unknown(String),
    /// Before everything that is kept.
    Oldest,
    /// Behind the last event of a log that has ended.
    Over,
}

impl Place {
    pub(crate) const fn after(id: EventId) -> Self {
        Self::After {
            id,
            is_known: false,
        }
    }
}

/// A page on its way from the store.
struct Reading {
    page: BoxFuture<'static, Result<Page, StoreError>>,
    /// The delay after a failure.
    delay: Option<Pin<Box<Sleep>>>,
    next_delay: Duration,
}

impl Subscription {
    pub(crate) fn new(log: EventLog, place: Place) -> Self {
        Self {
            log,
            waiting: None,
            place,
            page: VecDeque::new(),
            reading: None,
        }
    }

    /// Returns the id after which the subscription goes on: that of the last event yielded, or of
    /// the place it began at. An unknown id is returned until the `Err` that reports it. `None`
    /// before the first event of a subscription [from the
    /// oldest](EventLog::subscribe_from_oldest) of a log that is not empty.
    #[must_use]
    pub fn last_event_id(&self) -> Option<String> {
        match &self.place {
            Place::After { id, .. } => Some(id.to_string()),
            Place::Unknown(id) => Some(id.clone()),
            Place::Oldest => None,
            Place::Over => Some(self.log.newest().to_string()),
        }
    }

    /// Returns the log.
    pub(crate) fn log(&self) -> &EventLog {
        &self.log
    }

    /// Returns whether the log has ended and everything has been yielded.
    pub(crate) fn is_over(&self) -> bool {
        match &self.place {
            Place::After { id, .. } => self.log.lock().window.is_over_after(*id),
            Place::Unknown(_) | Place::Oldest => false,
            Place::Over => true,
        }
    }

    /// Returns the blocks of the events that are next, at most a chunk of them, or `None` if that is
    /// for [`poll_event`](Self::poll_event) to do: there is an event that is not in memory, one that
    /// is lost, or the end.
    ///
    /// The waker is registered as soon as there are no more, so that the task takes one lock for
    /// each time it is woken.
    pub(crate) fn poll_blocks(&mut self, cx: &mut Context<'_>) -> Option<Poll<Bytes>> {
        let Place::After { id, .. } = self.place else {
            return None;
        };
        if !self.page.is_empty() || self.reading.is_some() {
            return None;
        }
        let is_waiting = |key: &WaiterKey| self.log.is_waiting(key) && key.wakes_as(cx.waker());
        if self.waiting.as_ref().is_some_and(is_waiting) {
            return Some(Poll::Pending);
        }
        let mut state = self.log.lock();
        state.window.drop_old();
        let (blocks, last) = state.window.blocks_after(id)?;
        self.place = Place::after(last);
        let mut before = None;
        if last == state.window.newest() {
            before = state.wait(&mut self.waiting, cx.waker());
        }
        drop(state);
        // A waker may do anything when it is dropped, such as append to this log.
        drop(before);
        Some(Poll::Ready(blocks))
    }

    /// The same as `poll_next`, without decoding the event.
    pub(crate) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<StoredEvent, Lagged>>> {
        loop {
            let id = match &self.place {
                Place::Over => return Poll::Ready(None),
                Place::Unknown(_) | Place::Oldest => {
                    if let Some(lagged) = ready!(self.poll_beginning(cx)) {
                        return Poll::Ready(Some(Err(lagged)));
                    }
                    continue;
                }
                Place::After { id, .. } => *id,
            };
            let next = match self.page.pop_front() {
                Some(event) => event,
                None => match ready!(self.poll_window(cx, id)) {
                    Some(event) => event,
                    None => continue,
                },
            };
            if next.after() != id {
                let lagged = Lagged::new(id.to_string(), Some(next.id()));
                self.place = Place::after(next.after());
                self.page.push_front(next);
                return Poll::Ready(Some(Err(lagged)));
            }
            self.place = Place::after(next.id());
            if !next.is_end() {
                return Poll::Ready(Some(Ok(next)));
            }
            // An end that something follows is none.
            if next.id() == self.log.newest() {
                self.place = Place::Over;
            }
        }
    }

    /// Returns the event after `id`; `None` if the place or the page has changed.
    fn poll_window(&mut self, cx: &mut Context<'_>, id: EventId) -> Poll<Option<StoredEvent>> {
        if self.reading.is_none() {
            let is_known = matches!(self.place, Place::After { is_known: true, .. });
            let mut state = self.log.lock();
            state.window.drop_old();
            match state.window.next_after(id) {
                NextEvent::Event(event) => return Poll::Ready(Some(event)),
                NextEvent::None if state.window.is_over_after(id) => {
                    drop(state);
                    self.place = Place::Over;
                    return Poll::Ready(None);
                }
                NextEvent::Ahead if !is_known => {}
                NextEvent::Older => {}
                NextEvent::None | NextEvent::Ahead => {
                    let before = state.wait(&mut self.waiting, cx.waker());
                    drop(state);
                    // A waker may do anything when it is dropped, such as append to this log.
                    drop(before);
                    return Poll::Pending;
                }
            }
        }
        let page = ready!(self.poll_page(cx, id));
        let newest = page.newest;
        self.page = page.events.into();
        if self.page.is_empty() {
            self.place = self.without_page(id, newest);
        }
        Poll::Ready(None)
    }

    /// Returns the place that follows from a store that has nothing after `id`.
    fn without_page(&self, id: EventId, newest: EventId) -> Place {
        let mut state = self.log.lock();
        match state.window.next_after(id) {
            // The store does not have it either; the window's oldest is what is left.
            NextEvent::Older => {
                state.window.drop_old();
                Place::Unknown(id.to_string())
            }
            _ if newest == id => Place::After { id, is_known: true },
            NextEvent::Ahead => Place::Unknown(id.to_string()),
            NextEvent::None | NextEvent::Event(_) => Place::after(id),
        }
    }

    /// Goes to the oldest event, and returns what is to be told of that, if anything.
    fn poll_beginning(&mut self, cx: &mut Context<'_>) -> Poll<Option<Lagged>> {
        let page = ready!(self.poll_page(cx, EventId::ZERO));
        self.page = page.events.into();
        let (base, oldest) = match self.page.front() {
            Some(oldest) => (oldest.after(), Some(oldest.id())),
            None => {
                let mut state = self.log.lock();
                state.window.drop_old();
                let oldest = state.window.oldest().map(StoredEvent::id);
                (state.window.base(), oldest)
            }
        };
        let place = std::mem::replace(&mut self.place, Place::after(base));
        Poll::Ready(match place {
            Place::Unknown(id) => Some(Lagged::new(id, oldest)),
            _ => None,
        })
    }

    /// Reads a page from the store, however long that takes.
    fn poll_page(&mut self, cx: &mut Context<'_>, after: EventId) -> Poll<Page> {
        let log = &self.log;
        let reading = self.reading.get_or_insert_with(|| {
            Box::new(Mutex::new(Reading {
                page: log.stored().page(after, PAGE),
                delay: None,
                next_delay: RETRY[0],
            }))
        });
        let reading = reading.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(delay) = &mut reading.delay {
                ready!(delay.as_mut().poll(cx));
                reading.delay = None;
                reading.page = log.stored().page(after, PAGE);
            }
            match ready!(reading.page.as_mut().poll(cx)) {
                Ok(page) => {
                    self.reading = None;
                    return Poll::Ready(page);
                }
                Err(error) => {
                    tracing::warn!(%error, "a log cannot be read, and is read again");
                    reading.delay = Some(Box::pin(sleep(reading.next_delay)));
                    reading.next_delay = (reading.next_delay * 2).min(RETRY[1]);
                }
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Result<SseEvent, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let event = match ready!(self.poll_event(cx)) {
                None => return Poll::Ready(None),
                Some(Err(lagged)) => return Poll::Ready(Some(Err(lagged))),
                Some(Ok(event)) => event,
            };
            match event.decode() {
                Some(event) => return Poll::Ready(Some(Ok(event))),
                None => tracing::error!(id = %event.id(), "the store holds what is no event"),
            }
        }
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        self.place == Place::Over
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.subscribers -= 1;
        let waker = state.waiting.remove(self.waiting.take());
        drop(state);
        drop(waker);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("log", &self.log)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// The report that a subscriber has missed events: its id is unknown to the log, or older than the
/// events that are kept, or of a history that the log has lost.
///
/// As JSON it is `{"lastEventId":"…","oldest":"…"}`, with `null` if nothing is kept. As an event
/// it is called `lagged`, and has that JSON as its data:
///
/// ```
/// use futures::StreamExt;
/// use wsio::sse::SseEvent;
/// use wsio_events::EventLog;
///
/// # futures::executor::block_on(async {
/// let log = EventLog::default();
/// let kept = log.append(SseEvent::new("kept")).await?.to_string();
///
/// let mut subscription = log.subscribe(Some("an id of an earlier process"));
/// let lagged = subscription.next().await.unwrap().unwrap_err();
/// assert_eq!(lagged.oldest(), Some(&*kept));
/// assert_eq!(SseEvent::from(&lagged).name, "lagged");
/// assert_eq!(subscription.next().await.unwrap()?.data, "kept");
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lagged {
    last_event_id: String,
    oldest: Option<String>,
}

/// The most of a client's id that it is told again, in characters.
const TOLD: usize = 64;

impl Lagged {
    fn new(mut last_event_id: String, oldest: Option<EventId>) -> Self {
        if let Some((end, _)) = last_event_id.char_indices().nth(TOLD) {
            last_event_id.truncate(end);
            last_event_id.push('…');
        }
        Self {
            last_event_id,
            oldest: oldest.map(|id| id.to_string()),
        }
    }

    /// Returns the id after which the subscriber asked to go on; of a longer one the first 64
    /// characters.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Returns the id of the event that comes next, the oldest that is kept after the gap, or
    /// `None` if there is none.
    #[must_use]
    pub fn oldest(&self) -> Option<&str> {
        self.oldest.as_deref()
    }
}

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { last_event_id, .. } = self;
        match &self.oldest {
            Some(oldest) => write!(
                f,
                "events after {last_event_id:?} are lost: the oldest that is kept is {oldest:?}"
            ),
            None => write!(
                f,
                "events after {last_event_id:?} are lost: nothing is kept"
            ),
        }
    }
}

impl error::Error for Lagged {}

/// Makes the event that tells a client of the gap. It has no id.
impl From<&Lagged> for SseEvent {
    fn from(lagged: &Lagged) -> Self {
        // Strings as JSON do not fail.
        let data = serde_json::to_string(lagged).unwrap_or_default();
        Self::new(data).with_name("lagged")
    }
}
