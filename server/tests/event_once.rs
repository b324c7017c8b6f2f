//! R8. Events that clients number, over several connections and servers of one log.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use support::{
    feed::{End, Feed, Http, WebSocket, begin, open},
    serving, soon,
};
use tokio::sync::{Notify, mpsc};
use wsio::sse::{SseEvent, SseItem, upstream};
use wsio_axum::EventRoute;
use wsio_events::{AppendError, EventLog, Limits, UpstreamEvent};

/// What a handler was called with: the data of each event, and its key.
type Handled = Arc<Mutex<Vec<(String, String)>>>;

fn noting(handled: &Handled) -> EventRoute {
    let handled = Arc::clone(handled);
    EventRoute::new().on_event(move |upstream: UpstreamEvent| {
        let entry = (upstream.event.data, upstream.key);
        handled.lock().unwrap().push(entry);
        async { Ok::<(), AppendError>(()) }
    })
}

fn taken(handled: &Handled) -> Vec<(String, String)> {
    std::mem::take(&mut handled.lock().unwrap())
}

fn keyed(source: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<(String, String)> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| (number.to_string(), format!("{source}-{number}")))
        .collect()
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> String {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| format!("data: {number}\n\n"))
        .collect()
}

/// Introduces the source, and sends the events from `first` on.
async fn send(feed: &mut Feed, source: &str, first: u64, last: u64) {
    let comment = upstream::source_comment(source, first);
    let events = numbered(first..=last);
    feed.send(format!(": {comment}\n\n{events}")).await;
}

/// Waits until the events up to this number are confirmed.
async fn confirmed(feed: &mut Feed, last: u64) {
    let mut before = 0;
    while before < last {
        if let SseItem::Comment(comment) = feed.item().await.unwrap()
            && let Some(number) = upstream::parse_handled(&comment)
        {
            assert!(number > before && number <= last, "{number} after {before}");
            before = number;
        }
    }
}

async fn connect(server: SocketAddr) -> Feed {
    begin(WebSocket, server, "/log").await
}

#[tokio::test]
async fn r8_a_stream_that_takes_events_says_so_before_everything_else() {
    let log = EventLog::default();
    log.append(SseEvent::new("kept")).await.unwrap();
    let handled = Handled::default();
    let route = noting(&handled)
        .replay(true)
        .retry(std::time::Duration::ZERO);
    let server = serving(route, &log).await;
    let first = open(WebSocket, server.addr, "/log").await.bytes().await;
    let first = String::from_utf8(first.unwrap().to_vec()).unwrap();
    let rest = first.strip_prefix(": wsio upstream\n\n").unwrap();
    assert!(rest.starts_with("retry: 0\n"), "{rest}");
    assert!(rest.ends_with("data: kept\n\n"), "{rest}");

    // Nobody else does.
    let first = open(Http, server.addr, "/log").await.bytes().await;
    assert!(first.unwrap().starts_with(b"retry: 0\n"));
    let server = serving(EventRoute::new(), &log).await;
    let first = open(WebSocket, server.addr, "/log").await.bytes().await;
    assert!(first.unwrap().starts_with(b"id: "));
}

#[tokio::test]
async fn r8_each_number_is_handled_once_by_whichever_server_sees_it_first() {
    let (log, handled) = (EventLog::default(), Handled::default());
    let one = serving(noting(&handled), &log).await;
    let other = serving(noting(&handled), &log).await;
    let mut feed = connect(one.addr).await;
    send(&mut feed, "abc", 1, 3).await;
    confirmed(&mut feed, 3).await;
    drop(feed);
    // The second and third come again, since the confirmation was lost with the connection.
    let mut feed = connect(other.addr).await;
    send(&mut feed, "abc", 2, 5).await;
    confirmed(&mut feed, 5).await;
    // So does what was confirmed, and a source of another client is another source.
    let mut other_client = connect(one.addr).await;
    send(&mut other_client, "xyz", 1, 2).await;
    confirmed(&mut other_client, 2).await;
    drop(feed);
    let mut feed = connect(one.addr).await;
    send(&mut feed, "abc", 1, 6).await;
    confirmed(&mut feed, 6).await;
    let mut expected = keyed("abc", 1..=5);
    expected.extend(keyed("xyz", 1..=2));
    expected.extend(keyed("abc", 6..=6));
    assert_eq!(taken(&handled), expected);

    // Another log knows nothing of it.
    let elsewhere = serving(noting(&handled), &EventLog::default()).await;
    let mut feed = connect(elsewhere.addr).await;
    send(&mut feed, "abc", 6, 6).await;
    confirmed(&mut feed, 6).await;
    assert_eq!(taken(&handled), keyed("abc", 6..=6));
}

