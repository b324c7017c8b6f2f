//! A log as bytes, and over a WebSocket whose other end is in memory.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, advance, sleep},
};
use wsio::{
    WsMeta, WsStream,
    native::{Acceptor, Role},
    sse::SseEvent,
};
use wsio_events::{EventFeed, EventLog, EventSocket, FeedEnd, FeedOptions};

fn open(log: &EventLog, last_event_id: Option<&str>) -> EventFeed {
    FeedOptions::new().heartbeat(None).open(log, last_event_id)
}

/// The text that a feed yields without waiting.
fn now(feed: &mut EventFeed) -> Option<String> {
    let chunk = feed.next().now_or_never()?.unwrap().unwrap();
    Some(String::from_utf8(chunk.into()).unwrap())
}

#[tokio::test]
async fn r7_a_feed_begins_with_something_at_once() {
    let log = EventLog::default();
    let seen = log.append(SseEvent::new("one")).await.unwrap().to_string();
    let mut new = open(&log, None);
    assert_eq!(now(&mut new), Some(format!("id: {seen}\n\n")));
    let mut resumed = open(&log, Some(&seen));
    assert!(now(&mut resumed).unwrap().starts_with(':'));
    for feed in [&mut new, &mut resumed] {
        assert_eq!(now(feed), None);
    }
    let two = log.append(SseEvent::new("two")).await.unwrap();
    let event = format!("id: {two}\ndata: two\n\n");
    for feed in [&mut new, &mut resumed] {
        assert_eq!(now(feed), Some(event.clone()));
    }
    // Events are something themselves.
    assert_eq!(now(&mut open(&log, Some(&seen))), Some(event));
}

#[tokio::test]
async fn d7_a_burst_is_joined_once_for_all() {
    let log = EventLog::default();
    let place = log.newest().to_string();
    let mut early: Vec<_> = (0..10).map(|_| open(&log, Some(&place))).collect();
    for feed in &mut early {
        assert!(now(feed).unwrap().starts_with(':'));
    }
    // One of them is a little ahead.
    let mut text = String::new();
    let mut append = async |n: usize| {
        let data = n.to_string().repeat(30);
        let id = log.append(SseEvent::new(data.as_str())).await.unwrap();
        text += &format!("id: {id}\ndata: {data}\n\n");
    };
    append(0).await;
    let first = now(&mut early[0]).unwrap();
    for n in 1..500 {
        append(n).await;
    }
    let mut texts = vec![String::new(); early.len()];
    texts[0] = first;
    let all = text;
    let mut shared = Vec::new();
    for (feed, text) in early.iter_mut().zip(&mut texts) {
        let mut addresses = Vec::new();
        while let Some(Some(chunk)) = feed.next().now_or_never() {
            let chunk = chunk.unwrap();
            addresses.push(chunk.as_ptr());
            *text += std::str::from_utf8(&chunk).unwrap();
        }
        // All but the first, which is another one of who was ahead.
        shared.push(addresses.split_off(1));
    }
    assert!(texts.iter().all(|text| *text == all));
    assert!(shared[0].len() > 1);
    shared.dedup();
    assert_eq!(shared.len(), 1, "joined more than once");
}

#[tokio::test]
async fn r7_a_feed_ends_at_its_limit_and_when_it_is_stopped() {
    let log = EventLog::default();
    let place = log.newest().to_string();
    for n in 0..5 {
        log.append(SseEvent::new(n.to_string())).await.unwrap();
    }
    let feed = open(&log, Some(&place)).limit(3);
    let text = feed.map(|chunk| String::from_utf8(chunk.unwrap().into()).unwrap());
    let text: String = text.collect().await;
    assert_eq!(text.matches("data: ").count(), 3);
    assert!(text.ends_with("data: 2\n\n"), "{text}");

    let (stop, stopping) = oneshot::channel::<()>();
    let mut feed = open(&log, None).until(stopping.map(drop));
    let stopped = feed.stopped();
    assert!(now(&mut feed).is_some());
    assert_eq!(feed.end(), None);
    stop.send(()).unwrap();
    stopped.await;
    assert!(feed.next().await.is_none());
    assert_eq!(feed.end(), Some(FeedEnd::Until));
}

/// The server's side of a WebSocket over a wire that holds so many bytes, and the other end.
async fn websocket(capacity: usize) -> (WsMeta, WsStream, DuplexStream) {
    let (near, far) = duplex(capacity);
    let adopted = Acceptor::new().adopt(near, Role::Server, "/", "").await;
    let (meta, stream) = adopted.unwrap();
    (meta, stream, far)
}

/// Serves the log in a task.
async fn serving(socket: EventSocket, feed: EventFeed) -> (DuplexStream, JoinHandle<()>) {
    let (meta, stream, far) = websocket(1 << 10).await;
    let serving = async move { socket.serve(meta, stream, feed).await };
    (far, tokio::spawn(serving))
}

async fn full_log() -> EventLog {
    let log = EventLog::default();
    for _ in 0..4 {
        let event = SseEvent::new("x".repeat(4 << 10));
        log.append(event).await.unwrap();
    }
    log
}

#[tokio::test(start_paused = true)]
async fn f5_a_websocket_that_does_not_read_is_dropped_after_the_write_timeout() {
    let log = full_log().await;
    let feed = FeedOptions::new().replay(true).open(&log, None);
    let (_far, served) = serving(EventSocket::new(), feed).await;
    sleep(Duration::from_secs(29)).await;
    assert_eq!(log.subscribers(), 1);
    let begun = Instant::now();
    served.await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(log.subscribers(), 0);
}

#[tokio::test(start_paused = true)]
async fn f5_a_websocket_that_reads_slowly_is_not_dropped() {
    let log = full_log().await;
    let feed = FeedOptions::new().replay(true).open(&log, None);
    let socket = EventSocket::new().write_timeout(Duration::from_secs(10));
    let (mut far, served) = serving(socket, feed).await;
    let mut read = 0;
    let mut piece = [0; 512];
    while read < 16 << 10 {
        sleep(Duration::from_secs(8)).await;
        let taken = far.read(&mut piece).await.unwrap();
        assert!(taken > 0, "dropped after {read} bytes");
        read += taken;
    }
    assert!(!served.is_finished());
    assert_eq!(log.subscribers(), 1);
}

#[tokio::test(start_paused = true)]
async fn f5_a_stopped_feed_does_not_wait_for_a_client_that_does_not_read() {
    let log = full_log().await;
    let (stop, stopping) = oneshot::channel::<()>();
    let feed = FeedOptions::new().replay(true).open(&log, None);
    let feed = feed.until(stopping.map(drop));
    let (_far, served) = serving(EventSocket::new(), feed).await;
    tokio::task::yield_now().await;
    let begun = Instant::now();
    stop.send(()).unwrap();
    served.await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn f6_messages_that_nothing_handles_are_bounded() {
    let log = EventLog::default();
    let socket = EventSocket::new().max_event_size(1000);
    let (far, served) = serving(socket, open(&log, None)).await;
    let adopted = Acceptor::new().adopt(far, Role::Client, "/", "").await;
    let (meta, mut stream) = adopted.unwrap();
    for _ in 0..10 {
        stream.send(vec![0; 100].into()).await.unwrap();
        advance(Duration::from_millis(1)).await;
        assert!(!served.is_finished());
    }
    stream.send(vec![0].into()).await.unwrap();
    let end = meta.closed().await;
    assert_eq!(u16::from(end.code), 1008);
    assert!(!end.reason.is_empty());
    served.await.unwrap();
}
