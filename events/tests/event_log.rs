//! The log itself: what it keeps, and who is told what.
#![allow(clippy::unwrap_used)]

mod scripted;

use std::{
    ops::Range,
    sync::{Arc, Mutex},
    task::Context,
};

use futures::{
    FutureExt, StreamExt,
    stream::FusedStream,
    task::{ArcWake, noop_waker_ref, waker},
};
use scripted::Scripted;
use wsio::sse::{SseDecoder, SseEvent, SseItem};
use wsio_events::{
    AppendError, EventId, EventLog, EventLogs, FeedOptions, Lagged, Limits, Subscription,
};

fn log(events: usize) -> EventLog {
    let bytes = usize::MAX;
    EventLog::new(Limits::new().events(events).bytes(bytes))
}

/// Appends to a log in memory, which does so at once.
fn append_now(log: &EventLog, event: SseEvent) -> Result<EventId, AppendError> {
    log.append(event).now_or_never().unwrap()
}

fn put(log: &EventLog, event: SseEvent) -> String {
    append_now(log, event).unwrap().to_string()
}

fn newest(log: &EventLog) -> String {
    log.newest().to_string()
}

fn oldest(log: &EventLog) -> Option<String> {
    let oldest = log.oldest().now_or_never().unwrap().unwrap();
    oldest.map(|id| id.to_string())
}

/// Appends the numbers of a range; the ids they got.
fn append(log: &EventLog, numbers: Range<u64>) -> Vec<String> {
    let events = numbers.map(|n| SseEvent::new(n.to_string()));
    events.map(|event| put(log, event)).collect()
}

/// What is there now.
fn ready(subscription: &mut Subscription) -> Vec<Result<u64, Lagged>> {
    let mut items = Vec::new();
    while let Some(Some(item)) = subscription.next().now_or_never() {
        items.push(item.map(|event| event.data.parse().unwrap()));
    }
    items
}

fn numbers(range: Range<u64>) -> Vec<Result<u64, Lagged>> {
    range.map(Ok).collect()
}

/// The number in an id.
fn number(id: &str) -> u64 {
    id.rsplit_once('-').unwrap().1.parse().unwrap()
}

#[test]
fn r7_what_was_missed_comes_first_and_then_what_is_new() {
    let log = log(100);
    let ids = append(&log, 0..10);
    let mut missed = log.subscribe(Some(&ids[3]));
    append(&log, 10..12);
    assert_eq!(ready(&mut missed), numbers(4..12));
    append(&log, 12..14);
    assert_eq!(ready(&mut missed), numbers(12..14));
    assert_eq!(missed.last_event_id(), Some(newest(&log)));
    // Who has seen everything has missed nothing.
    let mut up_to_date = log.subscribe(Some(&newest(&log)));
    assert_eq!(ready(&mut up_to_date), []);
    append(&log, 14..15);
    assert_eq!(ready(&mut up_to_date), numbers(14..15));
}

#[test]
fn r7_without_an_id_only_what_comes_is_given() {
    let log = log(100);
    append(&log, 0..3);
    for none in [None, Some("")] {
        let mut subscription = log.subscribe(none);
        assert_eq!(ready(&mut subscription), []);
        assert_eq!(subscription.last_event_id(), Some(newest(&log)));
    }
    assert_eq!(ready(&mut log.subscribe_from_oldest()), numbers(0..3));
}

#[test]
fn r7_the_place_before_the_first_event_has_an_id() {
    let log = log(2);
    let nothing_yet = newest(&log);
    assert_eq!(number(&nothing_yet), 0);
    assert_eq!(oldest(&log), None);
    append(&log, 0..2);
    let mut all = log.subscribe(Some(&nothing_yet));
    assert_eq!(ready(&mut all), numbers(0..2));
    append(&log, 2..3);
    let first = ready(&mut log.subscribe(Some(&nothing_yet))).remove(0);
    assert_eq!(first.unwrap_err().last_event_id(), nothing_yet);
}

