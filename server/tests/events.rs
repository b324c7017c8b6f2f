//! Event logs over WebSocket and over HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use http::{Method, StatusCode};
use support::{
    feed::{BOTH, End, Http, WebSocket, begin, get, header, open, open_with, publish, request},
    server, serving,
};
use wsio::sse::{SseEvent, SseItem};
use wsio_axum::EventRoute;
use wsio_events::EventLog;

fn numbers(range: impl Iterator<Item = usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test]
async fn r7_events_arrive_as_they_are_published() {
    let server = server().await;
    let mut feeds = Vec::new();
    for transport in BOTH {
        feeds.push(begin(transport, server.addr, "/events").await);
    }
    let id = publish(server.addr, "event=temperature", "21 °C\nand rising").await;
    let event = SseEvent::new("21 °C\nand rising")
        .with_name("temperature")
        .with_id(id);
    for feed in &mut feeds {
        assert_eq!(feed.item().await, Ok(SseItem::Event(event.clone())));
    }
    let id = publish(server.addr, "", "").await;
    for feed in &mut feeds {
        let item = feed.item().await;
        assert_eq!(item, Ok(SseItem::Event(SseEvent::new("").with_id(&*id))));
    }
}

#[tokio::test]
async fn r7_the_headers_are_those_that_proxies_need() {
    let server = server().await;
    let response = get(server.addr, "/events", &[]).await;
    let headers = response.headers();
    assert_eq!(header(headers, "content-type"), Some("text/event-stream"));
    assert_eq!(header(headers, "cache-control"), Some("no-store"));
    assert_eq!(header(headers, "x-accel-buffering"), Some("no"));
    assert_eq!(header(headers, "content-length"), None);
}

#[tokio::test]
async fn r7_what_was_missed_is_replayed_over_both_transports() {
    let server = server().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(publish(server.addr, "topic=missed", n.to_string()).await);
    }
    for transport in BOTH {
        let header = |id| vec![("last-event-id", id)];
        let cases = [
            (format!("&lastEventId={}", ids[1]), vec![], 2),
            (
                format!("&lastEventId=gone&lastEventId={}", ids[2]),
                vec![],
                3,
            ),
            (String::new(), header(&*ids[2]), 3),
            // A browser keeps the header up to date, and not the address.
            (format!("&lastEventId={}", ids[0]), header(&ids[3]), 4),
            (format!("&lastEventId={}", ids[3]), header(""), 4),
            ("&replay=true".to_owned(), vec![], 0),
            ("&replay=true&lastEventId=".to_owned(), header(""), 0),
        ];
        for (query, headers, first) in cases {
            let route = format!("/events?topic=missed{query}");
            let mut feed = open_with(transport, server.addr, &route, &headers).await;
            let data = feed.data(5 - first).await;
            assert_eq!(data, numbers(first..5), "{transport:?} {route} {headers:?}");
            assert_eq!(feed.last_event_id(), ids[4]);
        }
    }
}

#[tokio::test]
async fn r7_a_connection_lost_before_its_first_event_loses_none() {
    let server = server().await;
    for transport in BOTH {
        let route = format!("/events?topic={transport:?}");
        publish(server.addr, &format!("topic={transport:?}"), "before").await;
        let feed = begin(transport, server.addr, &route).await;
        let place = feed.last_event_id().to_owned();
        drop(feed);
        publish(server.addr, &format!("topic={transport:?}"), "between").await;
        let route = format!("{route}&lastEventId={place}");
        let mut feed = open(transport, server.addr, &route).await;
        assert_eq!(feed.data(1).await, ["between"]);
    }
}

#[tokio::test]
async fn r7_a_connection_that_breaks_off_is_resumed_without_gap_or_repeat() {
    let server = server().await;
    for transport in BOTH {
        // What is there already, and what comes while the connections break off.
        for (total, interval) in [(10_000, 0), (300, 1)] {
            let route = format!(
                "/events?topic={transport:?}{interval}&count={total}&interval_ms={interval}"
            );
            let mut seen = Vec::new();
            let mut id = String::new();
            while seen.len() < total {
                let n = (1 + seen.len() * 7919 % 97).min(total - seen.len());
                let route = format!("{route}&drop_after={n}&lastEventId={id}");
                let mut feed = open(transport, server.addr, &route).await;
                seen.extend(feed.data(n).await);
                assert_eq!(feed.rest().await, (vec![], End::BrokenOff));
                id = feed.last_event_id().to_owned();
            }
            assert_eq!(seen, numbers(1..total + 1));
        }
    }
}

