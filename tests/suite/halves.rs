//! Owned halves, and the ways in and out of bytes.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use wsio::{ErrorKind, WsEvent, WsState};

use crate::support::{Server, drain, test};

#[test]
async fn b6_halves_of_messages_work_apart() {
    let server = Server::start().await;
    let (meta, stream) = server.connect("/echo").await;
    let (mut sender, mut receiver) = stream.split();
    // futures' own sink half would keep the last one until it is flushed or closed.
    sender.feed("one".into()).await.unwrap();
    sender.send("two".into()).await.unwrap();
    assert_eq!(receiver.next().await.unwrap().unwrap(), "one".into());
    assert_eq!(receiver.next().await.unwrap().unwrap(), "two".into());
    assert_eq!(sender.meta().url(), receiver.meta().url());
    drop(sender);
    assert_eq!(meta.ready_state(), WsState::Open);
    drop(receiver);
    assert!(meta.closed().await.was_clean || meta.ready_state() == WsState::Closed);
}

#[test]
async fn b6_a_sender_goes_on_without_its_receiver() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo").await;
    let (mut sender, receiver) = stream.split();
    drop(receiver);
    // More than would fit between the two ends.
    for _ in 0..64 {
        sender.send(vec![7; 64 * 1024].into()).await.unwrap();
    }
    sender.close().await.unwrap();
    let error = sender.send("late".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOpen);
}

#[test]
async fn b6_halves_of_bytes_work_apart() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let (reader, mut writer) = stream.into_io().split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"hello\nwor").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "hello");
    writer.write_all(b"ld\n").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "world");
    assert_eq!(writer.meta().ready_state(), WsState::Open);
}

#[test]
async fn b1_the_way_back_to_messages_loses_nothing() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/echo").await;
    stream.send("first".into()).await.unwrap();
    stream.send("second".into()).await.unwrap();
    let mut io = stream.into_io();
    let mut two = [0; 2];
    io.read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"fi");
    let mut stream = io.into_inner();
    assert_eq!(stream.next().await.unwrap().unwrap(), b"rst"[..].into());
    assert_eq!(stream.next().await.unwrap().unwrap(), "second".into());
    // It is not gone, and between two messages there is no rest.
    stream.send("third".into()).await.unwrap();
    let mut stream = stream.into_io().into_inner();
    assert_eq!(stream.next().await.unwrap().unwrap(), "third".into());
}

#[test]
async fn b1_the_way_back_to_messages_keeps_the_end() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/close?code=4001&after=1").await;
    let mut io = stream.into_io();
    assert!(!io.fill_buf().await.unwrap().is_empty());
    let (messages, error) = drain(&mut io.into_inner()).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(error.unwrap().close_event().unwrap().code, 4001);
}

#[test]
async fn e8_events_come_as_a_plain_stream() {
    let server = Server::start().await;
    let (meta, _stream) = server.connect("/echo").await;
    let events = meta.events();
    meta.close_code(1000).await.unwrap();
    let events: Vec<_> = events.collect().await;
    assert!(
        matches!(
            &events[..],
            [WsEvent::Open, WsEvent::Closing, WsEvent::Closed(_)]
        ),
        "{events:?}"
    );
    let late: Vec<_> = meta.events().collect().await;
    assert!(matches!(&late[..], [WsEvent::Closed(_)]), "{late:?}");
}

#[test]
async fn c1_one_line_connects() {
    let server = Server::start().await;
    let (meta, mut stream) = wsio::connect(server.url("/echo")).await.unwrap();
    assert_eq!(meta.protocol(), None);
    stream.send("hello".into()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), "hello".into());
}
