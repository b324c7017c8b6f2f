//! E. The end.

use std::{error::Error as _, pin::pin};

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate, join, stream::FusedStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsio::{
    CloseEvent, ErrorKind, WsEvent, WsState,
    pharos::{Channel, Observable, ObserveConfig},
};

use crate::support::{SHORT, Server, drain, pause, test, unique};

fn event(code: u16, reason: &str) -> CloseEvent {
    CloseEvent {
        code: code.into(),
        reason: reason.to_owned(),
        was_clean: true,
    }
}

#[test]
async fn e1_an_ordinary_close_is_the_end_of_the_stream() {
    let server = Server::start().await;
    for (query, code) in [("code=1000&", 1000), ("code=1001&", 1001), ("", 1005)] {
        let (meta, mut stream) = server.connect(&format!("/close?{query}after=3")).await;
        let (messages, error) = drain(&mut stream).await;
        assert_eq!(messages, ["0".into(), "1".into(), "2".into()]);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(meta.closed().await, event(code, ""));
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
        assert_eq!(error.close_event(), Some(&event(code, "because")));
        assert_eq!(meta.closed().await, event(code, "because"));
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
    assert_eq!(inner.unwrap().close_event(), Some(&event(1011, "")));
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

#[test]
async fn e3_close_resolves_with_the_stream_not_polled() {
    let server = Server::start().await;
    let (meta, stream) = server.connect("/echo").await;
    assert_eq!(meta.close_code(4000).await.unwrap(), event(4000, ""));
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
    assert_eq!(closing.await, event(4001, ""));
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
    assert_eq!(first.as_ref().unwrap(), &event(4321, "first"));
    assert_eq!(second.unwrap(), event(4321, "first"));
    assert_eq!(third, event(4321, "first"));
    assert_eq!(meta.close().await, event(4321, "first"));
    assert_eq!(meta.close_code(1000).await.unwrap(), event(4321, "first"));
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
    assert_eq!(meta.closed().await, event(4100, ""));
    let mut stream = stream;
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages.len(), 3);
    assert_eq!(error.unwrap().kind(), ErrorKind::Closed);
}

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
        assert_eq!(error.close_event(), Some(&event(1000, "")));
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
    assert_eq!(error.close_event(), Some(&event(4002, "enough")));
    assert!(error.source().is_some());
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
    assert_eq!(closed, event(4999, &reason));
}

#[test]
async fn e8_observers_are_told_everything() {
    let server = Server::start().await;
    let (mut meta, _stream) = server.connect("/echo").await;
    let events = meta.observe(ObserveConfig::default()).await.unwrap();
    let bounded = meta.observe(Channel::Bounded(1).into()).await.unwrap();
    let closings = ObserveConfig::default().filter(WsEvent::is_closing);
    let closings = meta.observe(closings).await.unwrap();
    let closed = meta.close_code(1000).await.unwrap();

    for events in [events, bounded] {
        let events: Vec<_> = events.collect().await;
        let [WsEvent::Open, WsEvent::Closing, WsEvent::Closed(event)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(event, &closed);
    }
    assert_eq!(closings.count().await, 1);

    // Who comes late is told how it ended.
    let late = meta.observe(ObserveConfig::default()).await.unwrap();
    let late: Vec<_> = late.collect().await;
    assert!(matches!(&late[..], [WsEvent::Closed(event)] if *event == closed));
}

#[test]
async fn e8_observers_are_told_of_a_lost_connection() {
    let server = Server::start().await;
    let (mut meta, mut stream) = server.connect("/abort?after=0&wait=1").await;
    let events = meta.observe(ObserveConfig::default()).await.unwrap();
    stream.send("now".into()).await.unwrap();
    drain(&mut stream).await;
    let events: Vec<_> = events.collect().await;
    let [WsEvent::Open, WsEvent::Error(error), WsEvent::Closed(event)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert_eq!(event.code, 1006);
}
