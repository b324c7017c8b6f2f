//! Event streams over HTTP/1.1, byte by byte.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use axum::{Router, body::Body, middleware::map_response, response::Response};
use futures::TryStreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use wsio::sse::SseEvent;
use wsio_axum::{EventRoute, Running, Server};
use wsio_events::EventLog;

const SOON: Duration = Duration::from_secs(20);

struct Client(TcpStream);

impl Client {
    async fn get(server: &Running, rest: &str) -> Self {
        let mut tcp = TcpStream::connect(server.addr).await.unwrap();
        let head = format!("GET /log HTTP/1.1\r\nhost: {}\r\n{rest}\r\n", server.addr);
        tcp.write_all(head.as_bytes()).await.unwrap();
        Self(tcp)
    }

    /// Reads up to and including `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            let read = timeout(SOON, self.0.read_u8()).await.unwrap();
            bytes.push(read.unwrap_or_else(|_| panic!("ended: {}", bytes.escape_ascii())));
        }
        String::from_utf8(bytes).unwrap()
    }

    async fn rest(&mut self) -> String {
        let mut text = String::new();
        let read = timeout(SOON, self.0.read_to_string(&mut text)).await;
        read.unwrap().unwrap();
        text
    }
}

async fn start(router: Router) -> Running {
    Server::builder()
        .routes(router)
        .start("127.0.0.1:0")
        .await
        .unwrap()
}

fn route(log: &EventLog) -> Router {
    Router::new().route("/log", EventRoute::new().heartbeat(None).serve(log.clone()))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

#[tokio::test]
async fn d7_a_stream_is_written_in_chunks_and_ends_with_the_log() {
    let log = EventLog::default();
    let place = log.newest();
    let server = start(route(&log)).await;
    let mut client = Client::get(&server, "").await;
    let head = client.until("\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(
        head.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    let begin = chunk(&format!("id: {place}\n\n"));
    assert_eq!(client.until("\n\n\r\n").await, begin);
    for data in ["one".to_owned(), "x".repeat(100_000), "three".to_owned()] {
        let id = log.append(SseEvent::new(data.as_str())).await.unwrap();
        let expected = chunk(&format!("id: {id}\ndata: {data}\n\n"));
        assert_eq!(client.until("\n\n\r\n").await, expected);
    }
    let end = log.end().await.unwrap();
    let rest = client.rest().await;
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}, {end}");
    assert_eq!(log.subscribers(), 0);
}

#[tokio::test]
async fn d7_a_client_may_send_more_and_end_its_sending_side() {
    let log = EventLog::default();
    let server = start(route(&log)).await;
    let mut client = Client::get(&server, "").await;
    client.until("\n\n\r\n").await;
    client.0.write_all(&[b'x'; 1000]).await.unwrap();
    client.0.shutdown().await.unwrap();
    assert_eq!(client.until(":\n\n\r\n").await, chunk(":\n\n"));
    let id = log.append(SseEvent::new("one")).await.unwrap();
    let event = chunk(&format!("id: {id}\ndata: one\n\n"));
    assert!(client.until("one\n\n\r\n").await.ends_with(&event));
}

/// The client of an event stream has nothing to say: a flood is not read to its end.
#[tokio::test]
async fn f7_a_client_that_sends_without_end_is_held_back() {
    let log = EventLog::default();
    let server = start(route(&log)).await;
    let mut client = Client::get(&server, "").await;
    client.until("\n\n\r\n").await;
    let flood = vec![b'x'; 1 << 20];
    let mut sent = 0;
    // Until the server takes nothing more.
    while let Ok(written) = timeout(Duration::from_secs(1), client.0.write(&flood)).await {
        sent += written.unwrap();
        assert!(sent < 64 << 20, "all of a flood is read");
    }
    let id = log.append(SseEvent::new("one")).await.unwrap();
    let event = chunk(&format!("id: {id}\ndata: one\n\n"));
    assert_eq!(client.until("one\n\n\r\n").await, event);
}

#[tokio::test]
async fn f5_a_client_that_has_gone_is_noticed_without_an_event() {
    let log = EventLog::default();
    let server = start(route(&log)).await;
    let mut client = Client::get(&server, "").await;
    client.until("\n\n\r\n").await;
    assert_eq!(log.subscribers(), 1);
    drop(client);
    let gone = async {
        while log.subscribers() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, gone).await.unwrap();
}

#[tokio::test]
async fn d7_a_layer_that_changes_the_body_is_not_passed_over() {
    let log = EventLog::default();
    let louder = map_response(|response: Response| async {
        response.map(|body| {
            let bytes = body.into_data_stream();
            Body::from_stream(bytes.map_ok(|bytes| bytes.to_ascii_uppercase()))
        })
    });
    let server = start(route(&log).layer(louder)).await;
    let mut client = Client::get(&server, "").await;
    client.until("\n\n\r\n").await;
    let id = log.append(SseEvent::new("one")).await.unwrap();
    let event = chunk(&format!("ID: {id}\nDATA: ONE\n\n"));
    assert_eq!(client.until("\n\n\r\n").await, event);
    log.end().await.unwrap();
    let mut last = client.until("0\r\n\r\n").await;
    last.truncate(2);
    // HTTP goes on with the connection.
    client
        .0
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}, {last}");
}
