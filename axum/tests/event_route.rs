//! An event log as an axum handler, called without a network, so that the clock can be a test's.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::{Router, body::Body, response::Response};
use futures::{FutureExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::{Instant, advance, timeout};
use tower_service::Service;
use wsio::sse::{SseDecoder, SseEvent, SseItem};
use wsio_axum::EventRoute;
use wsio_events::EventLog;

const BEAT: Duration = Duration::from_secs(10);

/// An event stream over HTTP.
struct Stream {
    body: Body,
    decoder: SseDecoder,
}

impl Stream {
    async fn open(route: EventRoute, log: &EventLog) -> Self {
        let request = Request::get("/log").body(Body::empty()).unwrap();
        Self::of(call(route, log, request).await)
    }

    fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        Self {
            body: response.into_body(),
            decoder: SseDecoder::new(),
        }
    }

    async fn item(&mut self) -> SseItem {
        loop {
            if let Some(item) = self.decoder.next() {
                return item.unwrap();
            }
            let frame = self.body.frame().await.unwrap().unwrap();
            self.decoder.feed(&frame.into_data().unwrap());
        }
    }

    /// What there is without waiting.
    fn now(&mut self) -> Option<SseItem> {
        self.item().now_or_never()
    }

    async fn event(&mut self) -> SseEvent {
        match self.item().await {
            SseItem::Event(event) => event,
            other => panic!("not an event: {other:?}"),
        }
    }
}

async fn append(log: &EventLog, data: &str) -> String {
    let id = log.append(SseEvent::new(data)).await.unwrap();
    id.to_string()
}

async fn call(route: EventRoute, log: &EventLog, request: Request<Body>) -> Response {
    let mut router: Router = Router::new().route("/log", route.serve(log.clone()));
    router.call(request).await.unwrap()
}

fn comment() -> SseItem {
    SseItem::Comment(String::new())
}

#[tokio::test(start_paused = true)]
async fn r6_a_stream_is_filled_with_comments_only_where_it_is_silent() {
    let log = EventLog::default();
    let mut stream = Stream::open(EventRoute::new().heartbeat(BEAT), &log).await;
    assert!(matches!(stream.item().await, SseItem::Id(_)));
    // Events that come more often than comments would leave no room for any.
    for n in 0..20 {
        advance(BEAT * 9 / 10).await;
        assert_eq!(stream.now(), None, "before {n}");
        log.append(SseEvent::new(n.to_string())).await.unwrap();
        assert_eq!(stream.event().await.data, n.to_string());
    }
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(stream.item().await, comment());
        let silence = begun.elapsed();
        // The clock has milliseconds, and rounds up.
        assert!(
            silence.abs_diff(BEAT) <= Duration::from_millis(2),
            "{silence:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r6_a_silence_is_left_as_it_is_if_that_is_wanted() {
    let log = EventLog::default();
    let day = Duration::from_secs(86_400);
    for none in [None, Some(Duration::ZERO)] {
        let mut stream = Stream::open(EventRoute::new().heartbeat(none), &log).await;
        assert!(matches!(stream.item().await, SseItem::Id(_)));
        assert!(timeout(day, stream.item()).await.is_err());
    }
    // Longer than any clock goes.
    let mut stream = Stream::open(EventRoute::new().heartbeat(Duration::MAX), &log).await;
    assert!(matches!(stream.item().await, SseItem::Id(_)));
    assert!(timeout(day, stream.item()).await.is_err());
}

/// What a client is told first that says by a query and by a header where it was.
async fn told(log: &EventLog, query: &str, header: Option<&[u8]>) -> SseEvent {
    let mut request = Request::get(format!("/log{query}"));
    if let Some(id) = header {
        request = request.header("last-event-id", id);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = call(EventRoute::new(), log, request).await;
    Stream::of(response).event().await
}

#[tokio::test]
async fn r7_an_id_that_no_log_has_given_is_told() {
    let log = EventLog::default();
    let oldest = append(&log, "kept").await;
    let newest = append(&log, "newest").await;
    let valid = format!("?lastEventId={newest}");
    let cases: [(&str, Option<&[u8]>, &str); 10] = [
        ("?lastEventId=%00", None, "\0"),
        ("?lastEventId=%0D%0Adata:1%0A%0A", None, "\r\ndata:1\n\n"),
        ("?lastEventId=%FF", None, "\u{fffd}"),
        ("?lastEventId=+", None, " "),
        ("?lastEventId=%zz", None, "%zz"),
        ("?a&lastEventId==&b", None, "="),
        ("", Some(b"\xff"), "\u{fffd}"),
        ("", Some("ü\tä".as_bytes()), "ü\tä"),
        ("", Some(b"null"), "null"),
        // It is the header that counts, so it is the header that is told.
        (&valid, Some(b"null"), "null"),
    ];
    for (query, header, asked) in cases {
        let event = told(&log, query, header).await;
        assert_eq!(event.name, "lagged", "{query} {header:?}");
        let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(data, json!({ "lastEventId": asked, "oldest": oldest }));
    }
    // What says nothing does not hide what says something.
    let valid = format!("?lastEventId={oldest}");
    for (query, header) in [
        (&*valid, Some(&b""[..])),
        ("?lastEventId=", Some(oldest.as_bytes())),
        ("?lastEventId", Some(oldest.as_bytes())),
    ] {
        assert_eq!(told(&log, query, header).await.data, "newest", "{query}");
    }
}

#[tokio::test]
async fn r7_a_gap_can_be_made_an_event_without_a_route() {
    let log = EventLog::default();
    let oldest = append(&log, "kept").await;
    let first = log.subscribe(Some("gone")).next().now_or_never();
    let lagged = first.flatten().unwrap().unwrap_err();
    let event = SseEvent::from(&lagged);
    let data = format!(r#"{{"lastEventId":"gone","oldest":"{oldest}"}}"#);
    assert_eq!(event, SseEvent::new(data).with_name("lagged"));
}