#[tokio::test]
async fn r8_an_event_whose_handler_fails_comes_again_and_nothing_overtakes_it() {
    let log = EventLog::default();
    let handled = Handled::default();
    let (calls, failures) = (Arc::clone(&handled), AtomicU32::new(2));
    let route = EventRoute::new().on_event(move |upstream: UpstreamEvent| {
        let fails = upstream.event.data == "2"
            && failures
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1))
                .is_ok();
        let entry = (upstream.event.data, upstream.key);
        calls.lock().unwrap().push(entry);
        async move { if fails { Err("not now") } else { Ok(()) } }
    });
    let server = serving(route, &log).await;
    let mut feed = connect(server.addr).await;
    send(&mut feed, "abc", 1, 3).await;
    let (items, end) = feed.rest().await;
    assert_eq!(end, End::Code(4503));
    assert!(!items.contains(&SseItem::Comment(upstream::handled_comment(2))));
    let mut feed = connect(server.addr).await;
    send(&mut feed, "abc", 2, 3).await;
    assert_eq!(feed.rest().await.1, End::Code(4503));
    let mut feed = connect(server.addr).await;
    send(&mut feed, "abc", 1, 3).await;
    confirmed(&mut feed, 3).await;
    assert_eq!(taken(&handled), keyed("abc", [1, 2, 2, 2, 3]));
}

#[tokio::test]
async fn r8_a_connection_that_lingers_is_fenced_by_the_next_one() {
    let log = EventLog::default();
    let (called, mut calls) = mpsc::unbounded_channel();
    let (permit, is_held) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(true)));
    let (permits, holds) = (Arc::clone(&permit), Arc::clone(&is_held));
    let route = EventRoute::new().on_event(move |upstream: UpstreamEvent| {
        let (called, permits, holds) = (called.clone(), permits.clone(), holds.clone());
        async move {
            called.send(upstream.key).unwrap();
            if holds.load(Ordering::Relaxed) {
                permits.notified().await;
            }
            Ok::<(), AppendError>(())
        }
    });
    let one = serving(route.clone(), &log).await;
    let other = serving(route, &log).await;
    let mut old = connect(one.addr).await;
    send(&mut old, "abc", 1, 5).await;
    assert_eq!(soon(calls.recv()).await.unwrap(), "abc-1");
    // The client has given up the connection; its server does not know.
    let mut new = connect(other.addr).await;
    send(&mut new, "abc", 1, 6).await;
    // The stream to the client goes on while its events wait.
    log.append(SseEvent::new("down")).await.unwrap();
    assert_eq!(new.data(1).await, ["down"]);
    assert!(calls.try_recv().is_err());
    is_held.store(false, Ordering::Relaxed);
    permit.notify_one();
    confirmed(&mut new, 6).await;
    for number in 2..=6 {
        assert_eq!(calls.recv().await.unwrap(), format!("abc-{number}"));
    }
    assert!(calls.try_recv().is_err());
    let (items, end) = old.rest().await;
    assert_eq!(end, End::Code(1001));
    assert!(items.len() <= 2, "{items:?}");
}

