//! Event streams that are refused. The limit on refused WebSockets is the process's: this file has
//! one for itself.
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use axum::{Router, routing::any};
use http::StatusCode;
use support::{all, answer, connect_to, read_head, request, soon};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wsio_axum::{EventRequest, EventRoute, Running, Server};
use wsio_events::EventLog;

async fn server() -> Running {
    let full = EventRoute::new().max_subscribers(0);
    let full = full.retry_after(Duration::from_millis(4200));
    let gone = async |request: EventRequest| request.refuse(StatusCode::GONE, None);
    let unnamed = async |request: EventRequest| {
        let status = StatusCode::from_u16(599).unwrap();
        request.refuse(status, Some(Duration::from_secs(1)))
    };
    let odd = async |request: EventRequest| {
        let status = StatusCode::from_u16(799).unwrap();
        request.refuse(status, None)
    };
    let routes = Router::new()
        .route("/full", full.serve(EventLog::default()))
        .route("/gone", any(gone))
        .route("/unnamed", any(unnamed))
        .route("/odd", any(odd));
    let builder = Server::builder().routes(routes);
    builder.start("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn r3_a_refused_websocket_is_closed_with_the_status_and_the_delay() {
    let server = server().await;
    let cases = [
        ("/full", 4503, "Service Unavailable; Retry-After: 5"),
        ("/gone", 4410, "Gone"),
        ("/unnamed", 4599, "Retry-After: 1"),
    ];
    for (route, code, reason) in cases {
        let (mut client, _) = connect_to(server.addr, route, &[]).await.unwrap();
        let (messages, end) = all(&mut client).await;
        // A `retry` field would change the client's delay for good.
        assert_eq!(messages, []);
        let frame = end.unwrap().unwrap();
        assert_eq!((u16::from(frame.code), &*frame.reason), (code, reason));
    }
    // No close code stands for such a status.
    let refused = connect_to(server.addr, "/odd", &[]).await.unwrap_err();
    assert_eq!(refused.status(), 503);

    // As many as may wait, none of which answers.
    let mut waiting = Vec::new();
    let begun = Instant::now();
    for _ in 0..256 {
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        let request = request(server.addr, "/full");
        tcp.write_all(request.as_bytes()).await.unwrap();
        assert!(read_head(&mut tcp).await.contains(" 101 "));
        waiting.push(tcp);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "too slow to tell");
    let (status, head) = answer(server.addr, &request(server.addr, "/full")).await;
    assert_eq!(status, 503);
    assert!(head.contains("retry-after: 5\r\n"), "{head}");
    let (status, _) = answer(server.addr, &request(server.addr, "/gone")).await;
    assert_eq!(status, 410);
    // Nor do they stay for long.
    for mut tcp in waiting {
        let mut bytes = Vec::new();
        soon(tcp.read_to_end(&mut bytes)).await.unwrap();
        assert!(bytes.ends_with(b"Retry-After: 5"), "{bytes:?}");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let (status, _) = answer(server.addr, &request(server.addr, "/gone")).await;
    assert_eq!(status, 101);
}
