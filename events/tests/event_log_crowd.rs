//! A log that many write to and many read at the same time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, StreamExt};
use tokio::time::timeout;
use wsio::sse::SseEvent;
use wsio_events::{EventId, EventLog, Limits, Subscription};

const LONG: Duration = Duration::from_secs(60);

fn log(events: usize) -> EventLog {
    let bytes = usize::MAX;
    EventLog::new(Limits::new().events(events).bytes(bytes))
}

/// The number in an id.
fn number(id: &str) -> u64 {
    id.rsplit_once('-').unwrap().1.parse().unwrap()
}

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    /// One below `n`.
    fn throw(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

const WRITERS: u64 = 4;
const EACH: u64 = 3000;
const TOTAL: u64 = WRITERS * EACH;

/// Many write, and many join at random places.
async fn crowd<F, Fut>(log: &EventLog, read: F)
where
    F: Fn(EventLog, Dice) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let readers: Vec<_> = (1..=24)
        .map(|seed| tokio::spawn(read(log.clone(), Dice(seed * 0x9e37_79b9))))
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    log.append(SseEvent::new(format!("{writer} {n}")))
                        .await
                        .unwrap();
                    if n % 64 == writer {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(readers) {
        timeout(LONG, task).await.expect("in time").expect("passes");
    }
    assert_eq!(log.newest().number, TOTAL);
    assert_eq!(log.subscribers(), 0);
}

/// Joins some time, with the id of something that has been.
async fn join(log: &EventLog, dice: &mut Dice) -> (u64, Subscription) {
    let when = dice.throw(TOTAL);
    while log.newest().number < when {
        tokio::task::yield_now().await;
    }
    let newest = log.newest();
    let seen = dice.throw(newest.number + 1);
    let id = EventId::new(newest.epoch, seen).to_string();
    (seen, log.subscribe(Some(&id)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r7_each_of_many_sees_exactly_what_it_has_missed() {
    let log = log(TOTAL as usize);
    crowd(&log, |log, mut dice| async move {
        let (seen, mut subscription) = join(&log, &mut dice).await;
        let mut next_of = [None; WRITERS as usize];
        for expected in seen + 1..=TOTAL {
            let event = subscription.next().await.unwrap().unwrap();
            assert_eq!(number(event.id.as_deref().unwrap()), expected);
            // And each writer's in the order in which it wrote them.
            let (writer, n) = event.data.split_once(' ').unwrap();
            let next = &mut next_of[writer.parse::<usize>().unwrap()];
            let n: u64 = n.parse().unwrap();
            assert!(next.is_none_or(|next| next == n));
            *next = Some(n + 1);
        }
        assert!(subscription.next().now_or_never().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn r7_no_gap_is_silent_however_little_is_kept() {
    let log = log(16);
    let told = Arc::new(AtomicUsize::new(0));
    crowd(&log, |log, mut dice| {
        let told = Arc::clone(&told);
        async move {
            let (mut seen, mut subscription) = join(&log, &mut dice).await;
            while seen < TOTAL {
                match subscription.next().await.unwrap() {
                    Ok(event) => {
                        seen += 1;
                        assert_eq!(number(event.id.as_deref().unwrap()), seen);
                    }
                    Err(lagged) => {
                        assert_eq!(number(lagged.last_event_id()), seen);
                        let oldest = number(lagged.oldest().unwrap());
                        assert!(oldest > seen + 1, "{lagged}");
                        seen = oldest - 1;
                        told.fetch_add(1, Ordering::Relaxed);
                    }
                }
                if dice.throw(50) == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    })
    .await;
    assert!(told.load(Ordering::Relaxed) > 0);
}
