//! The routes that show what can be met over plain HTTP.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use futures::FutureExt;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use support::{
    answer,
    feed::{BOTH, End, Http, WebSocket, get, header, json, open, open_with, request, text},
    server, soon,
};
use wsio::sse::{SseEvent, SseItem};

#[tokio::test]
async fn redirects_lead_where_they_are_told_to() {
    let server = server().await;
    let targets = ["/echo-headers?a=b", "echo", "https://example.com:1/x?y#z"];
    for status in [300, 301, 302, 303, 307, 308] {
        for to in targets {
            let encoded: String = to.bytes().map(|it| format!("%{it:02x}")).collect();
            let route = format!("/redirect?status={status}&to={encoded}");
            for method in [Method::GET, Method::POST] {
                let response = request(server.addr, method, &route, &[], "").await;
                assert_eq!(response.status(), status);
                assert_eq!(header(response.headers(), "location"), Some(to));
            }
        }
    }
    let response = get(server.addr, "/redirect", &[]).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(header(response.headers(), "location"), Some("/redirect"));
    for bad in ["status=200", "status=299", "status=400", "to=%0a"] {
        let response = get(server.addr, &format!("/redirect?{bad}"), &[]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn the_teapot_shows_its_headers_first_and_then_byte_after_byte() {
    let server = server().await;
    let response = get(server.addr, "/teapot?ms=100", &[]).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    let answer = header(response.headers(), "The-Answer-You-Are-Looking-For");
    assert_eq!(answer, Some("42"));
    let mut body = response.into_body();
    for byte in b"12345" {
        // The head came without the first byte, and each byte comes without the next.
        assert!(body.frame().now_or_never().is_none());
        let frame = soon(body.frame()).await.unwrap().unwrap();
        assert_eq!(*frame.into_data().unwrap(), [*byte]);
    }
    assert!(soon(body.frame()).await.is_none());
}

#[tokio::test]
async fn a_request_is_told_as_it_arrived() {
    let server = server().await;
    let headers = [("authorization", "Bearer 1"), ("x-a", "1"), ("x-a", "2")];
    let method = Method::from_bytes(b"REPORT").unwrap();
    let response = request(server.addr, method, "/echo-headers?q", &headers, "böse").await;
    let asked = json(response).await;
    assert_eq!(asked["method"], "REPORT");
    assert_eq!(asked["uri"], "/echo-headers?q");
    assert_eq!(asked["body"], "böse");
    assert_eq!(asked["headers"]["authorization"], "Bearer 1");
    assert_eq!(asked["headers"]["x-a"], "1, 2");
    for transport in BOTH {
        let headers = [("accept", "text/event-stream"), ("last-event-id", "7")];
        let mut feed = open_with(transport, server.addr, "/echo-headers", &headers).await;
        let (items, _) = feed.rest().await;
        let [SseItem::Event(event)] = &*items else {
            panic!("{items:?}");
        };
        let asked: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(asked["method"], "GET");
        assert_eq!(asked["headers"]["last-event-id"], "7");
    }
    let large = vec![b'x'; (1 << 20) + 1];
    let response = request(server.addr, Method::POST, "/echo-headers", &[], large).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn raw_streams_are_sent_as_they_are() {
    let server = server().await;
    for transport in BOTH {
        // "data: ü", cut in the middle of the letter, and an end that is a lone CR.
        let route = "/sse-raw?hex=646174613a20C3bc0a0d&chunk=7&interval_ms=1";
        let mut feed = open(transport, server.addr, route).await;
        let end = match transport {
            Http => End::Body,
            WebSocket => End::Code(1000),
        };
        let event = SseItem::Event(SseEvent::new("ü"));
        assert_eq!(feed.rest().await, (vec![event], end));

        let route = "/sse-raw?body=data:a%0A%0A&end=drop";
        let mut feed = open(transport, server.addr, route).await;
        let event = SseItem::Event(SseEvent::new("a"));
        assert_eq!(feed.rest().await, (vec![event], End::BrokenOff));

        let mut feed = open(
            transport,
            server.addr,
            "/sse-raw?body=data:b%0D%0D&end=hold",
        )
        .await;
        assert_eq!(feed.data(1).await, ["b"]);
        let more = tokio::time::timeout(Duration::from_millis(50), feed.item());
        assert!(more.await.is_err());

        let mut feed = open(transport, server.addr, "/sse-raw").await;
        assert_eq!(feed.rest().await, (vec![], end));
    }
    let response = get(
        server.addr,
        "/sse-raw?status=500&type=text/html&body=no",
        &[],
    )
    .await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        header(response.headers(), "content-type"),
        Some("text/html")
    );
    assert_eq!(text(response).await, "no");
    let response = get(server.addr, "/sse-raw?type=", &[]).await;
    assert_eq!(header(response.headers(), "content-type"), None);
    for bad in ["hex=0", "hex=xx", "type=%0a", "status=99"] {
        let response = get(server.addr, &format!("/sse-raw?{bad}"), &[]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn visitors_are_counted() {
    let server = server().await;
    for transport in BOTH {
        let id = format!("id={transport:?}");
        for last in ["", "&lastEventId=5", "&lastEventId=%C3%BC"] {
            let route = format!("/accept-close?{id}{last}");
            let mut feed = open(transport, server.addr, &route).await;
            let end = match transport {
                Http => End::Body,
                WebSocket => End::Code(1000),
            };
            assert_eq!(feed.rest().await, (vec![], end));
        }
        let route = format!("/accept-close/count?{id}");
        let visited = json(get(server.addr, &route, &[]).await).await;
        assert_eq!(
            visited,
            json!({ "connects": 3, "lastEventIds": [null, "5", "ü"] })
        );

        let route = format!("/sse-raw?{id}-raw&body=data:1%0A%0A&then=data:2%0A%0A");
        for expected in ["1", "2", "2"] {
            let mut feed = open(transport, server.addr, &route).await;
            assert_eq!(feed.data(1).await, [expected]);
        }
    }
    let nobody = json(get(server.addr, "/accept-close/count?id=x", &[]).await).await;
    assert_eq!(nobody, json!({ "connects": 0, "lastEventIds": [] }));
    for bad in [
        "/accept-close?id=",
        "/accept-close/count?id=",
        "/flaky?id=",
        "/flaky",
    ] {
        let response = get(server.addr, bad, &[]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_flaky_server_works_in_the_end() {
    let server = server().await;
    for transport in BOTH {
        let route = format!("/flaky?id={transport:?}&times=2&retry_after=1&topic=flaky&count=3");
        for _ in 0..2 {
            match transport {
                Http => {
                    let response = get(server.addr, &route, &[]).await;
                    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
                    assert_eq!(header(response.headers(), "retry-after"), Some("1"));
                }
                WebSocket => {
                    let mut feed = open(transport, server.addr, &route).await;
                    assert_eq!(feed.rest().await, (vec![], End::Code(4503)));
                }
            }
        }
        let mut feed = open(transport, server.addr, &route).await;
        assert_eq!(feed.data(3).await, ["1", "2", "3"]);
    }
}

#[tokio::test]
async fn numbers_are_counted_once_however_often_they_are_asked_for() {
    let server = server().await;
    let route = "/events?topic=slowly&count=20&interval_ms=1";
    let mut feeds = Vec::new();
    for transport in BOTH {
        feeds.push(open(transport, server.addr, route).await);
    }
    let expected: Vec<_> = (1..=20).map(|n| n.to_string()).collect();
    for feed in &mut feeds {
        assert_eq!(feed.data(20).await, expected);
    }
    let mut late = open(Http, server.addr, "/events?topic=slowly&count=21").await;
    assert_eq!(late.data(21).await[..20], expected);
}

#[tokio::test]
async fn pages_that_are_allowed_may_read_the_answers() {
    let server = server().await;
    let page = format!("http://{}:1", server.addr.ip());
    let preflight = format!(
        "OPTIONS /events HTTP/1.1\r\nHost: {}\r\nOrigin: {page}\r\n\
         Access-Control-Request-Method: REPORT\r\n\
         Access-Control-Request-Headers: authorization, last-event-id\r\n\r\n",
        server.addr
    );
    let (status, head) = answer(server.addr, &preflight).await;
    assert_eq!(status, 200);
    let origin = format!("access-control-allow-origin: {page}\r\n");
    assert!(head.contains(&origin), "{head}");
    assert!(
        head.contains("access-control-allow-methods: report\r\n"),
        "{head}"
    );
    let headers = "access-control-allow-headers: authorization, last-event-id\r\n";
    assert!(head.contains(headers), "{head}");
    // A cookie would be a page's way to act for the user.
    assert!(!head.contains("allow-credentials"), "{head}");

    let response = get(server.addr, "/teapot?ms=0", &[("origin", &page)]).await;
    let headers = response.headers();
    assert_eq!(header(headers, "access-control-allow-origin"), Some(&*page));
    let exposed = header(headers, "access-control-expose-headers").unwrap();
    assert!(
        exposed.contains("the-answer-you-are-looking-for"),
        "{exposed}"
    );
}