#[test]
fn r7_ids_count_and_belong_to_one_log() {
    let log = log(3);
    let ids = append(&log, 0..10);
    assert!(ids.iter().map(|id| number(id)).eq(1..=10), "{ids:?}");
    let epoch = |id: &str| id.rsplit_once('-').unwrap().0.to_owned();
    assert!(ids.iter().all(|id| epoch(id) == epoch(&ids[0])), "{ids:?}");
    let others: Vec<_> = (0..100).map(|_| newest(&EventLog::default())).collect();
    assert!(others.iter().all(|id| epoch(id) != epoch(&ids[0])));
}

#[test]
fn an_event_gets_its_id_whatever_it_had_and_keeps_the_rest() {
    let log = log(10);
    let event = SseEvent::new("a\nb").with_name("name").with_id("mine");
    let id = put(&log, event.clone());
    put(&log, SseEvent::new("").with_name("x\r\nid: 7\ry\nz"));
    let mut events = log.subscribe_from_oldest();
    let mut next = || events.next().now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(next(), event.with_id(id));
    assert_eq!(next().name, "x  id: 7 y z");
}

#[test]
fn r7_an_unknown_id_is_told() {
    let log = log(100);
    let last = append(&log, 0..5).remove(4);
    let oldest = oldest(&log);
    let epoch = last.strip_suffix("-5").unwrap();
    let unknown = [
        put(&EventLog::default(), SseEvent::new("")),
        format!("{epoch}-6"),
        format!("{epoch}-05"),
        format!("{epoch}-+5"),
        format!("{epoch}-5 "),
        format!("{epoch}-{}", u64::MAX),
        format!("{epoch}-99999999999999999999"),
        format!("{epoch}--1"),
        format!("{epoch}-"),
        format!("x{epoch}-5"),
        epoch.to_owned(),
        "5".to_owned(),
        "-5".to_owned(),
        "-".to_owned(),
        "\u{fffd}".to_owned(),
    ];
    for id in unknown {
        let mut subscription = log.subscribe(Some(&id));
        assert_eq!(subscription.last_event_id(), Some(id.clone()));
        let mut items = ready(&mut subscription);
        let lagged = items.remove(0).unwrap_err();
        assert_eq!(lagged.last_event_id(), id);
        assert_eq!(lagged.oldest(), oldest.as_deref());
        assert_eq!(items, numbers(0..5), "{id}");
    }
    let mut empty = EventLog::default().subscribe(Some("0-1"));
    let lagged = ready(&mut empty).remove(0).unwrap_err();
    assert_eq!(lagged.oldest(), None);
    let expected = "events after \"0-1\" are lost: nothing is kept";
    assert_eq!(lagged.to_string(), expected);
}

#[test]
fn r7_what_is_older_than_kept_is_told() {
    let log = log(3);
    let ids = append(&log, 0..10);
    // Seven are gone. Who has seen the seventh has missed nothing that is gone.
    assert_eq!(ready(&mut log.subscribe(Some(&ids[6]))), numbers(7..10));
    for (seen, id) in ids[..6].iter().enumerate() {
        let mut items = ready(&mut log.subscribe(Some(id)));
        let lagged = items.remove(0).unwrap_err();
        assert_eq!(lagged.last_event_id(), ids[seen]);
        assert_eq!(lagged.oldest(), Some(&*ids[7]));
        assert_eq!(items, numbers(7..10));
    }
}

#[test]
fn r7_who_falls_behind_is_told_each_time() {
    let log = log(3);
    let mut slow = log.subscribe(None);
    let ids = append(&log, 0..3);
    assert_eq!(
        slow.next().now_or_never().unwrap().unwrap().unwrap().data,
        "0"
    );
    // 1 is dropped, and then 2.
    let more = append(&log, 3..6);
    let mut items = ready(&mut slow);
    let lagged = items.remove(0).unwrap_err();
    assert_eq!(lagged.last_event_id(), ids[0]);
    assert_eq!(lagged.oldest(), Some(&*more[0]));
    assert_eq!(items, numbers(3..6));

    append(&log, 6..7);
    assert_eq!(ready(&mut slow), numbers(6..7));
    append(&log, 7..20);
    let mut items = ready(&mut slow);
    assert_eq!(number(items.remove(0).unwrap_err().last_event_id()), 7);
    assert_eq!(items, numbers(17..20));
}

