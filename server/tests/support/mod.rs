//! A client that hides nothing: bare tokio-tungstenite, and bare TCP.
// Every test file uses a part of it.
#![allow(dead_code, unreachable_pub, clippy::expect_used)]

pub mod feed;

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::Router;
use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};
use wsio_axum::EventRoute;
use wsio_events::EventLog;
use wsio_server::{Running, Server};

/// Far more than anything here takes.
pub const LONG: Duration = Duration::from_secs(30);

pub type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub async fn server() -> Running {
    Server::start("127.0.0.1:0").await.expect("a free port")
}

/// A server that has to end by itself, or `soon` fails.
pub async fn patient() -> Running {
    let builder = Server::builder().grace(LONG * 2);
    builder.start("127.0.0.1:0").await.expect("a free port")
}

/// The same with a log of its own under `/log`.
pub async fn serving(route: EventRoute, log: &EventLog) -> Running {
    let routes = Router::new().route("/log", route.serve(log.clone()));
    let server = Server::builder().routes(routes).grace(LONG * 2);
    server.start("127.0.0.1:0").await.expect("a free port")
}

/// Fails instead of hanging.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("in time")
}

pub async fn connect(server: &Running, route: &str) -> Client {
    let url = format!("ws://{}{route}", server.addr);
    soon(connect_async(url)).await.expect("connects").0
}

/// Connects with headers of its own, or gives the answer that refused it.
pub async fn connect_with(
    server: &Running,
    route: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Client, http::Response<Option<Vec<u8>>>), http::Response<Option<Vec<u8>>>> {
    connect_to(server.addr, route, headers).await
}

/// The same with any server.
pub async fn connect_to(
    addr: SocketAddr,
    route: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Client, http::Response<Option<Vec<u8>>>), http::Response<Option<Vec<u8>>>> {
    let url = format!("ws://{addr}{route}");
    let mut request = url.into_client_request().expect("a URL");
    for (name, value) in headers {
        let value = value.parse().expect("a value");
        request.headers_mut().append(*name, value);
    }
    match soon(connect_async(request)).await {
        Ok(answer) => Ok(answer),
        Err(Error::Http(answer)) => Err(*answer),
        Err(error) => panic!("{error:?}"),
    }
}

/// The messages up to the end, and the end: the Close frame, or the error.
pub async fn all(client: &mut Client) -> (Vec<Message>, Result<Option<CloseFrame>, Error>) {
    let mut messages = Vec::new();
    loop {
        match soon(client.next()).await {
            Some(Ok(Message::Close(frame))) => return (messages, Ok(frame)),
            Some(Ok(message)) => messages.push(message),
            Some(Err(error)) => return (messages, Err(error)),
            None => panic!("an end without a reason"),
        }
    }
}

/// Sends a message, and gets the next one.
pub async fn ask(client: &mut Client, message: impl Into<Message>) -> Message {
    soon(client.send(message.into())).await.expect("sends");
    soon(client.next()).await.expect("open").expect("an answer")
}

/// Closes, and requires that the server answers.
pub async fn close(mut client: Client) {
    soon(client.close(None)).await.expect("sends");
    loop {
        match soon(client.next()).await {
            Some(Ok(Message::Close(_))) => break,
            Some(Ok(_)) => {}
            other => panic!("no answer to the Close: {other:?}"),
        }
    }
    // And then ends the TCP connection.
    assert!(soon(client.next()).await.is_none());
}

pub fn text(text: &str) -> Message {
    Message::text(text)
}

pub fn code(end: Result<Option<CloseFrame>, tungstenite::Error>) -> Option<u16> {
    end.expect("a Close frame").map(|frame| frame.code.into())
}

/// The head of a good request.
pub fn request(addr: SocketAddr, route: &str) -> String {
    format!(
        "GET {route} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// The status, the head and the beginning of the body of the answer to a raw request.
pub async fn answer(addr: SocketAddr, request: &str) -> (u16, String) {
    let mut tcp = TcpStream::connect(addr).await.expect("connects");
    tcp.write_all(request.as_bytes()).await.expect("sends");
    let head = read_head(&mut tcp).await;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    (status.expect("a status"), head.to_lowercase())
}

/// Reads up to the end of the head, and not a byte further.
pub async fn read_head(tcp: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(tcp.read_u8()).await.expect("a head"));
    }
    String::from_utf8(head).expect("UTF-8")
}

/// A connection that is open, as bytes.
pub async fn raw(server: &Running, route: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(server.addr).await.expect("connects");
    let request = request(server.addr, route);
    tcp.write_all(request.as_bytes()).await.expect("sends");
    let head = read_head(&mut tcp).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    tcp
}

/// A masked frame, as a client sends it; the mask is zero.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let head = [first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    [&head, payload].concat()
}
