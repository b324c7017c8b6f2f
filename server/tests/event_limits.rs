//! The limits of event logs over WebSocket and over HTTP, and what ends them.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use support::{
    connect_to,
    feed::{BOTH, End, Feed, WebSocket, begin, get, header, open, publish, request},
    patient, server, serving, soon,
};
use wsio::sse::{SseEvent, SseItem};
use wsio_axum::EventRoute;
use wsio_events::{EventLog, Limits};

#[tokio::test]
async fn r6_a_silence_is_filled_with_comments() {
    let server = server().await;
    for transport in BOTH {
        let topic = format!("topic={transport:?}");
        let route = format!("/events?{topic}&heartbeat_ms=20&retry_ms=1500");
        let mut feed = open(transport, server.addr, &route).await;
        let retry = SseItem::Retry(Duration::from_millis(1500));
        assert_eq!(feed.item().await, Ok(retry));
        assert!(matches!(feed.item().await, Ok(SseItem::Id(_))));
        let begun = Instant::now();
        for _ in 0..3 {
            assert_eq!(feed.item().await, Ok(SseItem::Comment(String::new())));
        }
        // The first silence may have begun before that.
        assert!(begun.elapsed() > Duration::from_millis(35));
        publish(server.addr, &topic, "at last").await;
        assert_eq!(feed.data(1).await, ["at last"]);
        assert_eq!(feed.item().await, Ok(SseItem::Comment(String::new())));
    }
}

