//! Many logs under one route, and what a client may ask for.
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/support/mod.rs"]
mod support;

use axum::Router;
use http::StatusCode;
use support::{
    feed::{BOTH, End, Transport, get, header, open, open_with},
    soon,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use wsio::sse::SseEvent;
use wsio_axum::{EventRoute, Running, Server};
use wsio_events::EventLogs;

async fn serving(logs: &EventLogs) -> Running {
    let route = EventRoute::new().replay(true).serve_logs(logs.clone());
    let routes = Router::new().route("/logs/{log}/events", route);
    let server = Server::builder().routes(routes);
    server.start("127.0.0.1:0").await.unwrap()
}

/// Returns the status with which a stream is refused, over either transport.
async fn refused(transport: Transport, server: &Running, route: &str) -> u16 {
    match transport {
        Transport::Http => {
            let response = get(server.addr, route, &[]).await;
            let headers = response.headers();
            let is_unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
            assert_eq!(header(headers, "retry-after").is_some(), is_unavailable);
            response.status().as_u16()
        }
        Transport::WebSocket => {
            let mut feed = open(transport, server.addr, route).await;
            match feed.rest().await.1 {
                End::Code(code) => code - 4000,
                end => panic!("{end:?}"),
            }
        }
    }
}

#[tokio::test]
async fn d6_the_path_names_the_log() {
    let logs = EventLogs::default();
    let server = serving(&logs).await;
    let names = [
        ("job-42", "job-42"),
        ("..%2Fetc%2Fpasswd", "../etc/passwd"),
        ("%00%0d%0a", "\0\r\n"),
        ("%7Ba%7D", "{a}"),
        ("%C3%BC", "ü"),
        ("+", "+"),
    ];
    for (n, (path, name)) in names.into_iter().enumerate() {
        let log = logs.open(name).await.unwrap();
        log.append(SseEvent::new(n.to_string())).await.unwrap();
        for transport in BOTH {
            let route = format!("/logs/{path}/events");
            let mut feed = open(transport, server.addr, &route).await;
            assert_eq!(feed.data(1).await, [n.to_string()]);
        }
    }
    assert_eq!(logs.len(), names.len());
}

#[tokio::test]
async fn d6_a_name_that_no_log_can_have_is_refused() {
    let logs = EventLogs::default();
    let server = serving(&logs).await;
    for transport in BOTH {
        let long = format!("/logs/{}/events", "x".repeat(256));
        assert_eq!(refused(transport, &server, &long).await, 400);
    }
    // Not UTF-8: refused before the log is looked for.
    let response = get(server.addr, "/logs/%ff/events", &[]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(logs.is_empty());
}

#[tokio::test]
async fn d6_one_log_too_many_is_refused_for_a_while() {
    let logs = EventLogs::default().max_logs(2);
    let server = serving(&logs).await;
    let mut used = Vec::new();
    for name in ["a", "b"] {
        let route = format!("/logs/{name}/events");
        let mut feed = open(Transport::Http, server.addr, &route).await;
        feed.item().await.unwrap();
        used.push(feed);
    }
    for transport in BOTH {
        assert_eq!(refused(transport, &server, "/logs/c/events").await, 503);
    }
    // A client that goes makes room for another.
    used.pop();
    while logs.open("c").await.is_err() {
        tokio::task::yield_now().await;
    }
    for transport in BOTH {
        let mut feed = open(transport, server.addr, "/logs/c/events").await;
        feed.item().await.unwrap();
    }
}

#[tokio::test]
async fn r7_whatever_a_client_says_is_its_last_id_it_is_told() {
    let logs = EventLogs::default();
    let server = serving(&logs).await;
    let log = logs.open("log").await.unwrap();
    log.append(SseEvent::new("kept")).await.unwrap();
    let newest = log.newest();
    let ids = [
        format!("{}-2", newest.epoch),
        "1-1".to_owned(),
        "rubbish".to_owned(),
        "x".repeat(30_000),
    ];
    for id in ids {
        for transport in BOTH {
            let route = format!("/logs/log/events?lastEventId={id}");
            let mut feed = open(transport, server.addr, &route).await;
            let told = feed.event().await.unwrap();
            assert_eq!(told.name, "lagged");
            assert!(told.data.len() < 200, "{}", told.data.len());
            assert_eq!(feed.data(1).await, ["kept"]);
        }
        let mut feed = open_with(
            Transport::Http,
            server.addr,
            "/logs/log/events",
            &[("last-event-id", &id)],
        )
        .await;
        assert_eq!(feed.event().await.unwrap().name, "lagged");
    }
}

/// HTTP refuses it before anybody looks at it.
#[tokio::test]
async fn r7_an_id_of_a_mebibyte_is_refused() {
    let logs = EventLogs::default();
    let server = serving(&logs).await;
    let id = "x".repeat(1 << 20);
    let (addr, route) = (server.addr, "/logs/log/events");
    let header = format!("GET {route} HTTP/1.1\r\nHost: {addr}\r\nLast-Event-ID: {id}\r\n\r\n");
    let query = format!("GET {route}?lastEventId={id} HTTP/1.1\r\nHost: {addr}\r\n\r\n");
    for (request, statuses) in [(header, [431, 431]), (query, [414, 431_u16])] {
        let (mut reader, mut writer) = TcpStream::connect(addr).await.unwrap().into_split();
        // The server may answer and go before it has read all of it.
        tokio::spawn(async move { writer.write_all(request.as_bytes()).await });
        let mut head = [0; 12];
        soon(reader.read_exact(&mut head)).await.unwrap();
        let status = str::from_utf8(&head[9..]).unwrap().parse().unwrap();
        assert!(statuses.contains(&status), "{status}");
    }
    assert!(logs.is_empty());
}
