//! What becomes of ids when the server that gave them starts anew.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{
    feed::{BOTH, Feed, Transport, open},
    serving,
};
use wsio::sse::SseEvent;
use wsio_axum::EventRoute;
use wsio_events::EventLog;
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
        let mut seen = Vec::new();
        for n in 0..5 {
            let id = before.append(SseEvent::new(n.to_string())).await.unwrap();
            seen.push(id.to_string());
        }
        let server = serving(EventRoute::new(), &before).await;
        let mut feed = come_back(transport, &server, &seen[2]).await;
        assert_eq!(feed.data(2).await, ["3", "4"]);
        drop(feed);
        server.shutdown().await;

        // As many events again: by their numbers alone none would have been missed.
        let after = EventLog::default();
        let oldest = after.append(SseEvent::new("a")).await.unwrap().to_string();
        for data in ["b", "c", "d", "e", "f"] {
            after.append(SseEvent::new(data)).await.unwrap();
        }
        let server = serving(EventRoute::new(), &after).await;
        for id in [&seen[4], &before.newest().to_string()] {
            let mut feed = come_back(transport, &server, id).await;
            let told = feed.event().await.unwrap();
            assert_eq!(told.name, "lagged");
            let data: serde_json::Value = serde_json::from_str(&told.data).unwrap();
            assert_eq!(data, json!({ "lastEventId": id, "oldest": oldest }));
            assert_eq!(feed.data(6).await, ["a", "b", "c", "d", "e", "f"]);
        }
    }
}