#[tokio::test]
async fn r8_a_client_that_does_not_number_is_served_as_before() {
    let (log, handled) = (EventLog::default(), Handled::default());
    let server = serving(noting(&handled), &log).await;
    let mut keys = HashSet::new();
    for _ in 0..2 {
        let mut feed = connect(server.addr).await;
        feed.send(numbered(1..=3)).await;
        while handled.lock().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        log.append(SseEvent::new("down")).await.unwrap();
        // Nothing comes before it.
        let SseItem::Event(event) = feed.item().await.unwrap() else {
            panic!("no event");
        };
        assert_eq!(event.data, "down");
        for (number, (data, key)) in taken(&handled).into_iter().enumerate() {
            assert_eq!(data, (number + 1).to_string());
            assert!(key.len() > 32, "{key}");
            assert!(keys.insert(key));
        }
    }
}

#[tokio::test]
async fn r8_numbers_that_are_left_out_or_forgotten_are_accepted() {
    let (log, handled) = (EventLog::default(), Handled::default());
    let server = serving(noting(&handled), &log).await;
    for (first, last) in [(10, 12), (20, 21), (5, 22)] {
        let mut feed = connect(server.addr).await;
        send(&mut feed, "abc", first, last).await;
        confirmed(&mut feed, last).await;
    }
    let expected: Vec<_> = (10..=12).chain(20..=22).collect();
    assert_eq!(taken(&handled), keyed("abc", expected));

    // A log that remembers one source forgets the other.
    let log = EventLog::new(Limits::new().sources(1));
    let server = serving(noting(&handled), &log).await;
    for (source, first, last) in [("a", 1, 2), ("b", 1, 1), ("a", 2, 3)] {
        let mut feed = connect(server.addr).await;
        send(&mut feed, source, first, last).await;
        confirmed(&mut feed, last).await;
    }
    let mut expected = keyed("a", 1..=2);
    expected.extend(keyed("b", 1..=1));
    expected.extend(keyed("a", 2..=3));
    assert_eq!(taken(&handled), expected);
}

#[tokio::test]
async fn r8_comments_that_make_no_sense_are_comments() {
    let (log, handled) = (EventLog::default(), Handled::default());
    let server = serving(noting(&handled).max_event_size(2 << 20), &log).await;
    let mut feed = connect(server.addr).await;
    feed.send(format!(": wsio source={} first=1\n\n", "a".repeat(1 << 19)))
        .await;
    feed.send(": wsio source=a b first=1\n\n: wsio handled=7\n\n: wsio upstream\n\n")
        .await;
    // The first one that is an introduction counts.
    send(&mut feed, "abc", 1, 2).await;
    for source in ["xyz", "abc"] {
        let comment = upstream::source_comment(source, 1);
        feed.send(format!(": {comment}\n\n").repeat(1000)).await;
    }
    feed.send(numbered(3..=3)).await;
    confirmed(&mut feed, 3).await;
    assert_eq!(taken(&handled), keyed("abc", 1..=3));

    // There is no number after the last one.
    let mut feed = connect(server.addr).await;
    send(&mut feed, "max", u64::MAX, u64::MAX).await;
    confirmed(&mut feed, u64::MAX).await;
    feed.send(numbered([1])).await;
    assert_eq!(feed.rest().await, (vec![], End::Code(1008)));
    assert_eq!(taken(&handled), keyed("max", [u64::MAX]));
}

#[tokio::test]
async fn r8_a_busy_stream_does_not_hold_back_confirmations() {
    let (log, handled) = (EventLog::default(), Handled::default());
    let route = noting(&handled).heartbeat(None);
    let server = serving(route, &log).await;
    let mut feed = connect(server.addr).await;
    let (busy, is_over) = (log.clone(), Arc::new(AtomicBool::new(false)));
    let ends = Arc::clone(&is_over);
    let appending = tokio::spawn(async move {
        while !ends.load(Ordering::Relaxed) {
            busy.append(SseEvent::new("x".repeat(1000))).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    for number in 1..=20 {
        send(&mut feed, "abc", number, number).await;
        confirmed(&mut feed, number).await;
    }
    is_over.store(true, Ordering::Relaxed);
    soon(appending).await.unwrap();
    assert_eq!(taken(&handled), keyed("abc", 1..=20));
}
