//! Streams that other parsers break on: they end the connection, lose an event or the last event
//! id, make up an event, or wait for ever.

use std::time::Duration;

use bytes::BytesMut;
use futures::{FutureExt, StreamExt, stream};
use tokio_util::codec::Decoder;

use crate::sse::{
    SseCodec, SseDecoder, SseError, SseEvent, SseReader,
    decoder::tests::splits::{comment, decodes, event, id, retry, with_id},
};

decodes! {
    s1_an_event_field_alone_is_nothing: b"event:\n\nevent: x\n\ndata:1\n\n" => [event("1")];
    s1_an_invalid_retry_alone_is_nothing: b"retry: x\n\nretry:\n\nretry\n\ndata:1\n\n"
        => [event("1")];
    s1_an_invalid_id_alone_is_nothing: b"id: \0\n\nid: a\0b\n\ndata:1\n\n" => [event("1")];
    s1_an_id_may_have_control_characters: b"id: a\x7f\x01\t\ndata:1\n\n"
        => [with_id("a\x7f\x01\t", "1")];
    s1_invalid_utf8_does_not_end_the_stream: b"data:\xff\xfe\n\nid:\xc3\n\ndata:1\n\n"
        => [event("\u{fffd}\u{fffd}"), id("\u{fffd}"), event("1")];
    s1_the_largest_retry_does_not_end_the_stream: b"retry: 18446744073709551615\n\ndata:1\n\n"
        => [retry(u64::MAX), event("1")];
    s1_no_retry_at_all_is_a_retry: b"retry: 0\n\ndata:1\n\n" => [retry(0), event("1")];
    s1_a_field_called_comment_is_unknown: b"comment: x\ncomment\n\ndata:1\n\n" => [event("1")];
    s1_unknown_fields_are_no_error: b"x\n\nfoo: bar\n\n data: x\n\n\tdata: x\n\ndata:1\n\n"
        => [event("1")];
    s1_a_bom_within_a_value_stays: b"data:\xef\xbb\xbfa\ndata: \xef\xbb\xbfb\n\n:\xef\xbb\xbfc\n"
        => [event("\u{feff}a\n\u{feff}b"), comment("\u{feff}c")];
    s1_a_bom_before_every_field: b"\xef\xbb\xbfid:1\n\xef\xbb\xbfdata:1\n\n" => [id("1")];
    s1_an_event_ended_by_a_lone_cr_at_the_end: b"id:1\rdata:a\r\r" => [with_id("1", "a")];
    s1_an_event_without_its_blank_line_at_the_end: b"data:1\n\ndata: a\n" => [event("1")];
    s1_data_that_is_empty_is_an_event: b"data\n\ndata:\n\ndata: \n\n"
        => [event(""), event(""), event("")];
    s3_heartbeats_are_no_events: b":\n\n: \n\n\n:x\n\n" => [comment(""), comment(""), comment("x")];
    s3_blocks_of_an_id_or_a_retry_alone_count: b"id: 7\n\nretry: 5\n\nid\n\ndata:1\n\n"
        => [id("7"), retry(5), id(""), event("1")];
}

/// The last event id goes on over events that have none, whether it was read or set.
#[test]
fn s1_the_last_event_id_goes_on_over_events_without_one() {
    for (first, expected) in [("", "set"), ("id: read\ndata\n\n", "read"), ("id\n\n", "")] {
        let expected = Some(expected).filter(|id| !id.is_empty());
        let text = format!("{first}data: 1\n\nevent: x\ndata: 2\n\n: 3\n\nretry: 4\n\n");

        let mut decoder = SseDecoder::new();
        decoder.set_last_event_id("set");
        decoder.feed(text.as_bytes());
        assert!(decoder.by_ref().all(|item| item.is_ok()));
        decoder.end();
        assert_eq!(decoder.last_event_id(), expected);
        assert_eq!(decoder.reconnection_time(), Some(Duration::from_millis(4)));

        let mut codec = SseCodec::new();
        codec.set_last_event_id("set");
        let mut buffer = BytesMut::from(text.as_str());
        while codec.decode_eof(&mut buffer).unwrap().is_some() {}
        assert_eq!(codec.last_event_id(), expected);

        let mut reader = SseReader::new(stream::iter([Ok::<_, SseError>(&text)]));
        reader.set_last_event_id("set");
        let items = reader.by_ref().collect::<Vec<_>>().now_or_never().unwrap();
        assert!(items.iter().any(|item| {
            let event = SseEvent::new("2").with_name("x");
            item.as_ref()
                .is_ok_and(|item| *item == event.clone().into())
        }));
        assert_eq!(reader.last_event_id(), expected);
    }
}
