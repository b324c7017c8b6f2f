//! S. Server-sent events over a real connection.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;
use futures::{
    SinkExt, StreamExt, TryStreamExt,
    future::join,
    stream::{self, LocalBoxStream},
};
use tokio_util::codec::{Framed, FramedRead};
use wsio::{
    WsMessage,
    sse::{SseCodec, SseDecoder, SseError, SseErrorKind, SseEvent, SseItem, SseReader},
};

use crate::support::{Server, get, test};

fn items() -> Vec<SseItem> {
    let mut items = vec![SseItem::Retry(Duration::from_millis(1500))];
    for number in 0..100 {
        let event = SseEvent::new(format!("größe {number}\n{{\"n\": {number}}}\n"));
        items.push(event.clone().into());
        items.push(SseItem::Comment(String::new()));
        items.push(event.with_name("tick").with_id(number.to_string()).into());
        items.push(SseItem::Id(format!("{number}…")));
    }
    items
}

/// All sorts of line ends and fields, and a byte order mark; and what it is.
fn raw() -> (String, Vec<SseItem>) {
    let mut text = String::from("\u{feff}");
    let mut items = Vec::new();
    for (number, end) in (0..60).zip(["\n", "\r", "\r\n"].into_iter().cycle()) {
        for line in [
            ": 世界",
            "unknown: x",
            "event:größe",
            &format!("id: {number}"),
            "data",
        ] {
            text.push_str(line);
            text.push_str(end);
        }
        text.push_str(&format!("data:  x{number}{end}{end}"));
        items.push(SseItem::Comment("世界".into()));
        let event = SseEvent::new(format!("\n x{number}")).with_name("größe");
        items.push(event.with_id(number.to_string()).into());
    }
    // Otherwise a lone CR would be the end, and another line end could follow it.
    text.push_str(": end\n");
    items.push(SseItem::Comment("end".into()));
    (text, items)
}

/// The messages of a stream: of about the same size, text and binary.
fn messages(text: &str, size: usize) -> Vec<WsMessage> {
    let mut messages = Vec::new();
    let mut left = text;
    while !left.is_empty() {
        if messages.len() % 3 == 0 {
            let end = char_boundary(left, size);
            messages.push(left[..end].into());
            left = &left[end..];
        } else {
            // A character may be cut in two as long as both halves are binary.
            let end = char_boundary(left, 2 * size);
            let (one, two) = left.as_bytes()[..end].split_at(end.min(size));
            messages.extend([one.into(), two.into()]);
            left = &left[end..];
        }
        if messages.len() % 5 == 0 {
            messages.push("".into());
        }
    }
    messages
}

fn char_boundary(text: &str, from: usize) -> usize {
    let boundary = (from..text.len()).find(|&at| text.is_char_boundary(at));
    boundary.unwrap_or(text.len())
}

