//! Subscribers that stop reading, or say that they will send no more.
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use axum::Router;
use http::StatusCode;
use support::{
    LONG, answer,
    feed::{BOTH, Transport, begin, get},
    read_head, request, soon,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wsio::sse::SseEvent;
use wsio_axum::{EventRoute, Running, Server};
use wsio_events::{EventLog, Limits};

fn log() -> EventLog {
    EventLog::new(Limits::new().bytes(4 << 20))
}

fn routes(route: EventRoute, log: &EventLog) -> Router {
    Router::new().route("/log", route.serve(log.clone()))
}

async fn server(route: EventRoute, log: &EventLog) -> Running {
    let server = Server::builder().routes(routes(route, log)).grace(LONG * 2);
    server.start("127.0.0.1:0").await.unwrap()
}

/// Asks for the stream, and reads the head of the answer and nothing more.
async fn subscribe(addr: std::net::SocketAddr, transport: Transport) -> TcpStream {
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let request = match transport {
        Transport::Http => format!("GET /log HTTP/1.1\r\nHost: {addr}\r\n\r\n"),
        Transport::WebSocket => request(addr, "/log"),
    };
    tcp.write_all(request.as_bytes()).await.unwrap();
    read_head(&mut tcp).await;
    tcp
}

/// Appends until the buffers of everybody who does not read are full.
async fn flood(log: &EventLog) {
    let large = "x".repeat(256 << 10);
    for _ in 0..64 {
        log.append(SseEvent::new(&*large)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn until(condition: impl Fn() -> bool) {
    let looking = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(looking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_a_subscriber_that_does_not_read_is_dropped_and_its_slot_is_free() {
    for transport in BOTH {
        let log = log();
        let route = EventRoute::new().max_subscribers(3);
        let route = route.write_timeout(Duration::from_millis(400));
        let server = server(route, &log).await;
        let mut stalled = Vec::new();
        for _ in 0..2 {
            stalled.push(subscribe(server.addr, transport).await);
        }
        let mut reading = begin(transport, server.addr, "/log").await;
        let read = tokio::spawn(async move {
            while let Ok(event) = reading.event().await {
                if event.data == "last" {
                    return reading;
                }
            }
            panic!("one that reads is dropped");
        });
        assert_eq!(log.subscribers(), 3);
        flood(&log).await;
        until(|| log.subscribers() == 1).await;
        log.append(SseEvent::new("last")).await.unwrap();
        let _reading = soon(read).await.unwrap();
        let response = get(server.addr, "/log", &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        // The connections are gone, too: behind what the system holds there is an end.
        for mut tcp in stalled {
            let mut bytes = Vec::new();
            let _ = soon(tcp.read_to_end(&mut bytes)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f5_in_any_application_a_slot_is_freed() {
    let log = log();
    let route = EventRoute::new().write_timeout(Duration::from_millis(400));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = routes(route, &log);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let _stalled = [
        subscribe(addr, Transport::Http).await,
        subscribe(addr, Transport::WebSocket).await,
    ];
    until(|| log.subscribers() == 2).await;
    flood(&log).await;
    until(|| log.subscribers() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_a_shutdown_does_not_wait_for_subscribers_that_do_not_read() {
    use Transport::{Http, WebSocket};
    for transports in [[Http, Http], [WebSocket, WebSocket], [Http, WebSocket]] {
        let log = log();
        let server = server(EventRoute::new(), &log).await;
        let mut stalled = Vec::new();
        for transport in transports {
            stalled.push(subscribe(server.addr, transport).await);
        }
        flood(&log).await;
        let begun = Instant::now();
        soon(server.shutdown()).await;
        let taken = begun.elapsed();
        assert!(taken < Duration::from_secs(4), "{transports:?} {taken:?}");
    }
}

#[tokio::test]
async fn r7_a_client_that_ends_its_sending_side_gets_its_stream() {
    let log = log();
    // A client that had ended its sending side, and goes, shows only by what is sent to it.
    let route = EventRoute::new().heartbeat(Duration::from_millis(200));
    let server = server(route, &log).await;
    for slowly in [false, true] {
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        let request = format!("GET /log HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
        tcp.write_all(request.as_bytes()).await.unwrap();
        if slowly {
            read_head(&mut tcp).await;
            tcp.shutdown().await.unwrap();
        } else {
            tcp.shutdown().await.unwrap();
            read_head(&mut tcp).await;
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
        log.append(SseEvent::new("still here")).await.unwrap();
        let mut text = String::new();
        while !text.contains("data: still here\n\n") {
            let mut bytes = [0; 1024];
            let len = soon(tcp.read(&mut bytes)).await.unwrap();
            assert!(len > 0, "cut off after {text:?}");
            text += str::from_utf8(&bytes[..len]).unwrap();
        }
        // And when it has gone altogether, it does not keep its slot.
        drop(tcp);
        until(|| log.subscribers() == 0).await;
    }
}

#[tokio::test]
async fn r5_the_answer_to_http_1_0_says_that_the_connection_closes() {
    let log = log();
    let server = server(EventRoute::new(), &log).await;
    let request = "GET /log HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let (status, head) = answer(server.addr, request).await;
    assert_eq!(status, 200);
    assert!(head.contains("connection: close\r\n"), "{head}");
    assert!(!head.contains("keep-alive"), "{head}");
}
