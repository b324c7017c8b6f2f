//! Logs whose history is not what a subscriber has seen, and stores that fail for a while.
#![allow(clippy::unwrap_used)]

mod scripted;

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use scripted::Scripted;
use tokio::time::{Instant, timeout};
use wsio_events::{
    EventId, EventLog, EventLogs, FeedOptions, Lagged, LogTail, StoredEvent, Subscription,
};

async fn open(store: Scripted) -> (EventLog, LogTail) {
    let tail = store.tail();
    let logs = EventLogs::with_store(store);
    let log = logs.open("log").await.unwrap();
    let tail = tail.lock().unwrap().take().unwrap();
    (log, tail)
}

fn id(epoch: u64, number: u64) -> EventId {
    EventId::new(epoch, number)
}

/// An event whose data is its id.
fn event(id: EventId, after: Option<EventId>) -> StoredEvent {
    StoredEvent::new(id, after, format!("data: {id}\n\n").as_bytes())
}

fn events(epoch: u64, numbers: std::ops::RangeInclusive<u64>) -> Vec<StoredEvent> {
    numbers
        .map(|number| event(id(epoch, number), None))
        .collect()
}

fn at(log: &EventLog, id: EventId) -> Subscription {
    log.subscribe(Some(&id.to_string()))
}

/// The ids that are there now.
fn ready(subscription: &mut Subscription) -> Vec<Result<String, Lagged>> {
    let mut items = Vec::new();
    while let Some(Some(item)) = subscription.next().now_or_never() {
        items.push(item.map(|event| event.id.unwrap()));
    }
    items
}

fn these(ids: &[EventId]) -> Vec<Result<String, Lagged>> {
    ids.iter().map(|id| Ok(id.to_string())).collect()
}

#[tokio::test]
async fn d5_a_fork_is_told_to_those_beyond_it_and_to_nobody_else() {
    let (log, tail) = open(Scripted::with_pages([], id(10, 0))).await;
    drop(tail.push(events(10, 1..=5)).unwrap());
    let mut slow = at(&log, id(10, 1));
    let mut at_fork = at(&log, id(10, 3));
    let [mut beyond, mut at_end] = [at(&log, id(10, 4)), at(&log, id(10, 5))];
    assert_eq!(ready(&mut at_end), []);
    // The engine came back without the last two, which it had acknowledged.
    let fork = event(id(20, 1), Some(id(10, 3)));
    let gap = tail.push([fork.clone()]).unwrap_err();
    assert_eq!(gap.newest(), id(10, 5));
    drop(tail.push_after_gap([fork, event(id(20, 2), None)]));
    let after = [id(20, 1), id(20, 2)];
    let all = [id(10, 2), id(10, 3), after[0], after[1]];
    assert_eq!(ready(&mut slow), these(&all));
    assert_eq!(ready(&mut at_fork), these(&after));
    for (subscription, last) in [(&mut beyond, id(10, 4)), (&mut at_end, id(10, 5))] {
        let mut items = ready(subscription);
        let lagged = items.remove(0).unwrap_err();
        assert_eq!(lagged.last_event_id(), last.to_string());
        assert_eq!(lagged.oldest(), Some("20-1"));
        assert_eq!(items, these(&after));
    }
    // Those who come back with an id of the lost history are told as well.
    let mut late = at(&log, id(10, 5));
    assert!(ready(&mut late).remove(0).is_err());
    // And so is whoever makes up an id between the two histories.
    let mut items = ready(&mut at(&log, id(10, u64::MAX)));
    assert_eq!(items.remove(0).unwrap_err().oldest(), Some("20-1"));
    assert_eq!(items, these(&after));
}

#[tokio::test]
async fn d5_an_epoch_that_follows_the_newest_event_is_told_to_nobody() {
    let (log, tail) = open(Scripted::with_pages([], id(10, 0))).await;
    let mut subscription = at(&log, id(10, 0));
    drop(tail.push(events(10, 1..=2)).unwrap());
    let next = event(id(20, 1), Some(id(10, 2)));
    drop(tail.push([next, event(id(20, 2), None)]).unwrap());
    drop(tail.push([event(id(30, 1), Some(id(20, 2)))]).unwrap());
    let all = [id(10, 1), id(10, 2), id(20, 1), id(20, 2), id(30, 1)];
    assert_eq!(ready(&mut subscription), these(&all));
    for (n, seen) in all.into_iter().enumerate() {
        assert_eq!(ready(&mut at(&log, seen)), these(&all[n + 1..]), "{seen}");
    }
}