#[tokio::test]
async fn r7_one_subscriber_too_many_is_refused() {
    let log = EventLog::default();
    let wait = Duration::from_millis(6001);
    let route = EventRoute::new().max_subscribers(2).retry_after(wait);
    let server = serving(route, &log).await;
    for transport in BOTH {
        let first = begin(transport, server.addr, "/log").await;
        let _second = begin(transport, server.addr, "/log").await;

        let response = get(server.addr, "/log", &[]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(header(response.headers(), "retry-after"), Some("7"));
        assert_eq!(
            header(response.headers(), "cache-control"),
            Some("no-store")
        );
        let mut refused = open(WebSocket, server.addr, "/log").await;
        assert_eq!(refused.rest().await, (vec![], End::Code(4503)));

        // As soon as the server notices that one has gone there is room for another.
        drop(first);
        until(|| log.subscribers() == 1).await;
        drop(begin(transport, server.addr, "/log").await);
        until(|| log.subscribers() == 1).await;
        drop(_second);
        until(|| log.subscribers() == 0).await;
    }
}

/// Waits for what nobody tells.
async fn until(condition: impl Fn() -> bool) {
    let looking = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(looking).await;
}

#[tokio::test]
async fn r7_nothing_stays_of_clients_that_have_gone() {
    let log = EventLog::default();
    let server = serving(EventRoute::new(), &log).await;
    for transport in BOTH {
        let mut feeds = Vec::new();
        for _ in 0..20 {
            feeds.push(begin(transport, server.addr, "/log").await);
        }
        assert_eq!(log.subscribers(), 20);
        drop(feeds);
        until(|| log.subscribers() == 0).await;
    }
}

/// Reads up to the newest event, and counts the bytes of those that it got.
async fn read_up_to(feed: &mut Feed, newest: &str) -> (usize, usize) {
    let (mut bytes, mut gaps) = (0, 0);
    loop {
        let event = feed.event().await.unwrap();
        if event.name == "lagged" {
            gaps += 1;
        }
        bytes += event.data.len();
        if event.id.as_deref() == Some(newest) {
            return (bytes, gaps);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r7_a_client_that_does_not_read_costs_bounded_memory_and_is_told() {
    const EVENT: usize = 256 * 1024;
    let (events, bytes) = (1000, 4 * EVENT);
    for transport in BOTH {
        let log = EventLog::new(Limits::new().events(events).bytes(bytes));
        let server = serving(EventRoute::new(), &log).await;
        let mut slow = begin(transport, server.addr, "/log").await;
        let mut newest = String::new();
        for _ in 0..512 {
            let event = SseEvent::new("x".repeat(EVENT));
            newest = log.append(event).await.unwrap().to_string();
            // Time for the server to send.
            tokio::task::yield_now().await;
        }
        let (bytes, gaps) = read_up_to(&mut slow, &newest).await;
        assert!(gaps > 0, "{transport:?}");
        // What the sockets hold, far below all 128 MiB.
        assert!(bytes < 32 << 20, "{transport:?} {bytes}");
    }
}

#[tokio::test]
async fn large_events_come_in_several_messages_and_small_ones_together() {
    let log = EventLog::default();
    let server = serving(EventRoute::new().replay(true), &log).await;
    let large = "x".repeat(1_000_000);
    log.append(SseEvent::new(&*large)).await.unwrap();
    let mut feed = open(WebSocket, server.addr, "/log").await;
    let mut bytes = 0;
    while bytes < large.len() {
        let message = feed.bytes().await.unwrap();
        assert!(message.len() <= 128_000, "{}", message.len());
        bytes += message.len();
    }
    let mut feed = open(WebSocket, server.addr, "/log").await;
    assert_eq!(feed.data(1).await, [large]);

    let seen = log.newest();
    for n in 0..1000 {
        log.append(SseEvent::new(n.to_string())).await.unwrap();
    }
    let route = format!("/log?lastEventId={seen}");
    for transport in BOTH {
        let mut feed = open(transport, server.addr, &route).await;
        let mut text = Vec::new();
        let mut pieces = 0;
        while !text.ends_with(b"data:999\n\n") && !text.ends_with(b"data: 999\n\n") {
            text.extend(feed.bytes().await.unwrap());
            pieces += 1;
        }
        assert!(pieces < 50, "{transport:?} {pieces}");
    }
}

#[tokio::test]
async fn when_the_server_is_shut_down_streams_end() {
    let server = patient().await;
    let addr = server.addr;
    let mut feeds = Vec::new();
    for transport in BOTH {
        feeds.push(begin(transport, addr, "/events?topic=quiet").await);
        let busy = "/events?topic=busy&count=100000&interval_ms=1";
        let mut busy = open(transport, addr, busy).await;
        busy.item().await.unwrap();
        feeds.push(busy);
    }
    let ends = async {
        let mut ends = Vec::new();
        for mut feed in feeds {
            ends.push(feed.rest().await.1);
        }
        ends
    };
    let ((), ends) = soon(async { tokio::join!(server.shutdown(), ends) }).await;
    let code = End::Code(1001);
    assert_eq!(ends, [End::Body, End::Body, code, code]);
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let server = server().await;
    let long = format!("/events?topic={}", "x".repeat(129));
    let cases = [
        (Method::GET, &*long, vec![], 400),
        (Method::GET, "/events?drop_after=soon", vec![], 400),
        (Method::POST, "/events", vec![], 405),
        (Method::GET, "/events/publish", vec![], 405),
        (Method::POST, "/events/publish?event=a%0Ab", vec![], 400),
        (Method::POST, "/events/publish?event=a%0Db", vec![], 400),
        (Method::POST, "/events/publish", vec![0xff], 400),
        (
            Method::POST,
            "/events/publish",
            vec![b'x'; (256 << 10) + 1],
            413,
        ),
    ];
    for (method, route, body, expected) in cases {
        let response = request(server.addr, method, route, &[], body).await;
        assert_eq!(response.status(), expected, "{route}");
    }
    let response = get(server.addr, "/events", &[("upgrade", "websocket")]).await;
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    // One that would like HTTP/2 is content with what it gets.
    let headers = [
        ("upgrade", "h2c"),
        ("connection", "upgrade, http2-settings"),
    ];
    let response = get(server.addr, "/events", &headers).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn pages_from_elsewhere_get_nothing() {
    let server = server().await;
    let mut own = begin(WebSocket, server.addr, "/events").await;
    for origin in ["https://evil.example", "null"] {
        let elsewhere = [("origin", origin)];
        for (method, route) in [
            (Method::GET, "/events"),
            (Method::POST, "/events/publish"),
            (Method::POST, "/events/drop"),
            (Method::OPTIONS, "/events/publish"),
        ] {
            let response = request(server.addr, method, route, &elsewhere, "").await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert_eq!(
                header(response.headers(), "access-control-allow-origin"),
                None
            );
        }
        let refused = connect_to(server.addr, "/events", &elsewhere).await;
        assert_eq!(refused.unwrap_err().status(), StatusCode::FORBIDDEN);
    }
    // Nor has any of it had an effect.
    publish(server.addr, "", "by the user").await;
    assert_eq!(own.data(1).await, ["by the user"]);
}

#[tokio::test]
async fn pages_of_another_port_can_read_the_stream() {
    let server = server().await;
    let page = format!("http://{}:1", server.addr.ip());
    let response = get(server.addr, "/events", &[("origin", &page)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(header(headers, "access-control-allow-origin"), Some(&*page));
    // The answer is that page's alone, should anything keep it after all.
    let vary = header(headers, "vary").unwrap();
    assert!(vary.contains("origin"), "{vary}");
}
