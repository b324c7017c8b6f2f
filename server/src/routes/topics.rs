//! The logs of `/events`.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::FutureExt;
use wsio::sse::SseEvent;
use wsio_axum::{EventRoute, ServerHandle};
use wsio_events::{EventLog, Limits};

use crate::stream::{Cut, WeakCut};

/// The largest number of topics.
const MAX_TOPICS: usize = 256;

/// The largest name of a topic, in bytes.
const MAX_NAME: usize = 128;

/// The limits of each topic.
const LIMITS: Limits = Limits::new().events(16_384).bytes(2 << 20);

/// Logs by name. When there are too many, the one goes that has not been asked for for the
/// longest time among those that nobody subscribes to.
#[derive(Debug, Default)]
pub(super) struct Topics {
    topics: Mutex<Asked>,
    /// The route of all topics, so that they share its limit on subscribers.
    pub(super) route: EventRoute,
}

#[derive(Debug, Default)]
struct Asked {
    by_name: HashMap<String, (Topic, u64)>,
    /// The number of requests so far.
    times: u64,
}

impl Topics {
    /// The topic of this name; a new one keeps so many events. The one without a name is always
    /// there.
    pub(super) fn topic(&self, name: &str, keep: Option<usize>) -> Result<Topic, NoTopic> {
        if name.len() > MAX_NAME {
            return Err(NoTopic::LongName);
        }
        let mut asked = lock(&self.topics);
        asked.times += 1;
        let now = asked.times;
        if let Some((topic, last)) = asked.by_name.get_mut(name) {
            *last = now;
            return Ok(topic.clone());
        }
        if asked.by_name.len() >= MAX_TOPICS {
            asked.forget_one()?;
        }
        let topic = Topic::new(keep.unwrap_or(LIMITS.events));
        let entry = (topic.clone(), now);
        asked.by_name.insert(name.to_owned(), entry);
        Ok(topic)
    }
}

impl Asked {
    fn forget_one(&mut self) -> Result<(), NoTopic> {
        let idle = |(name, (topic, _)): &(&String, &(Topic, u64))| {
            !name.is_empty() && topic.log.subscribers() == 0
        };
        let idle = self.by_name.iter().filter(idle);
        let oldest = idle.min_by_key(|(_, (_, last))| *last);
        let name = oldest.map(|(name, _)| name.clone());
        self.by_name.remove(&name.ok_or(NoTopic::TooMany)?);
        Ok(())
    }
}

/// The reason why there is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTopic {
    LongName,
    /// There are too many, and all are in use.
    TooMany,
}

/// A log of its own.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) log: EventLog,
    numbers: Arc<Mutex<Numbers>>,
    connected: Arc<Mutex<Vec<WeakCut>>>,
    /// How many calls of the handler of events from clients have failed.
    failed: Arc<AtomicU64>,
}

/// The events that count from 1.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    counting: bool,
}

impl Topic {
    fn new(keep: usize) -> Self {
        Self {
            log: EventLog::new(LIMITS.events(keep.min(LIMITS.events))),
            numbers: Arc::default(),
            connected: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// Appends the numbers up to `n` that it does not have yet: all at once, or one after each
    /// interval if nothing else is counting already.
    pub(super) fn count(&self, n: u64, interval: Duration, server: &ServerHandle) {
        let mut numbers = lock(&self.numbers);
        if interval.is_zero() {
            while numbers.last < n {
                self.append_number(&mut numbers);
            }
        } else if numbers.last < n && !numbers.counting {
            numbers.counting = true;
            let (topic, shutting_down) = (self.clone(), server.shutting_down());
            server.spawn(async move {
                tokio::select! {
                    () = topic.count_on(n, interval) => {}
                    () = shutting_down => {}
                }
            });
        }
    }

    async fn count_on(&self, n: u64, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            let mut numbers = lock(&self.numbers);
            if numbers.last < n {
                self.append_number(&mut numbers);
            }
            if numbers.last >= n {
                numbers.counting = false;
                return;
            }
        }
    }

    fn append_number(&self, numbers: &mut Numbers) {
        numbers.last += 1;
        let event = SseEvent::new(numbers.last.to_string());
        // A log in memory appends at once.
        let appended = self.log.append(event).now_or_never();
        if let Some(Err(error)) = appended {
            tracing::error!(%error, "not counted");
        }
    }

    /// Remembers a connection that [`drop_all`](Self::drop_all) cuts.
    pub(super) fn connected(&self, cut: &Cut) {
        let mut connected = lock(&self.connected);
        connected.retain(|it| it.upgrade().is_some());
        connected.push(cut.downgrade());
    }

    /// Returns whether a call of the handler of events from clients is to fail, which the first so
    /// many do.
    pub(super) fn fails(&self, first: u64) -> bool {
        let more = |failed| (failed < first).then_some(failed + 1);
        let (order, now) = (Ordering::Relaxed, Ordering::Relaxed);
        self.failed.fetch_update(order, now, more).is_ok()
    }

    /// Cuts all connections.
    pub(super) fn drop_all(&self) {
        let connected = std::mem::take(&mut *lock(&self.connected));
        let connected = connected.iter().filter_map(WeakCut::upgrade);
        connected.for_each(|cut| cut.now());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_bounded_and_the_idle_one_is_forgotten() {
        let topics = Topics::default();
        let unnamed = topics
            .topic("", None)
            .unwrap()
            .log
            .append(SseEvent::new(""))
            .now_or_never()
            .unwrap()
            .unwrap();
        let busy = topics.topic("busy", None).unwrap();
        let subscription = busy.log.subscribe(None);
        let idle = topics
            .topic("idle", None)
            .unwrap()
            .log
            .append(SseEvent::new(""))
            .now_or_never()
            .unwrap()
            .unwrap();
        for n in 0..2 * MAX_TOPICS {
            topics.topic(&n.to_string(), None).unwrap();
        }
        assert_eq!(lock(&topics.topics).by_name.len(), MAX_TOPICS);
        let newest = |name| topics.topic(name, None).unwrap().log.newest();
        assert_eq!(newest(""), unnamed);
        assert_ne!(newest("idle"), idle);
        let again = topics.topic("busy", None).unwrap();
        let appended = again.log.append(SseEvent::new("")).now_or_never();
        assert!(appended.is_some_and(|it| it.is_ok()));
        assert_eq!(
            busy.log.oldest().now_or_never().unwrap().unwrap(),
            Some(newest("busy"))
        );
        drop(subscription);
    }

    #[test]
    fn topics_that_are_all_in_use_stay() {
        let topics = Topics::default();
        let topic = |n: usize| topics.topic(&n.to_string(), None);
        let in_use: Vec<_> = (0..MAX_TOPICS)
            .map(|n| topic(n).unwrap().log.subscribe(None))
            .collect();
        assert_eq!(topic(MAX_TOPICS).unwrap_err(), NoTopic::TooMany);
        drop(in_use);
        topic(MAX_TOPICS).unwrap();
        let long = topics.topic(&"x".repeat(MAX_NAME + 1), None);
        assert_eq!(long.unwrap_err(), NoTopic::LongName);
    }
}
