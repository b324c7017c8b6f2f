//! Properties of the event-stream decoder and encoder, and other streams than WebSockets.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, channel::mpsc, future::join, stream};
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_util::{
    codec::{Decoder, Encoder, Framed, FramedRead},
    io::StreamReader,
};
use wsio::sse::{SseCodec, SseDecoder, SseErrorKind, SseEvent, SseItem, SseReader};

type Outcome = Result<SseItem, (SseErrorKind, u64)>;

/// The decoder of the standard, word for word, for a stream that is there whole (WHATWG HTML
/// § 9.2.6), with the items that this crate gives in addition.
fn by_the_standard(input: &[u8]) -> (Vec<SseItem>, String) {
    let text = String::from_utf8_lossy(input);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<_> = text.split('\n').collect();
    // What is behind the last line end is not a line.
    lines.pop();
    let mut items = Vec::new();
    let (mut data, mut event, mut id) = (String::new(), String::new(), None::<String>);
    let mut last_event_id = String::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "" if line.is_empty() => {
                if let Some(id) = &id {
                    last_event_id.clone_from(id);
                }
                if !data.is_empty() {
                    data.pop();
                    let name = if event.is_empty() { "message" } else { &event };
                    let mut event = SseEvent::new(std::mem::take(&mut data)).with_name(name);
                    event.id = id.take();
                    items.push(event.into());
                } else if let Some(id) = id.take() {
                    items.push(SseItem::Id(id));
                }
                event.clear();
            }
            "" => items.push(SseItem::Comment(value.to_owned())),
            "data" => data = data + value + "\n",
            "event" => event = value.to_owned(),
            "id" if !value.contains('\0') => id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|it| it.is_ascii_digit()) => {
                let time = value.parse().unwrap_or(u64::MAX);
                items.push(SseItem::Retry(Duration::from_millis(time)));
            }
            _ => {}
        }
    }
    (items, last_event_id)
}

fn decoded(mut decoder: SseDecoder, input: &[u8], pieces: &[usize]) -> (Vec<Outcome>, String) {
    let mut items = Vec::new();
    let mut left = input;
    for &size in pieces.iter().cycle() {
        let (piece, rest) = left.split_at(size.min(left.len()));
        decoder.feed(piece);
        items.extend(decoder.by_ref().take(size));
        left = rest;
        if left.is_empty() {
            break;
        }
    }
    decoder.end();
    items.extend(decoder.by_ref());
    let error = |error: wsio::sse::SseError| (error.kind(), error.position());
    let items = items.into_iter().map(|item| item.map_err(error)).collect();
    (
        items,
        decoder.last_event_id().unwrap_or_default().to_owned(),
    )
}

/// Bytes of which streams are made, valid and not.
fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
    let word: [&[u8]; 34] = [
        b"data",
        b"data:",
        b"data: ",
        b"event:",
        b"event",
        b"id: ",
        b"id",
        b"id:",
        b"retry:",
        b"retry: ",
        b":",
        b": ",
        b" ",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"x",
        b"xyz",
        b"123",
        b"99999999999999999999",
        b"unknown: x",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
        b"\xbf",
        b"\xff",
        "ä".as_bytes(),
        "世".as_bytes(),
        b"\xe4\xb8",
        b"\xf0\x9f\x92",
        b"\xed\xa0\x80",
    ];
    let words = vec(select(word.map(<[u8]>::to_vec).to_vec()), 0..60);
    prop_oneof![
        9 => words.prop_map(|words| words.concat()),
        1 => any::<Vec<u8>>(),
    ]
}

/// Text in which line ends and what means something in a stream are not rare.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ :\0\n\r\u{feff}\u{2028}äx]{0,12}",
        ".{0,40}",
        "(data|id|event|retry)?: ?.{0,5}"
    ]
}

/// Items that can be written.
fn item() -> impl Strategy<Value = SseItem> {
    let line = || text().prop_map(|text| text.replace(['\n', '\r'], "|"));
    let id = move || line().prop_map(|line| line.replace('\0', "|"));
    let event = (text(), prop::option::of(line()), prop::option::of(id()));
    let event = event.prop_map(|(data, name, id)| {
        let mut event = SseEvent::new(data);
        event.name = name.unwrap_or(event.name);
        event.id = id;
        event.into()
    });
    prop_oneof![
        4 => event,
        1 => line().prop_map(SseItem::Comment),
        1 => id().prop_map(SseItem::Id),
        1 => any::<u64>().prop_map(|time| SseItem::Retry(Duration::from_millis(time))),
    ]
}

