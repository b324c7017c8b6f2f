//! What clients send over the WebSocket of an event stream.
#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;

use support::{
    feed::{End, WebSocket, begin, publish},
    server, serving, soon,
};
use tokio::sync::mpsc;
use wsio::sse::SseEvent;
use wsio_axum::EventRoute;
use wsio_events::EventLog;

#[tokio::test]
async fn r4_events_from_clients_can_be_appended() {
    let server = server().await;
    let route = "/events?topic=chat&upstream=append";
    let mut one = begin(WebSocket, server.addr, route).await;
    let mut other = begin(WebSocket, server.addr, route).await;
    // In pieces of any size, with what is no event in between.
    for piece in [
        ": hello\n\nda",
        "ta: a\ndata: b\nid: mine\n\nid: 7\n\n",
        "event: e\ndata\n\n",
    ] {
        one.send(piece).await;
    }
    for feed in [&mut one, &mut other] {
        let event = feed.event().await.unwrap();
        assert_eq!(event.data, "a\nb");
        assert!(event.id.is_some_and(|id| id != "mine"));
        let event = feed.event().await.unwrap();
        assert_eq!((&*event.name, &*event.data), ("e", ""));
    }
}

#[tokio::test]
async fn r4_events_from_clients_are_ignored_unless_wanted() {
    let server = server().await;
    let mut feed = begin(WebSocket, server.addr, "/events?topic=quiet").await;
    feed.send("data: not an echo\n\n").await;
    publish(server.addr, "topic=quiet", "still here").await;
    assert_eq!(feed.data(1).await, ["still here"]);
    feed.send(vec![b'x'; (1 << 20) + 1]).await;
    assert_eq!(feed.rest().await, (vec![], End::Code(1009)));

    // Neither do they go on for ever.
    let mut feed = begin(WebSocket, server.addr, "/events?topic=quiet").await;
    for _ in 0..4 {
        feed.send(vec![b'x'; 300_000]).await;
    }
    assert_eq!(feed.rest().await, (vec![], End::Code(1008)));
}

#[tokio::test]
async fn r4_one_event_is_handled_after_the_other_and_none_is_lost_with_the_connection() {
    let log = EventLog::default();
    let (got, mut events) = mpsc::unbounded_channel();
    let (permit, permits) = mpsc::channel::<()>(1);
    let permits = std::sync::Arc::new(tokio::sync::Mutex::new(permits));
    let route = EventRoute::new().on_event(move |upstream| {
        let (got, permits) = (got.clone(), permits.clone());
        async move {
            got.send(upstream.event).unwrap();
            permits.lock().await.recv().await;
            Ok::<(), Infallible>(())
        }
    });
    let server = serving(route, &log).await;
    let mut feed = begin(WebSocket, server.addr, "/log").await;
    feed.send("data: 1\n\ndata: 2\n\n").await;
    feed.send("data: 3\n\n").await;
    assert_eq!(soon(events.recv()).await, Some(SseEvent::new("1")));
    // The first is still worked on. The stream goes on meanwhile.
    log.append(SseEvent::new("down")).await.unwrap();
    assert_eq!(feed.data(1).await, ["down"]);
    assert!(events.try_recv().is_err());
    drop(feed);
    for expected in ["2", "3"] {
        permit.send(()).await.unwrap();
        assert_eq!(soon(events.recv()).await, Some(SseEvent::new(expected)));
    }
}

#[tokio::test]
async fn r4_an_event_that_is_too_large_ends_the_connection() {
    let (got, mut events) = mpsc::unbounded_channel();
    let route = EventRoute::new()
        .max_event_size(100)
        .on_event(move |upstream| {
            got.send(upstream.event).unwrap();
            async { Ok::<(), Infallible>(()) }
        });
    let server = serving(route, &EventLog::default()).await;
    for too_large in ["x".repeat(200), "data: 123456789\n".repeat(20)] {
        let mut feed = begin(WebSocket, server.addr, "/log").await;
        feed.send("data: small\n\n").await;
        assert_eq!(soon(events.recv()).await, Some(SseEvent::new("small")));
        feed.send(too_large).await;
        assert_eq!(feed.rest().await, (vec![], End::Code(1009)));
    }
}
