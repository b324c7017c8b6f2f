//! E1, E2. How the end is told to who reads.

use futures::{SinkExt, StreamExt, stream::FusedStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsio::ErrorKind;

use super::assert_clean;
use crate::support::{SHORT, Server, drain, test};

#[test]
async fn e1_an_ordinary_close_is_the_end_of_the_stream() {
    let server = Server::start().await;
    for (query, code) in [("code=1000&", 1000), ("code=1001&", 1001), ("", 1005)] {
        let (meta, mut stream) = server.connect(&format!("/close?{query}after=3")).await;
        let (messages, error) = drain(&mut stream).await;
        assert_eq!(messages, ["0".into(), "1".into(), "2".into()]);
        assert!(error.is_none(), "{error:?}");
        assert_clean(&meta.closed().await, code, "");
        assert!(stream.is_terminated());
        assert!(stream.next().await.is_none());
    }
}

#[test]
async fn e1_an_ordinary_close_is_the_end_of_the_bytes() {
    let server = Server::start().await;
    for query in ["code=1000&", "code=1001&", ""] {
        let (_meta, stream) = server.connect(&format!("/close?{query}after=3")).await;
        let mut text = String::new();
        let mut io = stream.into_io();
        io.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "012");
        assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
    }
}

#[test]
async fn e2_a_close_with_an_error_code_is_one_error() {
    let server = Server::start().await;
    for code in [
        1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 3000, 4000, 4999,
    ] {
        let route = format!("/close?code={code}&reason=because&after=2");
        let (meta, mut stream) = server.connect(&route).await;
        let (messages, error) = drain(&mut stream).await;
        assert_eq!(messages, ["0".into(), "1".into()]);
        let error = error.expect("an error");
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_clean(error.close_event().unwrap(), code, "because");
        assert_clean(&meta.closed().await, code, "because");
        for _ in 0..3 {
            assert!(stream.next().await.is_none());
        }
    }
}

#[test]
async fn e2_a_close_with_an_error_code_aborts_the_bytes() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/close?code=1011&after=2").await;
    let mut io = stream.into_io();
    let mut bytes = Vec::new();
    let error = io.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(bytes, b"01");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    let inner = error
        .get_ref()
        .and_then(|it| it.downcast_ref::<wsio::Error>());
    assert_clean(inner.unwrap().close_event().unwrap(), 1011, "");
}

#[test]
async fn e2_a_lost_connection_is_one_error() {
    let server = Server::start().await;
    let (meta, mut stream) = server.connect("/drop?after=3").await;
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, ["0".into(), "1".into(), "2".into()]);
    let error = error.expect("an error");
    assert_eq!(error.kind(), ErrorKind::Lost);
    let lost = meta.closed().await;
    assert_eq!(error.close_event(), Some(&lost));
    assert_eq!(
        (lost.code, lost.was_clean),
        (wsio::CloseCode::ABNORMAL, false)
    );
    assert!(stream.next().await.is_none());
}

#[test]
async fn e2_a_lost_connection_is_an_unexpected_end_of_the_bytes() {
    let server = Server::start().await;
    for route in ["/drop?after=2", "/abort?after=2&wait=1"] {
        let (_meta, stream) = server.connect(route).await;
        let mut io = stream.into_io();
        let mut bytes = [0; 2];
        io.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"01");
        if route.contains("wait") {
            io.write_all(b"now").await.unwrap();
        }
        let error = io.read(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{route}");
        // Told once; after that it is over.
        assert_eq!(io.read(&mut bytes).await.unwrap(), 0);
    }
}

#[test]
async fn e2_a_protocol_violation_is_one_error_after_what_came_before() {
    let server = Server::start().await;
    let kinds = [
        "reserved-opcode",
        "rsv",
        "bad-utf8",
        "masked",
        "fragmented-control",
        "close-len-1",
        "oversize-header",
    ];
    for kind in kinds {
        // It waits: Chromium drops the good messages that come in one piece with a bad one.
        let route = format!("/malformed?kind={kind}&wait=1");
        let builder = server.builder(&route).close_timeout(SHORT * 5);
        let (meta, mut stream) = builder.connect().await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), "before".into());
        stream.send("go on".into()).await.unwrap();
        let (messages, error) = drain(&mut stream).await;
        assert!(messages.is_empty(), "{kind}");
        let error = error.unwrap_or_else(|| panic!("{kind} is no error"));
        // A browser reports a violation as a lost connection.
        let kinds = [
            ErrorKind::Protocol,
            ErrorKind::MessageTooBig,
            ErrorKind::Lost,
        ];
        assert!(kinds.contains(&error.kind()), "{kind}: {error:?}");
        assert_eq!(meta.closed().await.code, 1006, "{kind}");
    }
}

#[test]
async fn e2_a_code_that_must_not_be_on_the_wire_is_an_error() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/malformed?kind=close-1005&wait=1").await;
    assert_eq!(stream.next().await.unwrap().unwrap(), "before".into());
    stream.send("go on".into()).await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert!(messages.is_empty());
    assert!(error.is_some());
}