#[tokio::test]
async fn a_connection_can_break_off_at_once_and_on_demand() {
    let server = server().await;
    for transport in BOTH {
        let topic = format!("topic={transport:?}");
        let mut feed = begin(
            transport,
            server.addr,
            &format!("/events?{topic}&drop_after=0"),
        )
        .await;
        assert_eq!(feed.rest().await, (vec![], End::BrokenOff));
        let mut feeds = Vec::new();
        for _ in 0..3 {
            feeds.push(begin(transport, server.addr, &format!("/events?{topic}")).await);
        }
        let route = format!("/events/drop?{topic}");
        let dropped = request(server.addr, Method::POST, &route, &[], "").await;
        assert_eq!(dropped.status(), StatusCode::NO_CONTENT);
        for feed in &mut feeds {
            assert_eq!(feed.rest().await, (vec![], End::BrokenOff));
        }
        // Those who come later are not concerned.
        let mut feed = begin(transport, server.addr, &format!("/events?{topic}")).await;
        publish(server.addr, &topic, "after").await;
        assert_eq!(feed.data(1).await, ["after"]);
    }
}

#[tokio::test]
async fn r7_a_gap_that_is_older_than_what_is_kept_is_told_once() {
    let server = server().await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(publish(server.addr, "topic=short&keep=3", n.to_string()).await);
    }
    for transport in BOTH {
        for asked in [&*ids[2], "of-another-1", "ü \"quoted\""] {
            let encoded: String = asked.bytes().map(|it| format!("%{it:02x}")).collect();
            let route = format!("/events?topic=short&lastEventId={encoded}");
            let mut feed = open(transport, server.addr, &route).await;
            let event = feed.event().await.unwrap();
            assert_eq!(event.name, "lagged");
            let told: serde_json::Value = serde_json::from_str(&event.data).unwrap();
            let expected = serde_json::json!({ "lastEventId": asked, "oldest": ids[7] });
            assert_eq!(told, expected);
            // Whoever loses the connection here goes on without being told again.
            assert_eq!(event.id.as_deref(), Some(&*ids[6]));
            assert_eq!(feed.data(3).await, numbers(7..10));
            let route = format!("/events?topic=short&lastEventId={}", ids[6]);
            let mut feed = open(transport, server.addr, &route).await;
            assert_eq!(feed.data(3).await, numbers(7..10));
        }
    }
}

#[tokio::test]
async fn r7_what_a_lagging_client_is_told_is_configurable() {
    let log = EventLog::default();
    log.append(SseEvent::new("kept")).await.unwrap();
    let route = EventRoute::new().on_lagged(|lagged| {
        let data = format!("not {}", lagged.last_event_id());
        SseEvent::new(data)
            .with_name("start\nanew")
            .with_id("ignored")
    });
    let server = serving(route, &log).await;
    for transport in BOTH {
        let mut feed = open(transport, server.addr, "/log?lastEventId=7").await;
        let event = feed.event().await.unwrap();
        assert_eq!((&*event.name, &*event.data), ("start anew", "not 7"));
        assert!(event.id.unwrap().ends_with("-0"));
        assert_eq!(feed.data(1).await, ["kept"]);
    }
}

#[tokio::test]
async fn r3_a_log_that_has_ended_says_that_nothing_more_will_come() {
    let server = server().await;
    for transport in BOTH {
        let topic = format!("topic={transport:?}");
        let route = format!("/events?{topic}");
        let mut feed = begin(transport, server.addr, &route).await;
        publish(server.addr, &topic, "one").await;
        publish(server.addr, &format!("{topic}&end=true"), "two").await;
        assert_eq!(feed.data(2).await, ["one", "two"]);
        let route = format!("{route}&lastEventId={}", feed.last_event_id());
        match transport {
            Http => {
                assert_eq!(feed.rest().await, (vec![], End::Body));
                let again = get(server.addr, &route, &[]).await;
                assert_eq!(again.status(), StatusCode::NO_CONTENT);
            }
            WebSocket => {
                assert_eq!(feed.rest().await, (vec![], End::Code(4204)));
                let mut again = open(transport, server.addr, &route).await;
                assert_eq!(again.rest().await, (vec![], End::Code(4204)));
            }
        }
        // What is kept is still to be had.
        let route = format!("/events?{topic}&replay=true");
        let mut late = open(transport, server.addr, &route).await;
        assert_eq!(late.data(2).await, ["one", "two"]);
    }
}

#[tokio::test]
async fn r3_any_status_can_be_had() {
    let server = server().await;
    for status in [204, 401, 429, 500, 503] {
        let route = format!("/events?status={status}&retry_after=3");
        let response = get(server.addr, &route, &[]).await;
        assert_eq!(response.status(), status);
        assert_eq!(header(response.headers(), "retry-after"), Some("3"));
        let mut feed = open(WebSocket, server.addr, &route).await;
        let (items, end) = feed.rest().await;
        assert_eq!(items, []);
        assert_eq!(end, End::Code(4000 + status));
    }
    for status in ["100", "1000", "99", "0"] {
        let route = format!("/events?status={status}");
        assert_eq!(get(server.addr, &route, &[]).await.status(), 400);
    }
}