/// The same item as far as a stream can express it.
fn as_it_reads(item: SseItem) -> SseItem {
    match item {
        SseItem::Event(mut event) => {
            event.data = event.data.replace("\r\n", "\n").replace('\r', "\n");
            if event.name.is_empty() {
                event.name = "message".to_owned();
            }
            event.into()
        }
        item => item,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn s1_any_bytes_are_read_as_the_standard_says(
        input in stream_bytes(),
        pieces in vec(1..9_usize, 1..5),
    ) {
        let (items, last_event_id) = by_the_standard(&input);
        let items: Vec<Outcome> = items.into_iter().map(Ok).collect();
        let whole = decoded(SseDecoder::new(), &input, &[usize::MAX]);
        prop_assert_eq!(&whole.0, &items);
        prop_assert_eq!(&whole.1, &last_event_id);
        prop_assert_eq!(decoded(SseDecoder::new(), &input, &pieces), whole);
    }

    #[test]
    fn s2_any_limits_hold_in_any_pieces(
        input in stream_bytes(),
        pieces in vec(1..9_usize, 1..5),
        max_line in 0..20_usize,
        max_event in 0..20_usize,
    ) {
        let decoder = || SseDecoder::with_limits(max_line, max_event);
        let whole = decoded(decoder(), &input, &[usize::MAX]);
        prop_assert_eq!(decoded(decoder(), &input, &pieces), whole.clone());
        for item in whole.0 {
            match item {
                // A byte that is not UTF-8 becomes three.
                Ok(SseItem::Event(event)) => prop_assert!(event.data.len() <= 3 * max_event),
                Ok(_) => {}
                Err((_, position)) => prop_assert!(position < input.len() as u64),
            }
        }
    }

    #[test]
    fn s4_what_is_encoded_reads_back(
        items in vec(item(), 0..8),
        pieces in vec(1..50_usize, 1..5),
    ) {
        let mut codec = SseCodec::new();
        let mut encoded = BytesMut::new();
        for item in items.clone() {
            codec.encode(item, &mut encoded).unwrap();
        }
        let expected: Vec<Outcome> = items.into_iter().map(as_it_reads).map(Ok).collect();
        prop_assert_eq!(decoded(SseDecoder::new(), &encoded, &pieces).0, expected);
    }

    #[test]
    fn s4_whatever_is_accepted_is_one_item(
        data in text(), name in text(), id in text(), comment in text(), time: Duration,
    ) {
        let event = SseEvent::new(data).with_name(name).with_id(id.clone());
        let items = [event.into(), SseItem::Comment(comment), SseItem::Id(id), SseItem::Retry(time)];
        for item in items {
            let mut codec = SseCodec::new();
            let mut encoded = BytesMut::new();
            match codec.encode(item.clone(), &mut encoded) {
                Ok(()) => {
                    let read = codec.decode(&mut encoded).unwrap();
                    prop_assert_eq!(read, Some(as_it_reads(item)));
                    prop_assert_eq!(codec.decode(&mut encoded).unwrap(), None);
                }
                Err(error) => {
                    prop_assert_eq!(error.kind(), SseErrorKind::InvalidEvent);
                    prop_assert!(encoded.is_empty());
                }
            }
        }
    }
}

#[tokio::test]
async fn s1_items_travel_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (here, there) = join(TcpStream::connect(address), listener.accept()).await;
    let mut here = Framed::new(here.unwrap(), SseCodec::new());
    let mut there = Framed::new(there.unwrap().0, SseCodec::new());
    let events = (0..1000).map(|id| SseEvent::new("x\n".repeat(id)).with_id(id.to_string()));
    let events: Vec<_> = events.collect();
    let send = async {
        for event in &events {
            here.send(event).await.unwrap();
        }
        here.get_mut().shutdown().await.unwrap();
    };
    let receive = async {
        for event in &events {
            let item = there.next().await.unwrap().unwrap();
            assert_eq!(item, event.clone().into());
        }
        assert!(there.next().await.is_none());
    };
    join(send, receive).await;
    // A codec that goes on to another stream keeps its place.
    assert_eq!(there.codec().last_event_id(), Some("999"));
}

#[tokio::test]
async fn s1_a_body_reads_through_a_stream_reader() {
    let body = [
        "\u{feff}id: 1\nda",
        "ta: one\r",
        "\n\r\ndata: tw",
        "o\n\ndata: cut o",
    ];
    let body = stream::iter(body.map(|piece| Ok::<_, io::Error>(Bytes::from(piece))));
    let frames = FramedRead::new(StreamReader::new(body), SseCodec::new());
    let items: Vec<_> = frames.try_collect().await.unwrap();
    let one = SseEvent::new("one").with_id("1");
    assert_eq!(items, [one.into(), SseEvent::new("two").into()]);
}

#[tokio::test]
async fn s1_an_item_does_not_wait_for_what_is_behind_it() {
    let (mut pieces, stream) = mpsc::unbounded();
    let mut reader = SseReader::new(stream);
    for (piece, item) in [
        (": here\r", Some(SseItem::Comment("here".into()))),
        (
            "\nretry: 5\r",
            Some(SseItem::Retry(Duration::from_millis(5))),
        ),
        ("data: x\r", None),
        ("\r", Some(SseEvent::new("x").into())),
        ("\n", None),
        ("id: 1\n\n", Some(SseItem::Id("1".into()))),
    ] {
        pieces.send(Ok::<_, io::Error>(piece)).await.unwrap();
        let next = reader.next().now_or_never();
        assert_eq!(next.map(|item| item.unwrap().unwrap()), item, "{piece:?}");
    }
    drop(pieces);
    assert!(reader.next().await.is_none());
}

#[test]
fn s1_errors_of_the_stream_keep_their_kind() {
    let broken = io::Error::from(io::ErrorKind::BrokenPipe);
    let error = io::Error::from(wsio::sse::SseError::from(broken));
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);

    let failed = stream::iter([Err::<&str, _>("no such thing")]);
    let error = SseReader::new(failed)
        .next()
        .now_or_never()
        .flatten()
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), SseErrorKind::Io);
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "no such thing"
    );
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Other);

    let mut decoder = SseDecoder::with_limits(1, 1);
    decoder.feed(b"xx");
    let error = decoder.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "a line exceeds its limit at byte 0");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidData);

    let event = SseEvent::new("").with_id("\n");
    let error = SseCodec::new()
        .encode(event, &mut BytesMut::new())
        .unwrap_err();
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
}
