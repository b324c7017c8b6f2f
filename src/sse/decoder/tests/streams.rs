//! One stream after another.

use std::time::Duration;

use crate::sse::{SseDecoder, SseError, SseErrorKind, SseEvent, SseItem};

fn taken(decoder: &mut SseDecoder) -> Vec<SseItem> {
    let items: Result<_, SseError> = decoder.collect();
    items.unwrap()
}

#[test]
fn s1_a_new_stream_begins_from_nothing() {
    let unfinished: [&[u8]; 6] = [
        b"data: half",
        b"event: x\nid: 9\ndata: half\n",
        b"x\r",
        b"\xef\xbb",
        b": half",
        b"",
    ];
    for first in unfinished {
        let mut decoder = SseDecoder::new();
        decoder.feed(first);
        assert_eq!(taken(&mut decoder), []);
        decoder.end();
        decoder.feed(b"\xef\xbb\xbfdata: whole\n\n");
        let whole = SseEvent::new("whole");
        assert_eq!(taken(&mut decoder), [whole.into()], "after {first:?}");
        assert_eq!(decoder.last_event_id(), None);
    }
}

#[test]
fn s1_the_end_stands_where_it_was_called() {
    let mut decoder = SseDecoder::new();
    decoder.feed(b":1\n:2\n:3\ndata: half\n");
    decoder.end();
    decoder.feed(b"\n:4\n:5\n:6");
    decoder.end();
    decoder.feed(b":7\n");
    let comments = ["1", "2", "3", "4", "5", "7"];
    let comments = comments.map(|comment| SseItem::Comment(comment.to_owned()));
    assert_eq!(taken(&mut decoder), comments);
}

#[test]
fn s1_what_outlives_a_stream() {
    let mut decoder = SseDecoder::new();
    decoder.feed(b"retry: 3000\nid: 42\ndata: first\n\nid: 43\nretry: 1");
    assert_eq!(taken(&mut decoder).len(), 2);
    decoder.end();
    assert_eq!(decoder.last_event_id(), Some("42"));
    assert_eq!(decoder.reconnection_time(), Some(Duration::from_secs(3)));
    decoder.feed(b"data: second\n\n");
    assert_eq!(taken(&mut decoder), [SseEvent::new("second").into()]);
    assert_eq!(decoder.last_event_id(), Some("42"));
    assert_eq!(decoder.reconnection_time(), Some(Duration::from_secs(3)));
}

#[test]
fn s1_the_last_event_id_is_not_ahead_of_the_items() {
    let mut decoder = SseDecoder::new();
    decoder.set_last_event_id("0");
    decoder.feed(b"id: 1\ndata\n\nid: 2\n\nid: 3\ndata\n\n");
    decoder.end();
    for id in ["0", "1", "2", "3"] {
        assert_eq!(decoder.last_event_id(), Some(id));
        assert_eq!(decoder.next().is_some(), id != "3");
    }
}

#[test]
fn s2_positions_begin_anew_with_a_stream() {
    let mut decoder = SseDecoder::with_limits(4, 4);
    for _ in 0..2 {
        decoder.feed(b"\n\n\n12345");
        let error = decoder.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), SseErrorKind::LineTooLong);
        assert_eq!(error.position(), 3);
        decoder.end();
    }
    decoder.feed(b":a\n");
    assert_eq!(taken(&mut decoder), [SseItem::Comment("a".into())]);
}