/// What the tests of `EventSource.fromReadableStream` in the Web Platform Tests ask for, as far as
/// it is about the stream.
#[test]
async fn s1_from_readable_stream() {
    let event = SseEvent::new;
    let cases: [(&[&'static str], &[SseEvent]); 9] = [
        (&["data: hello\n\n"], &[event("hello")]),
        (&["data: hello\ndata: world\n\n"], &[event("hello\nworld")]),
        (&["data: 1\n\ndata: 2\n\n"], &[event("1"), event("2")]),
        (
            &["event: custom\ndata: hello\n\n"],
            &[event("hello").with_name("custom")],
        ),
        (&["da", "ta: hel", "lo\n\n"], &[event("hello")]),
        (
            &["data: cr\r\rdata: lf\n\ndata: crlf\r\n\r\n"],
            &[event("cr"), event("lf"), event("crlf")],
        ),
        (&["\u{feff}data: hello\n\n"], &[event("hello")]),
        (&["retry: bogus\ndata: hello\n\n"], &[event("hello")]),
        (&[""], &[]),
    ];
    for (pieces, events) in cases {
        let pieces = stream::iter(pieces).map(Ok::<_, io::Error>);
        let mut reader = SseReader::new(pieces);
        assert_eq!(reader.last_event_id(), None);
        for event in events {
            assert_eq!(reader.try_next().await.unwrap(), Some(event.clone().into()));
        }
        // It does not connect again, and stays at the end.
        for _ in 0..2 {
            assert_eq!(reader.try_next().await.unwrap(), None);
        }
        assert_eq!(reader.last_event_id(), None);
        assert_eq!(reader.reconnection_time(), None);
    }
}

#[test]
async fn s1_from_readable_stream_that_fails() {
    let failed = || Err(io::Error::other("stream error"));
    let pieces = stream::iter([
        Ok("id: 1\ndata: hello\n\nid: 2\ndata: cut o"),
        failed(),
        failed(),
    ]);
    let mut reader = SseReader::new(pieces);
    let event = SseEvent::new("hello").with_id("1");
    assert_eq!(reader.try_next().await.unwrap(), Some(event.into()));
    let error = reader.try_next().await.unwrap_err();
    assert_eq!(error.kind(), SseErrorKind::Io);
    for _ in 0..2 {
        assert_eq!(reader.try_next().await.unwrap(), None);
    }
    assert_eq!(reader.last_event_id(), Some("1"));
}

/// Both are kept whether connections are piped into one stream, as a `TransformStream` does it in a
/// page, or handed over one after another.
#[test]
async fn s1_the_last_event_id_and_the_reconnection_time_outlive_a_stream() {
    const FIRST: &str = "retry: 3000\nid: 42\ndata: first\n\n";
    const SECOND: &str = "data: second\n\n";
    let connection = |pieces: [&'static str; 2]| stream::iter(pieces.map(Ok::<_, io::Error>));
    let time = Duration::from_secs(3);
    for piped in [true, false] {
        let mut reader = SseReader::new(connection([FIRST, if piped { SECOND } else { "" }]));
        let first = SseEvent::new("first").with_id("42");
        for item in [SseItem::Retry(time), first.into()] {
            assert_eq!(reader.try_next().await.unwrap(), Some(item));
        }
        if !piped {
            assert_eq!(reader.try_next().await.unwrap(), None);
            drop(reader.continue_with(connection([SECOND, ""])));
        }
        assert_eq!(reader.last_event_id(), Some("42"));
        assert_eq!(reader.reconnection_time(), Some(time));
        let second = SseEvent::new("second");
        assert_eq!(reader.try_next().await.unwrap(), Some(second.into()));
        assert_eq!(reader.try_next().await.unwrap(), None);
        assert_eq!(reader.last_event_id(), Some("42"));
        assert_eq!(reader.reconnection_time(), Some(time));
    }
}

#[test]
async fn s1_items_travel_both_ways() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let (mut sink, mut stream) = Framed::new(stream.into_io(), SseCodec::new()).split();
    let send = async {
        for item in items() {
            sink.feed(item).await.unwrap();
        }
        SinkExt::<SseItem>::flush(&mut sink).await.unwrap();
    };
    let receive = async {
        for item in items() {
            assert_eq!(stream.next().await.unwrap().unwrap(), item);
        }
    };
    join(send, receive).await;
    let frames = sink.reunite(stream).unwrap();
    assert_eq!(frames.codec().last_event_id(), Some("99…"));
    let time = frames.codec().reconnection_time();
    assert_eq!(time, Some(Duration::from_millis(1500)));
}

#[test]
async fn s1_messages_cut_anywhere_are_one_stream() {
    let (text, expected) = raw();
    let server = Server::start().await;
    for size in [1, 2, 7, 64, 100_000] {
        let (_meta, stream) = server.connect("/echo").await;
        let (mut sink, stream) = stream.split();
        let send = async {
            for message in messages(&text, size) {
                sink.feed(message).await.unwrap();
            }
            sink.flush().await.unwrap();
        };
        let receive = async {
            let mut reader = SseReader::new(stream);
            for item in &expected {
                assert_eq!(reader.next().await.unwrap().unwrap(), *item, "size {size}");
            }
            reader.last_event_id().map(str::to_owned)
        };
        let ((), last_event_id) = join(send, receive).await;
        assert_eq!(last_event_id.as_deref(), Some("59"));
    }
}

#[test]
async fn s1_bytes_of_messages_cut_anywhere_are_one_stream() {
    let (text, expected) = raw();
    let server = Server::start().await;
    for size in [3, 500] {
        let (_meta, mut stream) = server.connect("/echo").await;
        for message in messages(&text, size) {
            stream.send(message).await.unwrap();
        }
        let mut frames = FramedRead::new(stream.into_io(), SseCodec::new());
        for item in &expected {
            assert_eq!(frames.next().await.unwrap().unwrap(), *item, "size {size}");
        }
    }
}

#[test]
async fn s1_a_block_that_the_connection_ends_in_is_left_out() {
    let server = Server::start().await;
    let route = "/slow?interval_ms=0&text=id:%201%0Adata:%20a%0A%0Aid:%202%0Adata:%20b%0A";
    let event = SseItem::from(SseEvent::new("a").with_id("1"));

    let (_meta, stream) = server.connect(route).await;
    let frames = FramedRead::new(stream.into_io(), SseCodec::new());
    let items: Vec<_> = frames.try_collect().await.unwrap();
    assert_eq!(items, std::slice::from_ref(&event));

    let (_meta, stream) = server.connect(route).await;
    let mut reader = SseReader::new(stream);
    assert_eq!(reader.try_next().await.unwrap(), Some(event.clone()));
    assert_eq!(reader.try_next().await.unwrap(), None);
    let (_meta, stream) = server.connect(route).await;
    reader.continue_with(stream);
    assert_eq!(reader.last_event_id(), Some("1"));
    assert_eq!(reader.try_next().await.unwrap(), Some(event));
    assert_eq!(reader.try_next().await.unwrap(), None);
    assert_eq!(reader.last_event_id(), Some("1"));
}

#[test]
async fn s1_a_lost_connection_is_an_error() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/drop").await;
    let mut frames = FramedRead::new(stream.into_io(), SseCodec::new());
    assert_lost(frames.next().await);

    let (_meta, stream) = server.connect("/drop").await;
    let mut reader = SseReader::new(stream);
    assert_lost(reader.next().await);
    assert!(reader.next().await.is_none());
}

fn assert_lost(item: Option<Result<SseItem, SseError>>) {
    let error = item.unwrap().unwrap_err();
    assert_eq!(error.kind(), SseErrorKind::Io);
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error:?}");
}