#[test]
fn r7_bytes_are_bounded_too() {
    // An event that takes 100 bytes of the stream, but for its id.
    let event = || SseEvent::new("x".repeat(100 - "data: \n\n".len()));
    let id = format!("id: {}\n", newest(&EventLog::default())).len();
    // The epochs of the logs may differ in length.
    let bytes = 5 * (100 + id + 2);
    let log = EventLog::new(Limits::new().events(100).bytes(bytes));
    for n in 1..=9 {
        put(&log, event());
        let kept = log.subscribe_from_oldest();
        assert_eq!(drain(kept), n.min(5), "after {n}");
    }
    // One that is larger than all is kept alone, and goes with the next one.
    put(&log, SseEvent::new("x".repeat(1000)));
    assert_eq!(drain(log.subscribe_from_oldest()), 1);
    put(&log, event());
    assert_eq!(drain(log.subscribe_from_oldest()), 1);
    put(&log, event());
    assert_eq!(drain(log.subscribe_from_oldest()), 2);
}

#[test]
fn the_newest_is_kept_however_low_the_limits() {
    let log = EventLog::new(Limits::new().events(0).bytes(0));
    let mut subscription = log.subscribe(None);
    append(&log, 0..1);
    assert_eq!(ready(&mut subscription), numbers(0..1));
}

fn drain(mut subscription: Subscription) -> usize {
    std::iter::from_fn(|| subscription.next().now_or_never()?).count()
}

#[test]
fn r7_subscribers_hold_no_events() {
    let store = Scripted::default();
    let seen = store.pushed();
    let logs = EventLogs::with_store(store);
    let log = logs.open("log").now_or_never().unwrap().unwrap();
    let mut subscriptions: Vec<_> = (0..100).map(|_| log.subscribe(None)).collect();
    for (n, subscription) in (0..).zip(&mut subscriptions) {
        append(&log, n..n + 1);
        let _ = subscription.next().now_or_never();
    }
    let seen = seen.lock().unwrap();
    let is_held = |it: &&wsio_events::StoredEvent| !it.block().is_unique();
    assert_eq!(seen.len(), 100);
    assert_eq!(seen.iter().filter(is_held).count(), Scripted::WINDOW);
}

#[derive(Default)]
struct Flag(Mutex<bool>);

impl ArcWake for Flag {
    fn wake_by_ref(flag: &Arc<Self>) {
        *flag.0.lock().unwrap() = true;
    }
}

#[test]
fn r7_nothing_stays_of_subscribers_that_have_gone() {
    let log = log(10);
    let flag = Arc::new(Flag::default());
    let waker = waker(Arc::clone(&flag));
    let mut subscriptions: Vec<_> = (0..100).map(|_| log.subscribe(None)).collect();
    for subscription in &mut subscriptions {
        let mut cx = Context::from_waker(&waker);
        // Twice: the second waker takes the place of the first.
        assert!(subscription.poll_next_unpin(&mut cx).is_pending());
        assert!(subscription.poll_next_unpin(&mut cx).is_pending());
    }
    assert_eq!(log.subscribers(), 100);
    assert_eq!(Arc::strong_count(&flag), 102);
    subscriptions.truncate(40);
    assert_eq!(log.subscribers(), 40);
    assert_eq!(Arc::strong_count(&flag), 42);
    drop(subscriptions);
    assert_eq!(log.subscribers(), 0);
    assert_eq!(Arc::strong_count(&flag), 2);
    append(&log, 0..1);
    assert!(!*flag.0.lock().unwrap());
}

#[test]
fn r7_an_event_wakes_all_who_wait_once() {
    let log = log(10);
    let flags: Vec<_> = (0..3).map(|_| Arc::new(Flag::default())).collect();
    let mut subscriptions: Vec<_> = flags.iter().map(|_| log.subscribe(None)).collect();
    for (flag, subscription) in flags.iter().zip(&mut subscriptions) {
        let waker = waker(Arc::clone(flag));
        let mut cx = Context::from_waker(&waker);
        assert!(subscription.poll_next_unpin(&mut cx).is_pending());
    }
    let woken = || {
        flags
            .iter()
            .map(|it| std::mem::take(&mut *it.0.lock().unwrap()))
    };
    append(&log, 0..1);
    assert!(woken().all(|it| it));
    append(&log, 1..2);
    assert!(!woken().any(|it| it));
}

