//! F. Flow control, limits, liveness.

use futures::{SinkExt, StreamExt, future::poll_immediate};
use tokio::io::AsyncReadExt;
use wsio::ErrorKind;

use crate::support::{SHORT, Server, drain, pattern, test, unique};

#[test]
async fn f1_a_sender_is_held_back_and_loses_nothing() {
    let server = Server::start().await;
    let builder = server.builder("/stall").high_water_mark(256 * 1024);
    let builder = builder.close_timeout(SHORT);
    let (meta, mut stream) = builder.connect().await.unwrap();
    let message = vec![0; 64 * 1024];
    let mut accepted = 0;
    // A peer that never reads: what the system's buffers take is bounded, and so is what we do.
    while poll_immediate(stream.send(message.clone().into()))
        .await
        .is_some()
    {
        accepted += message.len();
        assert!(accepted < 256 << 20, "nothing holds the sender back");
    }
    assert!(meta.buffered_amount() <= 256 * 1024 + message.len() + 64);
    meta.close().await;
}

#[test]
async fn f1_a_sender_that_was_held_back_goes_on() {
    let server = Server::start().await;
    let builder = server.builder("/sink").high_water_mark(128 * 1024);
    let (_meta, mut stream) = builder.connect().await.unwrap();
    let message = vec![5; 100_000];
    for _ in 0..200 {
        stream.send(message.clone().into()).await.unwrap();
    }
    stream.send("done".into()).await.unwrap();
    let answer = stream.next().await.unwrap().unwrap();
    let answer: serde_json::Value = serde_json::from_str(answer.as_text().unwrap()).unwrap();
    assert_eq!(answer["bytes"], 20_000_000);
    assert_eq!(answer["messages"], 200);
}

#[test]
async fn f3_a_message_over_the_limit_is_an_error_and_closes() {
    let server = Server::start().await;
    let builder = server
        .builder("/huge?bytes=100001")
        .max_message_size(100_000);
    let (meta, mut stream) = builder.connect().await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert!(messages.is_empty());
    assert_eq!(error.unwrap().kind(), ErrorKind::MessageTooBig);
    assert!(!meta.closed().await.was_clean);

    let builder = server
        .builder("/huge?bytes=100000")
        .max_message_size(100_000);
    let (_meta, mut stream) = builder.connect().await.unwrap();
    let message = stream.next().await.unwrap().unwrap();
    assert_eq!(message.len(), 100_000);
}

#[test]
async fn f3_the_peer_is_told_of_a_message_over_the_limit() {
    let server = Server::start().await;
    let id = unique("f3");
    let builder = server.builder(&format!("/watch?id={id}"));
    let (_meta, mut stream) = builder.max_message_size(1000).connect().await.unwrap();
    stream.send(vec![0; 1000].into()).await.unwrap();
    stream.send(vec![0; 1001].into()).await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages.len(), 1);
    let error = std::io::Error::from(error.unwrap());
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let code = server.watched(&id).await["code"].as_u64();
    assert!(code == Some(1009) || code == Some(4413), "{code:?}");
}

#[test]
async fn f3_a_stream_of_bytes_arrives_whole() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/flood?bytes=20000000&chunk=70000").await;
    let mut io = stream.into_io();
    let mut buf = vec![0; 100_000];
    let mut offset = 0;
    loop {
        let len = io.read(&mut buf).await.unwrap();
        if len == 0 {
            break;
        }
        for (index, byte) in buf[..len].iter().enumerate() {
            assert_eq!(*byte, pattern(offset + index));
        }
        offset += len;
    }
    assert_eq!(offset, 20_000_000);
}

#[test]
async fn f5_a_silent_peer_is_noticed() {
    let server = Server::start().await;
    let builder = server.builder("/silent").idle_timeout(SHORT);
    let (meta, mut stream) = builder.connect().await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert!(messages.is_empty());
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
    assert_eq!(meta.closed().await.code, 1006);
}

#[test]
async fn f5_traffic_keeps_a_connection_alive() {
    let server = Server::start().await;
    let text = "x".repeat(20);
    let route = format!("/slow?text={text}&interval_ms=50");
    let builder = server.builder(&route).idle_timeout(SHORT * 2);
    let (_meta, stream) = builder.connect().await.unwrap();
    let mut read = String::new();
    stream.into_io().read_to_string(&mut read).await.unwrap();
    assert_eq!(read, text);
}