#[tokio::test]
async fn d5_a_fork_from_before_the_window_and_a_lost_history_are_told() {
    let (log, tail) = open(Scripted::with_pages([], id(10, 7))).await;
    let mut subscription = at(&log, id(10, 7));
    drop(tail.push_after_gap([event(id(20, 1), Some(id(10, 2)))]));
    let mut items = ready(&mut subscription);
    assert_eq!(items.remove(0).unwrap_err().last_event_id(), "10-7");
    assert_eq!(items, these(&[id(20, 1)]));
    drop(tail.push_after_gap([event(id(30, 1), Some(EventId::ZERO))]));
    let mut items = ready(&mut subscription);
    assert_eq!(items.remove(0).unwrap_err().last_event_id(), "20-1");
    assert_eq!(items, these(&[id(30, 1)]));
}

#[tokio::test]
async fn d4_what_is_pushed_twice_or_late_is_there_once() {
    let (log, tail) = open(Scripted::with_pages([], id(10, 0))).await;
    let mut subscription = at(&log, id(10, 0));
    drop(tail.push(events(10, 1..=3)).unwrap());
    drop(tail.push(events(10, 1..=4)).unwrap());
    drop(tail.push(events(10, 2..=3)).unwrap());
    drop(tail.push_after_gap(events(10, 3..=5)));
    let gap = tail.push(events(10, 7..=8)).unwrap_err();
    assert_eq!(gap.newest(), id(10, 5));
    drop(tail.push(events(10, 6..=6)).unwrap());
    let all: Vec<_> = (1..=6).map(|number| id(10, number)).collect();
    assert_eq!(ready(&mut subscription), these(&all));
}

/// Pages go over into the window without a seam, in whatever order they come.
#[tokio::test]
async fn d4_what_is_appended_while_a_page_is_read_comes_after_it() {
    let pages = [
        Some(vec![id(10, 1), id(10, 2)]),
        Some(vec![id(10, 3), id(10, 4), id(10, 5), id(10, 6)]),
    ];
    let (log, tail) = open(Scripted::with_pages(pages, id(10, 4))).await;
    let mut subscription = at(&log, id(10, 0));
    let first = subscription.next().await.unwrap().unwrap();
    assert_eq!(first.id.as_deref(), Some("10-1"));
    drop(tail.push(events(10, 5..=7)).unwrap());
    let rest: Vec<_> = (2..=7).map(|number| id(10, number)).collect();
    assert_eq!(ready(&mut subscription), these(&rest));
}

#[tokio::test(start_paused = true)]
async fn d5_while_the_store_fails_streams_stay_open_and_go_on_after() {
    let mut pages = vec![None; 10];
    pages.push(Some(vec![id(10, 1), id(10, 2)]));
    let (log, _tail) = open(Scripted::with_pages(pages, id(10, 2))).await;
    let beat = Duration::from_secs(15);
    let options = FeedOptions::new().heartbeat(beat);
    let mut feed = options.open(&log, Some("10-0"));
    let begun = Instant::now();
    let mut text = String::new();
    let mut beats = 0;
    while !text.contains("10-2") {
        let chunk = timeout(2 * beat, feed.next()).await.unwrap();
        text += str::from_utf8(&chunk.unwrap().unwrap()).unwrap();
        beats += 1;
    }
    assert!(beats >= 3, "{beats} chunks");
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(60), "{taken:?}");
    assert!(
        text.ends_with("id: 10-1\ndata: 1\n\nid: 10-2\ndata: 2\n\n"),
        "{text}"
    );
}

/// A store that says one thing and another must not make a subscription spin.
#[tokio::test]
async fn d5_a_store_that_contradicts_itself_is_survived() {
    let pages = [Some(vec![]), Some(vec![]), Some(vec![]), Some(vec![])];
    let (log, tail) = open(Scripted::with_pages(pages, id(10, 9))).await;
    let mut subscription = at(&log, id(10, 3));
    let items = ready(&mut subscription);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].as_ref().unwrap_err().oldest(), None);
    drop(tail.push(events(10, 10..=10)).unwrap());
    assert_eq!(ready(&mut subscription), these(&[id(10, 10)]));
}
