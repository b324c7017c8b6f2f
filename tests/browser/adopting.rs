//! `from_web_sys` and `Adopter`.

use futures::{SinkExt, StreamExt};
use web_sys::WebSocket;
use wsio::{
    ErrorKind, WsMessage, WsState,
    browser::{Adopter, from_web_sys},
};

use crate::support::{SHORT, Server, drain, pause, test, unique};

#[test]
async fn c1_a_connecting_socket_can_be_adopted() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    let (meta, mut stream) = from_web_sys(socket).await.unwrap();
    assert_eq!(meta.ready_state(), WsState::Open);
    assert_eq!(meta.url(), server.url("/echo"));
    stream.send("adopted".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "adopted".into());
}

#[test]
async fn c1_an_open_socket_can_be_adopted() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    while socket.ready_state() == WebSocket::CONNECTING {
        pause(SHORT / 100).await;
    }
    // Its `binaryType` is still "blob", which would be unreadable.
    let (_meta, mut stream) = from_web_sys(socket).await.unwrap();
    stream.send(vec![1, 2].into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), vec![1, 2].into());
}

#[test]
async fn c1_a_closed_socket_cannot_be_adopted() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    socket.close().unwrap();
    let error = from_web_sys(socket).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOpen);
}

#[test]
async fn c1_a_socket_that_cannot_connect_is_an_error() {
    let socket = WebSocket::new("ws://127.0.0.1:1/").unwrap();
    let error = from_web_sys(socket).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert_eq!(error.close_event().unwrap().code, 1006);
}

#[test]
async fn f2_an_adopted_socket_keeps_to_its_receive_limit() {
    let server = Server::start().await;
    let url = server.url("/flood?bytes=1000000&chunk=10000");
    let adopter = Adopter::new().receive_limit(200_000);
    let (meta, mut stream) = adopter.adopt(WebSocket::new(&url).unwrap()).await.unwrap();
    // Nobody reads until the connection is over.
    meta.closed().await;
    let (messages, error) = drain(&mut stream).await;
    let bytes: usize = messages.iter().map(WsMessage::len).sum();
    assert!((100_000..=200_000).contains(&bytes), "{bytes}");
    assert_eq!(error.unwrap().kind(), ErrorKind::QueueFull);
}

#[test]
async fn f3_an_adopted_socket_keeps_to_its_message_size() {
    let server = Server::start().await;
    let adopter = Adopter::new().max_message_size(1000);
    let socket = WebSocket::new(&server.url("/huge?bytes=1001")).unwrap();
    let (_meta, mut stream) = adopter.adopt(socket).await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooBig);
}

#[test]
async fn c1_invalid_options_leave_the_socket_alone() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    let adopted = Adopter::new().receive_limit(0).adopt(socket.clone()).await;
    assert_eq!(adopted.unwrap_err().kind(), ErrorKind::InvalidOption);
    assert!(socket.onopen().is_none());
    assert_eq!(socket.ready_state(), WebSocket::CONNECTING);
    socket.close().unwrap();
}

#[test]
async fn c4_an_adopted_socket_that_never_opens_is_timed_out() {
    let server = Server::start().await;
    let url = server.url("/slow-handshake?ms=60000");
    let socket = WebSocket::new(&url).unwrap();
    let adopter = Adopter::new().connect_timeout(SHORT);
    let error = adopter.adopt(socket.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(socket.ready_state() >= WebSocket::CLOSING);
}

#[test]
async fn c2_dropping_detaches_every_handler() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    drop(from_web_sys(socket.clone()));
    let adopting = Box::pin(from_web_sys(socket.clone()));
    let adopting = futures::future::select(adopting, futures::future::ready(())).await;
    drop(adopting);
    assert!(socket.onopen().is_none());
    assert!(socket.onmessage().is_none());
    assert!(socket.onclose().is_none());
    assert!(socket.ready_state() >= WebSocket::CLOSING);
}

#[test]
async fn e6_the_end_detaches_every_handler() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    let (meta, stream) = from_web_sys(socket.clone()).await.unwrap();
    assert!(socket.onmessage().is_some());
    meta.close().await;
    assert!(socket.onmessage().is_none() && socket.onclose().is_none());
    drop(stream);

    // The same when the stream is dropped and nobody waits.
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    let (meta, stream) = from_web_sys(socket.clone()).await.unwrap();
    drop(stream);
    drop(meta);
    while socket.ready_state() != WebSocket::CLOSED {
        pause(SHORT / 100).await;
    }
    pause(SHORT / 10).await;
    assert!(socket.onmessage().is_none() && socket.onclose().is_none());
}

#[test]
async fn e3_a_silent_peer_leaves_no_handlers_behind() {
    let server = Server::start().await;
    let builder = server.builder("/silent").close_timeout(SHORT);
    let (meta, stream) = builder.connect().await.unwrap();
    drop(stream);
    assert!(!meta.closed().await.was_clean);
    assert_eq!(meta.ready_state(), WsState::Closed);
}

#[test]
async fn e2_a_blob_is_an_error_and_no_panic() {
    let server = Server::start().await;
    let socket = WebSocket::new(&server.url("/echo")).unwrap();
    let (_meta, mut stream) = from_web_sys(socket.clone()).await.unwrap();
    socket.set_binary_type(web_sys::BinaryType::Blob);
    stream.send("fine".into()).await.unwrap();
    stream.send(vec![1].into()).await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, ["fine".into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Protocol);
}

#[test]
async fn e2_an_error_does_not_wait_until_the_peer_has_closed() {
    let server = Server::start().await;
    let id = unique("e2-at-once");
    let socket = WebSocket::new(&server.url(&format!("/watch?id={id}"))).unwrap();
    let (meta, mut stream) = from_web_sys(socket.clone()).await.unwrap();
    socket.set_binary_type(web_sys::BinaryType::Blob);
    stream.send(vec![1].into()).await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(socket.ready_state(), WebSocket::CLOSING);
    assert_eq!(error.close_event(), Some(&meta.closed().await));
    assert!(stream.next().await.is_none());
    // The handshake goes on all the same.
    let seen = server.watched(&id).await;
    assert_eq!(
        (&seen["code"], &seen["clean"]),
        (&4400.into(), &true.into())
    );
}
