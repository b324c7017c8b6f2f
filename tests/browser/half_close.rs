//! E9: a browser drops the messages that arrive after the page's own close.

use futures::{SinkExt, StreamExt, future::join};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsio::{
    CloseEvent, Error, ErrorKind, WsEvent, WsMeta, WsState, WsStream,
    browser::Transport,
    pharos::{Observable, ObserveConfig},
};

use crate::support::{Server, drain, pattern, pause, test, transports};

async fn connect(transport: Transport, route: &str) -> (WsMeta, WsStream) {
    let builder = Server::start().await.builder(route).transport(transport);
    builder.connect().await.unwrap()
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(pattern).collect()
}

/// An answer that is a part of what was sent, and the error behind it.
fn assert_truncated(read: &[u8], error: &std::io::Error, sent: &[u8]) {
    assert!(sent.starts_with(read), "{} of {}", read.len(), sent.len());
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let error: &Error = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(error.kind(), ErrorKind::Truncated);
    assert!(error.close_event().is_some_and(|event| event.was_clean));
}

#[test]
async fn e9_an_answer_cut_short_by_shutdown_does_not_look_complete() {
    for transport in transports() {
        for count in [100, 200_000, 4_000_000] {
            let (meta, stream) = connect(transport, "/echo-bytes").await;
            let (mut io, sent, mut read) = (stream.into_io(), bytes(count), Vec::new());
            io.write_all(&sent).await.unwrap();
            io.shutdown().await.unwrap();
            let error = io.read_to_end(&mut read).await.unwrap_err();
            assert_truncated(&read, &error, &sent);
            assert!(meta.closed().await.was_clean);
            assert_eq!(io.read(&mut [0; 4]).await.unwrap(), 0);
        }
    }
}

#[test]
async fn e9_nor_with_a_reader_that_reads_meanwhile() {
    for transport in transports() {
        for count in [200_000, 4_000_000] {
            let (_meta, stream) = connect(transport, "/echo-bytes").await;
            let (mut reader, mut writer) = tokio::io::split(stream.into_io());
            let (sent, mut read) = (bytes(count), Vec::new());
            let writing = async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let (answer, ()) = join(reader.read_to_end(&mut read), writing).await;
            assert_truncated(&read, &answer.unwrap_err(), &sent);
        }
    }
}

#[test]
async fn e9_nor_one_cut_short_by_closing_the_sink() {
    for transport in transports() {
        let (mut meta, mut stream) = connect(transport, "/echo").await;
        let events = meta.observe(ObserveConfig::default()).await.unwrap();
        for n in 0..100 {
            stream.feed(n.to_string().into()).await.unwrap();
        }
        stream.close().await.unwrap();
        let (messages, error) = drain(&mut stream).await;
        for (n, message) in messages.iter().enumerate() {
            assert_eq!(message, &n.to_string().into());
        }
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Truncated);
        assert!(error.to_string().contains("browser"), "{error}");
        // The connection itself ended well.
        let closed = meta.closed().await;
        assert_eq!(error.close_event(), Some(&closed));
        assert!(closed.is_success());
        let events: Vec<WsEvent> = events.collect().await;
        assert!(matches!(
            events[..],
            [WsEvent::Open, WsEvent::Closing, WsEvent::Closed(_)]
        ));
    }
}

#[test]
async fn e9_close_says_that_the_rest_is_not_wanted() {
    for transport in transports() {
        let (meta, stream) = connect(transport, "/echo-bytes").await;
        let mut io = stream.into_io();
        io.write_all(&bytes(200_000)).await.unwrap();
        assert!(meta.close().await.was_clean);
        io.shutdown().await.unwrap();
        io.read_to_end(&mut Vec::new()).await.unwrap();
    }
}

#[test]
async fn e9_a_peer_that_had_closed_before_is_an_ordinary_end() {
    for transport in transports() {
        // Known to whoever waits for it.
        let (meta, mut stream) = connect(transport, "/close?code=1000&after=3").await;
        assert!(meta.closed().await.is_success());
        stream.close().await.unwrap();
        let (messages, error) = drain(&mut stream).await;
        assert_eq!(messages.len(), 3);
        assert!(error.is_none(), "{error:?}");

        // Known to the browser alone.
        let (meta, stream) = connect(transport, "/close?code=1000&after=3").await;
        let mut io = stream.into_io();
        pause(std::time::Duration::from_millis(500)).await;
        assert_eq!(meta.ready_state(), WsState::Open);
        io.shutdown().await.unwrap();
        let mut read = Vec::new();
        io.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"012");
    }
}

#[test]
async fn e9_a_reader_at_the_end_is_told_nothing_more() {
    for transport in transports() {
        let (meta, stream) = connect(transport, "/close?code=1000&after=3").await;
        let mut io = stream.into_io();
        let mut read = Vec::new();
        io.read_to_end(&mut read).await.unwrap();
        io.shutdown().await.unwrap();
        assert_eq!(io.read_to_end(&mut read).await.unwrap(), 0);
        let closed: CloseEvent = meta.closed().await;
        assert!(closed.is_success());
    }
}
