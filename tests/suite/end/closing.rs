//! E3, E6, E7. Closing, and dropping.

use std::pin::pin;

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate, join};
use wsio::{
    ErrorKind, WsState,
    pharos::{Channel, Observable, ObserveConfig},
};

use super::assert_clean;
use crate::support::{SHORT, Server, drain, pause, test, unique};

#[test]
async fn e3_close_resolves_with_the_stream_not_polled() {
    let server = Server::start().await;
    let (meta, stream) = server.connect("/echo").await;
    assert_clean(&meta.close_code(4000).await.unwrap(), 4000, "");
    assert_eq!(meta.ready_state(), WsState::Closed);
    drop(stream);
}

#[test]
async fn e3_close_resolves_with_unread_messages() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/early?n=10").await;
    assert_eq!(meta.close_code(1000).await.unwrap().code, 1000);
    // How many of them arrived in time depends: a browser drops what arrives after `close`.
    let (messages, error) = drain(&mut stream).await;
    assert!(messages.len() <= 10);
    assert!(error.is_none());
}

#[test]
async fn e3_close_resolves_with_the_stream_polled_elsewhere() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/echo").await;
    let ((messages, error), closed) = join!(drain(&mut stream), meta.close());
    assert!(messages.is_empty() && error.is_none());
    assert!(closed.was_clean);
}

#[test]
async fn e3_close_resolves_with_the_stream_split() {
    let server = Server::start().await;
    let (meta, stream) = server.connect("/echo").await;
    let (mut sink, mut stream) = stream.split();
    sink.send("one".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "one".into());
    let reading = async { stream.next().await.is_none() };
    let writing = async {
        // Waits for ever on an open connection that nothing is sent over.
        let closed = meta.clone();
        closed.closed().await
    };
    let (ended, seen, closed) = join!(reading, writing, meta.close_code(1000));
    assert!(ended);
    assert_eq!(Ok(seen), closed.map_err(drop));
    assert!(sink.send("two".into()).await.is_err());
}

#[test]
async fn e3_close_resolves_with_the_stream_dropped() {
    let server = Server::start().await;
    let (meta, stream) = server.connect("/echo").await;
    drop(stream);
    meta.close().await;
    assert_eq!(meta.ready_state(), WsState::Closed);

    // Dropped while close is waiting.
    let (meta, stream) = server.connect("/echo").await;
    let mut closing = pin!(meta.close_code(4001).map(Result::unwrap));
    assert!(poll_immediate(&mut closing).await.is_none());
    drop(stream);
    assert_clean(&closing.await, 4001, "");
}

#[test]
async fn e3_close_resolves_with_a_peer_that_does_not_answer() {
    let server = Server::start().await;
    let builder = server.builder("/silent").close_timeout(SHORT);
    let (meta, mut stream) = builder.connect().await.unwrap();
    let closed = meta.close_code(1000).await.unwrap();
    assert_eq!(
        (closed.code, closed.was_clean),
        (wsio::CloseCode::ABNORMAL, false)
    );
    let (_, error) = drain(&mut stream).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
    assert_eq!(meta.close().await, closed);
}

#[test]
async fn e3_close_resolves_with_a_peer_that_never_reads() {
    let server = Server::start().await;
    let builder = server.builder("/stall").close_timeout(SHORT);
    let (meta, mut stream) = builder.connect().await.unwrap();
    // More than the sockets' buffers hold, so that the Close frame cannot go out.
    let message = vec![0; 1 << 20];
    while let Some(sent) = poll_immediate(stream.feed(message.clone().into())).await {
        sent.unwrap();
    }
    let closed = meta.close().await;
    assert!(!closed.was_clean);
}

#[test]
async fn e3_close_resolves_with_an_observer_that_is_never_read() {
    let server = Server::start().await;
    let (mut meta, stream) = server.connect("/echo").await;
    let _unread = meta.observe(Channel::Bounded(1).into()).await.unwrap();
    let _unread_too = meta.observe(ObserveConfig::default()).await.unwrap();
    assert!(meta.close().await.was_clean);
    drop(stream);
}

#[test]
async fn e3_closing_again_gives_the_same_end() {
    let server = Server::start().await;
    let (meta, _stream) = server.connect("/echo").await;
    let (first, second, third) = join!(
        meta.close_reason(4321, "first"),
        meta.close_reason(4322, "second"),
        meta.closed(),
    );
    assert_clean(first.as_ref().unwrap(), 4321, "first");
    assert_clean(&second.unwrap(), 4321, "first");
    assert_clean(&third, 4321, "first");
    assert_clean(&meta.close().await, 4321, "first");
    assert_clean(&meta.close_code(1000).await.unwrap(), 4321, "first");
}

#[test]
async fn e3_closed_waits_without_closing() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/echo").await;
    let mut closed = pin!(meta.closed());
    assert!(poll_immediate(&mut closed).await.is_none());
    pause(SHORT).await;
    assert!(poll_immediate(&mut closed).await.is_none());
    assert_eq!(meta.ready_state(), WsState::Open);
    // And does not take messages away from the stream.
    stream.send("still here".into()).await.unwrap();
    pause(SHORT).await;
    assert!(poll_immediate(&mut closed).await.is_none());
    assert_eq!(stream.next().await.unwrap().unwrap(), "still here".into());
}

#[test]
async fn e3_closed_sees_the_end_that_nobody_reads() {
    let server = Server::start().await;
    let (meta, stream) = server.connect("/close?code=4100&after=3").await;
    assert_clean(&meta.closed().await, 4100, "");
    let mut stream = stream;
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages.len(), 3);
    assert_eq!(error.unwrap().kind(), ErrorKind::Closed);
}

#[test]
async fn e6_dropping_the_stream_closes_the_connection() {
    let server = Server::start().await;
    let id = unique("e6");
    let (meta, mut stream) = server.connect(&format!("/watch?id={id}")).await;
    stream.send("one".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "one".into());
    drop(stream);
    let seen = server.watched(&id).await;
    assert_eq!(seen["messages"], 1);
    assert_eq!(seen["clean"], true, "the Close frame was sent: {seen}");
    meta.closed().await;
    assert_eq!(meta.ready_state(), WsState::Closed);
}

#[test]
async fn e6_dropping_the_handle_does_nothing() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/echo").await;
    drop(meta);
    stream.send("still here".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "still here".into());
    assert_eq!(stream.meta().ready_state(), WsState::Open);
}

#[test]
async fn e7_an_invalid_close_leaves_the_connection_open() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/echo").await;
    for code in [0, 500, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let error = meta.close_code(code).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidCloseCode, "{code}");
    }
    let error = meta.close_reason(1000, "x".repeat(124)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReasonTooLong);
    // Bytes count, not characters.
    let error = meta.close_reason(1000, "ü".repeat(62)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReasonTooLong);

    assert_eq!(meta.ready_state(), WsState::Open);
    stream.send("open".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "open".into());

    let reason = "x".repeat(123);
    let closed = meta.close_reason(4999, &reason).await.unwrap();
    assert_clean(&closed, 4999, &reason);
}
