//! What becomes of ids when the server that gave them starts anew.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use serde_json::json;
use support::{
    feed::{BOTH, Feed, Transport, open},
    serving,
};
use wsio::sse::SseEvent;
use wsio_axum::EventRoute;
use wsio_events::{EventLog, EventStore};
use wsio_server::Running;

/// A client that goes on where it was in an earlier life.
async fn come_back(transport: Transport, server: &Running, last_event_id: &str) -> Feed {
    let route = format!("/log?lastEventId={last_event_id}");
    open(transport, server.addr, &route).await
}

#[tokio::test]
async fn r7_an_id_from_before_a_restart_is_told_and_never_taken_for_a_new_one() {
    for transport in BOTH {
        let before = EventLog::default();
        let seen: Vec<_> = (0..5)
            .map(|n| before.append(SseEvent::new(n.to_string())).unwrap())
            .collect();
        let server = serving(EventRoute::new(), &before).await;
        let mut feed = come_back(transport, &server, &seen[2]).await;
        assert_eq!(feed.data(2).await, ["3", "4"]);
        drop(feed);
        server.shutdown().await;

        // As many events again: by their numbers alone none would have been missed.
        let after = EventLog::default();
        let oldest = after.append(SseEvent::new("a")).unwrap();
        for data in ["b", "c", "d", "e", "f"] {
            after.append(SseEvent::new(data)).unwrap();
        }
        let server = serving(EventRoute::new(), &after).await;
        for id in [&seen[4], &before.newest()] {
            let mut feed = come_back(transport, &server, id).await;
            let told = feed.event().await.unwrap();
            assert_eq!(told.name, "lagged");
            let data: serde_json::Value = serde_json::from_str(&told.data).unwrap();
            assert_eq!(data, json!({ "lastEventId": id, "oldest": oldest }));
            assert_eq!(feed.data(6).await, ["a", "b", "c", "d", "e", "f"]);
        }
    }
}

/// Where events outlive the process: a database, say.
#[derive(Clone, Default)]
struct Durable(Arc<Mutex<Vec<Arc<SseEvent>>>>);

impl EventStore for Durable {
    fn epoch(&self) -> String {
        "orders".to_owned()
    }

    fn kept(&self) -> Range<u64> {
        1..self.0.lock().unwrap().len() as u64 + 1
    }

    fn append(&mut self, event: Arc<SseEvent>) {
        self.0.lock().unwrap().push(event);
    }

    fn get(&self, number: u64) -> Option<Arc<SseEvent>> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.0.lock().unwrap().get(index).cloned()
    }
}

#[tokio::test]
async fn r7_a_store_that_outlives_the_server_keeps_its_ids() {
    for transport in BOTH {
        let store = Durable::default();
        let before = EventLog::with_store(store.clone());
        let seen = before.append(SseEvent::new("seen")).unwrap();
        before.append(SseEvent::new("missed")).unwrap();
        let server = serving(EventRoute::new(), &before).await;
        server.shutdown().await;
        drop(before);

        let after = EventLog::with_store(store);
        let server = serving(EventRoute::new(), &after).await;
        let newest = after.append(SseEvent::new("new")).unwrap();
        assert_eq!(newest, "orders-3");
        let mut feed = come_back(transport, &server, &seen).await;
        assert_eq!(feed.data(2).await, ["missed", "new"]);
        assert_eq!(feed.last_event_id(), newest);
    }
}
