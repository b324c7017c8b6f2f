//! The examples do what they say.
#![allow(clippy::unwrap_used)]

mod support;

#[allow(dead_code, reason = "the program around what is tested")]
#[path = "../../axum/examples/events.rs"]
mod events;

use std::time::Duration;

use futures::FutureExt;
use support::{
    feed::{BOTH, End, begin, open},
    soon,
};
use tokio::{net::TcpListener, sync::oneshot};
use wsio_events::EventLog;

#[tokio::test]
async fn r7_a_log_is_served_by_an_axum_application() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let log = EventLog::default();
    let (stop, stopping) = oneshot::channel::<()>();
    let stopping = stopping.map(|_| ());
    let serving = tokio::spawn(events::serve(listener, log.clone(), stopping));
    let mut feeds = Vec::new();
    for transport in BOTH {
        feeds.push((transport, begin(transport, addr, "/time").await));
    }
    tokio::spawn(events::tell_the_time(log, Duration::from_millis(5)));
    let mut last = Vec::new();
    for (transport, mut feed) in feeds {
        let first = feed.event().await.unwrap();
        assert_eq!(first.name, "second");
        let second = feed.event().await.unwrap();
        drop(feed);
        let route = format!("/time?lastEventId={}", first.id.unwrap());
        let mut feed = open(transport, addr, &route).await;
        assert_eq!(feed.event().await.unwrap(), second);
        last.push(feed);
    }

    // Streams that never end by themselves do not keep the server from ending.
    stop.send(()).unwrap();
    let ends = [End::Body, End::Code(1001)];
    for (mut feed, end) in last.into_iter().zip(ends) {
        assert_eq!(feed.rest().await.1, end);
    }
    soon(serving).await.unwrap().unwrap();
}