#[test]
fn a_log_that_has_ended_ends_its_subscriptions_after_the_last_event() {
    let log = log(3);
    let mut waiting = log.subscribe(None);
    let mut cx = Context::from_waker(noop_waker_ref());
    assert!(waiting.poll_next_unpin(&mut cx).is_pending());
    let ids = append(&log, 0..5);
    log.end().now_or_never().unwrap().unwrap();
    assert!(log.is_ended());
    let mut items = ready(&mut waiting);
    assert!(items.remove(0).is_err());
    assert_eq!(items, numbers(2..5));
    assert!(waiting.is_terminated());
    let mut late = log.subscribe(Some(&ids[3]));
    assert!(!late.is_terminated());
    assert_eq!(ready(&mut late), numbers(4..5));
    assert_eq!(late.next().now_or_never(), Some(None));
    // For good, also when something comes after all.
    append(&log, 5..6);
    assert_eq!(late.next().now_or_never(), Some(None));
    assert_eq!(ready(&mut log.subscribe(Some(&ids[4]))), numbers(5..6));
}

#[test]
fn the_end_wakes_who_waits() {
    let log = log(3);
    let flag = Arc::new(Flag::default());
    let waker = waker(Arc::clone(&flag));
    let mut waiting = log.subscribe(None);
    let poll = waiting.poll_next_unpin(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    log.end().now_or_never().unwrap().unwrap();
    assert!(*flag.0.lock().unwrap());
    assert_eq!(waiting.next().now_or_never(), Some(None));
}

#[test]
fn r7_what_a_store_has_lost_is_told() {
    let id = |number| EventId::new(7, number);
    let store = Scripted::with_pages([Some(vec![id(2), id(4)]), Some(vec![])], id(5));
    let logs = EventLogs::with_store(store);
    let log = logs.open("log").now_or_never().unwrap().unwrap();
    let mut items = ready(&mut log.subscribe_from_oldest()).into_iter();
    assert_eq!(items.next(), Some(Ok(2)));
    let lagged = items.next().unwrap().unwrap_err();
    assert_eq!(lagged.last_event_id(), "7-2");
    assert_eq!(lagged.oldest(), Some("7-4"));
    assert_eq!(items.next(), Some(Ok(4)));
    let lagged = items.next().unwrap().unwrap_err();
    assert_eq!(lagged.oldest(), None);
    assert_eq!(items.next(), None);
}

#[test]
fn a_log_and_its_subscriptions_can_go_anywhere() {
    fn anywhere<T: Send + Sync + Unpin + 'static>(_: &T) {}
    let log = EventLog::default();
    anywhere(&log);
    anywhere(&log.subscribe(None));
}

#[test]
fn r7_an_event_larger_than_the_logs_largest_is_an_error() {
    let log = EventLog::new(Limits::new().max_event(100));
    let of = |data: usize, name: usize| {
        let event = SseEvent::new("x".repeat(data)).with_name("n".repeat(name));
        append_now(&log, event)
    };
    let newest = of(90, 10).unwrap();
    for (data, name) in [(91, 10), (101, 0), (0, 101), (10 << 20, 0)] {
        let error = of(data, name).unwrap_err();
        assert!(error.is_too_large(), "{error}");
    }
    assert_eq!(log.newest(), newest);
    let default = EventLog::default();
    let of = |size: usize| append_now(&default, SseEvent::new("x".repeat(size)));
    assert!(of(1 << 20).is_ok());
    assert!(of((1 << 20) + 1).is_err());
}

#[test]
fn r7_the_largest_event_is_one_that_a_client_accepts_by_default() {
    let log = EventLog::default();
    let options = FeedOptions::new().heartbeat(None);
    let max = Limits::default().max_event;
    // Of all data, that of line breaks alone is the longest when it is encoded.
    for data in ["x".repeat(max), "\n".repeat(max)] {
        let mut feed = options.open(&log, Some(&newest(&log)));
        put(&log, SseEvent::new(&*data));
        let bytes = feed.next().now_or_never().flatten().unwrap().unwrap();
        let mut decoder = SseDecoder::new();
        decoder.feed(&bytes);
        let SseItem::Event(event) = decoder.next().unwrap().unwrap() else {
            panic!("no event");
        };
        assert_eq!(event.data, data);
    }
}
