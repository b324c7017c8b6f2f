//! One reader of a log.

use std::{
    error, fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, stream::FusedStream};
use serde::Serialize;
use wsio::sse::SseEvent;

use crate::EventLog;

/// The events of an [`EventLog`] from some place on: those that are kept, then those to come.
///
/// It holds no events, and nothing waits for it. If the log has dropped an event before it was
/// yielded, the next item is an `Err`, once each time the subscription falls behind, and then come
/// the events from the oldest that is kept. It ends only with the log, after [`EventLog::end`],
/// and then for good.
///
/// # Cancel safety
///
/// No event is lost when a future of `StreamExt::next` or the like is dropped.
pub struct Subscription {
    log: EventLog,
    /// The key of its waker.
    key: u64,
    place: Place,
}

/// The place of a subscription in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before the event of this number.
    Before(u64),
    /// After an id that the log does not know.
    Unknown(String),
    /// Behind the last event of a log that has ended.
    End,
}

impl Subscription {
    pub(crate) fn new(log: EventLog, key: u64, place: Place) -> Self {
        Self { log, key, place }
    }

    /// Returns the id after which the subscription goes on: that of the last event yielded, or of
    /// the place it began at. An unknown id is returned until the `Err` that reports it.
    #[must_use]
    pub fn last_event_id(&self) -> String {
        match &self.place {
            Place::Before(next) => self.log.id(next.saturating_sub(1)),
            Place::Unknown(id) => id.clone(),
            Place::End => self.log.newest(),
        }
    }

    /// Returns whether the log has ended and everything has been yielded.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.log.lock();
        match self.place {
            Place::Before(next) => state.ended && next >= state.store.kept().end,
            Place::Unknown(_) => false,
            Place::End => true,
        }
    }

    /// The same as `poll_next`, without a copy of the event.
    pub(crate) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Arc<SseEvent>, Lagged>>> {
        let mut state = self.log.lock();
        let kept = state.store.kept();
        let next = match &mut self.place {
            Place::Before(next) => *next,
            Place::Unknown(id) => {
                let lagged = Lagged {
                    last_event_id: std::mem::take(id),
                    oldest: self.log.oldest_of(&kept),
                };
                self.place = Place::Before(kept.start);
                return Poll::Ready(Some(Err(lagged)));
            }
            Place::End => return Poll::Ready(None),
        };
        if next >= kept.end {
            if state.ended {
                self.place = Place::End;
                return Poll::Ready(None);
            }
            let waker = cx.waker().clone();
            let before = state.waiting.insert(self.key, waker);
            drop(state);
            // A waker may do anything when it is dropped, such as append to this log.
            drop(before);
            return Poll::Pending;
        }
        if let Some(event) = state.store.get(next) {
            self.place = Place::Before(next + 1);
            return Poll::Ready(Some(Ok(event)));
        }
        // The store counts the event as kept, and does not have it: that one event is lost.
        let oldest = kept.start.max(next + 1);
        self.place = Place::Before(oldest);
        Poll::Ready(Some(Err(Lagged {
            last_event_id: self.log.id(next.saturating_sub(1)),
            oldest: self.log.oldest_of(&(oldest..kept.end)),
        })))
    }
}

impl Stream for Subscription {
    type Item = Result<SseEvent, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = self.poll_event(cx);
        event.map(|item| item.map(|event| event.map(Arc::unwrap_or_clone)))
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        self.place == Place::End
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.subscribers -= 1;
        let waker = state.waiting.remove(&self.key);
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
/// events that are kept.
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
/// let kept = log.append(SseEvent::new("kept"))?;
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

impl Lagged {
    /// Returns the id after which the subscriber asked to go on.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Returns the id of the oldest event that is kept, which comes next, or `None` if there is
    /// none.
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
