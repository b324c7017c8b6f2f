//! WebSockets and event streams over HTTP/2 (RFC 8441).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::any};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use wsio::sse::SseEvent;
use wsio_axum::{EventRoute, Running, Server, WsUpgrade};
use wsio_events::EventLog;

type Client = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Fails instead of hanging.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    let long = Duration::from_secs(30);
    tokio::time::timeout(long, future).await.expect("in time")
}

fn routes(log: &EventLog) -> Router {
    let echo = async |upgrade: WsUpgrade| {
        let upgrade = upgrade.protocols(["chat.v2", "chat.v1"]);
        upgrade.on_upgrade(async |meta, mut stream| {
            stream.send(meta.url().to_string().into()).await.unwrap();
            while let Some(Ok(message)) = stream.next().await {
                stream.send(message).await.unwrap();
            }
        })
    };
    Router::new()
        .route("/echo", any(echo))
        .route("/events", EventRoute::new().serve(log.clone()))
}

/// A server of axum's own.
async fn axum_server(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    addr
}

async fn server(routes: Router) -> Running {
    let builder = Server::builder().routes(routes);
    builder.start("127.0.0.1:0").await.unwrap()
}

async fn send(addr: SocketAddr, request: Request<Empty<Bytes>>) -> Response<Incoming> {
    let tcp = TcpStream::connect(addr).await.unwrap();
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(tcp));
    let (mut requests, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    soon(requests.ready()).await.unwrap();
    soon(requests.send_request(request)).await.unwrap()
}

fn request(addr: SocketAddr, method: Method, route: &str) -> Request<Empty<Bytes>> {
    Request::builder()
        .method(method)
        .version(Version::HTTP_2)
        .uri(format!("http://{addr}{route}"))
        .body(Empty::new())
        .unwrap()
}

/// A request for a WebSocket.
fn extended(addr: SocketAddr, route: &str) -> Request<Empty<Bytes>> {
    let mut request = request(addr, Method::CONNECT, route);
    let protocol = Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let headers = request.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_VERSION, "13".parse().unwrap());
    headers.insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        "chat.v1, chat.v2".parse().unwrap(),
    );
    request
}

async fn connect(addr: SocketAddr, route: &str) -> (HeaderMap, Client) {
    let mut response = send(addr, extended(addr, route)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let upgraded = soon(hyper::upgrade::on(&mut response)).await.unwrap();
    let io = TokioIo::new(upgraded);
    let client = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    (response.headers().clone(), client)
}

async fn next(client: &mut Client) -> Message {
    soon(client.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn c7_a_websocket_over_http2_is_accepted() {
    let running = server(routes(&EventLog::default())).await;
    for addr in [
        running.addr,
        axum_server(routes(&EventLog::default())).await,
    ] {
        let (headers, mut client) = connect(addr, "/echo?room=1").await;
        assert_eq!(headers[header::SEC_WEBSOCKET_PROTOCOL], "chat.v1");
        for absent in [
            header::CONNECTION,
            header::UPGRADE,
            header::SEC_WEBSOCKET_ACCEPT,
        ] {
            assert!(!headers.contains_key(&absent), "{absent}");
        }
        let Message::Text(url) = next(&mut client).await else {
            panic!("no URL");
        };
        assert!(url.ends_with("/echo?room=1"), "{url}");
        for message in [Message::text("hello"), Message::binary(vec![7; 300_000])] {
            client.send(message.clone()).await.unwrap();
            assert_eq!(next(&mut client).await, message);
        }
        client.close(None).await.unwrap();
        assert!(next(&mut client).await.is_close());
        assert!(soon(client.next()).await.is_none());
    }
}

#[tokio::test]
async fn c7_an_event_stream_over_http2_is_served_over_either_transport() {
    let log = EventLog::default();
    let running = server(routes(&log)).await;
    for addr in [running.addr, axum_server(routes(&log)).await] {
        let (_, mut client) = connect(addr, "/events").await;
        let place = next(&mut client).await.into_data();
        assert!(place.starts_with(b"id: "), "{place:?}");
        log.append(SseEvent::new("over WebSocket")).await.unwrap();
        let event = next(&mut client).await.into_data();
        assert!(event.ends_with(b"data: over WebSocket\n\n"), "{event:?}");

        let response = send(addr, request(addr, Method::GET, "/events")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let place = soon(body.frame()).await.unwrap().unwrap();
        assert!(place.into_data().unwrap().starts_with(b"id: "));
    }
}

#[tokio::test]
async fn c7_what_is_no_websocket_over_http2_is_refused() {
    let log = EventLog::default();
    let running = server(routes(&log)).await;
    let addr = running.addr;
    let get = request(addr, Method::GET, "/echo");
    let mut other = extended(addr, "/echo");
    let protocol = Protocol::from_static("connect-udp");
    other.extensions_mut().insert(protocol);
    let mut version = extended(addr, "/echo");
    version.headers_mut().remove(header::SEC_WEBSOCKET_VERSION);
    let cases = [(get, 405), (other, 501), (version, 400)];
    for (request, status) in cases {
        let response = send(addr, request).await;
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key(header::UPGRADE));
    }
}

#[tokio::test]
async fn c7_a_shutdown_closes_websockets_over_http2_with_1001() {
    let server = server(routes(&EventLog::default())).await;
    let (_, mut echo) = connect(server.addr, "/echo").await;
    assert!(next(&mut echo).await.is_text());
    let (_, mut events) = connect(server.addr, "/events").await;
    assert!(next(&mut events).await.is_binary());
    let closed = async {
        for client in [&mut echo, &mut events] {
            match next(client).await {
                Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
                other => panic!("{other:?}"),
            }
            assert!(soon(client.next()).await.is_none());
        }
    };
    soon(async { tokio::join!(closed, server.shutdown()) }).await;
}