/// The event stream at a route, over WebSocket and over HTTP.
async fn over_both(server: &Server, route: &str) -> [SseReader<Pieces>; 2] {
    let (_meta, messages) = server.connect(route).await;
    let over_ws = messages.map_ok(WsMessage::into_bytes).err_into();
    let url = format!("http://{}{route}", server.address());
    let over_http = get(&url).await.bytes_stream().err_into();
    [over_ws.boxed_local(), over_http.boxed_local()].map(SseReader::new)
}

type Pieces = LocalBoxStream<'static, Result<Bytes, Box<dyn Error + Send + Sync>>>;

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
async fn s1_a_stream_is_the_same_over_either_transport() {
    let (text, expected) = raw();
    let server = Server::start().await;
    let route = format!("/sse-raw?body={}&chunk=7", encoded(&text));
    for mut reader in over_both(&server, &route).await {
        for item in &expected {
            assert_eq!(reader.next().await.unwrap().unwrap(), *item);
        }
        assert!(reader.next().await.is_none());
    }
}

#[test]
async fn s3_signs_of_life_and_changes_of_state_are_given() {
    let server = Server::start().await;
    let body = encoded(": alive\n\nretry: 1500\n\nid: 7\n\n:\ndata: x\n\nid\n\n");
    // They are not held back until more comes.
    let route = format!("/sse-raw?body={body}&end=hold");
    for mut reader in over_both(&server, &route).await {
        for expected in [
            SseItem::Comment("alive".into()),
            SseItem::Retry(Duration::from_millis(1500)),
            SseItem::Id("7".into()),
            SseItem::Comment(String::new()),
            SseEvent::new("x").into(),
            SseItem::Id(String::new()),
        ] {
            assert_eq!(reader.next().await.unwrap().unwrap(), expected);
        }
        assert_eq!(reader.last_event_id(), None);
        let time = reader.reconnection_time();
        assert_eq!(time, Some(Duration::from_millis(1500)));
    }
}

#[test]
async fn s2_what_is_too_long_leaves_the_connection_usable() {
    let server = Server::start().await;
    let long = "x".repeat(100_000);
    let text = format!("data: {long}\ndata: b\n\ndata: c\n\n");

    let (_meta, mut stream) = server.connect("/echo").await;
    stream.send(text.as_str().into()).await.unwrap();
    let mut reader = SseReader::with_limits(stream, 10_000, 10_000);
    let error = reader.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SseErrorKind::LineTooLong);
    let event = reader.next().await.unwrap().unwrap();
    assert_eq!(event, SseEvent::new("c").into());

    let (_meta, mut stream) = server.connect("/echo").await;
    stream.send(text.as_str().into()).await.unwrap();
    let codec = SseCodec::with_limits(200_000, 10_000);
    let mut frames = Framed::new(stream.into_io(), codec);
    let error = frames.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SseErrorKind::EventTooLong);
    // That much is tokio-util's: it ends once, and then waits for more before it goes on.
    assert!(frames.next().await.is_none());
    frames.send(SseEvent::new("d")).await.unwrap();
    for data in ["c", "d"] {
        let event = frames.next().await.unwrap().unwrap();
        assert_eq!(event, SseEvent::new(data).into());
    }
}

#[test]
async fn s4_an_item_that_is_refused_leaves_the_connection_usable() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut frames = Framed::new(stream.into_io(), SseCodec::new());
    frames.feed(SseEvent::new("a")).await.unwrap();
    let event = SseEvent::new("b").with_name("x\ndata: y\n\n");
    let error = frames.feed(event).await.unwrap_err();
    assert_eq!(error.kind(), SseErrorKind::InvalidEvent);
    frames.send(&SseEvent::new("c")).await.unwrap();
    for data in ["a", "c"] {
        let item = frames.next().await.unwrap().unwrap();
        assert_eq!(item, SseEvent::new(data).into());
    }
}

#[test]
async fn s0_types_are_send_on_every_target() {
    fn handle<T: Send + Sync + Unpin>() {}
    handle::<SseEvent>();
    handle::<SseItem>();
    handle::<SseError>();
    handle::<SseErrorKind>();
    handle::<SseDecoder>();
    handle::<SseCodec>();
    handle::<SseReader<wsio::WsStream>>();
}
