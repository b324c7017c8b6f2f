//! E4, E5. What was sent before the end, and after it.

use std::{error::Error as _, pin::pin};

use futures::{SinkExt, future::poll_immediate};
use tokio::io::AsyncWriteExt;
use wsio::{ErrorKind, WsState};

use super::assert_clean;
use crate::support::{SHORT, Server, drain, test, unique};

#[test]
async fn e4_what_was_accepted_before_a_close_goes_out_before_it() {
    let server = Server::start().await;
    let id = unique("e4");
    let (meta, mut stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    for _ in 0..64 {
        stream.feed(vec![7; 16 * 1024].into()).await.unwrap();
    }
    meta.close_code(1000).await.unwrap();
    let seen = server.watched(&id).await;
    assert_eq!(seen["messages"], 64);
    assert_eq!(seen["bytes"], 64 * 16 * 1024);
    assert_eq!(seen["code"], 1000);
}

#[test]
async fn e4_what_the_peer_sent_before_its_close_can_be_read_after_it() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/close?code=1000&after=50").await;
    meta.closed().await;
    assert_eq!(meta.ready_state(), WsState::Closed);
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages.len(), 50);
    assert!(error.is_none());
}

#[test]
async fn e5_sending_after_the_end_is_an_error() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/echo").await;
    meta.close_code(1000).await.unwrap();
    for _ in 0..2 {
        let error = stream.send("late".into()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotOpen);
        assert_clean(error.close_event().unwrap(), 1000, "");
    }
    let mut io = stream.into_io();
    let error = io.write_all(b"late").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
async fn e5_sending_while_closing_is_an_error() {
    let server = Server::start().await;
    let builder = server.builder("/silent").close_timeout(SHORT);
    let (meta, mut stream) = builder.connect().await.unwrap();
    let mut closing = pin!(meta.close());
    assert!(poll_immediate(&mut closing).await.is_none());
    assert_eq!(meta.ready_state(), WsState::Closing);
    let error = stream.send("late".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOpen);
    closing.await;
}

#[test]
async fn e5_sending_after_the_peer_closed_is_an_error_that_tells_the_end() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/close?code=4002&reason=enough").await;
    let (_, error) = drain(&mut stream).await;
    assert!(error.is_some());
    let error = stream.send("late".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOpen);
    assert_clean(error.close_event().unwrap(), 4002, "enough");
    assert!(error.source().is_some());
}
