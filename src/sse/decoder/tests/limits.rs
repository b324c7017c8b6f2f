//! Lines and events that are too long, and how much is kept of anything.

use crate::sse::{
    MAX_EVENT, MAX_LINE, SseDecoder, SseErrorKind, SseItem,
    decoder::tests::splits::{SseOutcomeItem, comment, decodes, event, id, retry},
};

const LIMITS: (usize, usize) = (12, 16);

fn line(position: u64) -> SseOutcomeItem {
    Err((SseErrorKind::LineTooLong, position))
}

fn block(position: u64) -> SseOutcomeItem {
    Err((SseErrorKind::EventTooLong, position))
}

decodes! {
    s2_a_line_as_long_as_allowed: b"data:1234567\r\n:23456789012\n\n", LIMITS
        => [comment("23456789012"), event("1234567")];
    s2_a_line_too_long: b"data:12345678\ndata:x\n\ndata:y\n\n", LIMITS => [line(0), event("y")];
    s2_a_line_far_too_long: b"\n\ndata: 1234567890123456789012345\r\rdata:y\n\n", LIMITS
        => [line(2), event("y")];
    s2_a_comment_too_long: b":123456789012\n\n:y\n", LIMITS => [line(0), comment("y")];
    s2_an_unknown_field_too_long: b"something: else\n\n:y\n", LIMITS => [line(0), comment("y")];
    s2_a_line_too_long_without_an_end: b"data:12345678", LIMITS => [line(0)];
    s2_several_lines_too_long: b"1234567890123\n\n1\n1234567890123\n1234567890123\n\n:y\n", LIMITS
        => [line(0), line(17), comment("y")];
    s2_an_event_as_long_as_allowed: b"data:123456\ndata:123456\ndata:12\n\n", (12, 16)
        => [event("123456\n123456\n12")];
    s2_an_event_too_long: b"data:123456\ndata:123456\ndata:123\ndata:x\n\ndata:y\n\n", LIMITS
        => [block(0), event("y")];
    s2_empty_lines_count: b"\ndata\ndata\ndata\ndata\n\ndata\ndata\n\n", (4, 2)
        => [block(1), event("\n")];
    s2_names_and_ids_count: b"event:12345\nid:12345678\ndata:1234\n\n:y\n", LIMITS
        => [block(0), comment("y")];
    s2_an_id_that_is_replaced_does_not_count: b"id:12345678\nid:1\ndata:1234567\ndata:123456\n\n",
        LIMITS => [Ok(crate::sse::SseEvent::new("1234567\n123456").with_id("1").into())];
    s2_what_came_before_an_error_counts: b"retry:1\n:a\nid:7\n1234567890123\nretry:2\n:b\n\n:c\n",
        LIMITS => [retry(1), comment("a"), line(16), comment("c")];
    s2_an_error_ends_with_the_block_in_any_line_ends:
        b"1234567890123\r\nx\r\n\r\nid:1\r\r1234567890123\rx\r\rid:2\n\n", LIMITS
        => [line(0), id("1"), line(26), id("2")];
    s2_positions_count_every_byte:
        b"\xef\xbb\xbf:a\r\n\r\n:b\n\n1234567890123\r\n\r\ndata:12345\r\ndata:12345\r\ndata:123456\r\n\r\n",
        LIMITS => [comment("a"), comment("b"), line(13), block(30)];
    s2_a_bom_is_no_part_of_a_line: b"\xef\xbb\xbfdata:1234567\n\n", LIMITS => [event("1234567")];
    s2_part_of_a_bom_is: b"\xef\xbb12345678901\n\n:y\n", LIMITS => [line(0), comment("y")];
    s2_a_block_that_begins_with_part_of_a_bom: b"\xef\xbbx\ndata:123456\ndata:123456\ndata:123\n\n",
        LIMITS => [block(0)];
    s2_a_bom_before_a_line_too_long: b"\xef\xbb\xbfdata:12345678\n\n", LIMITS => [line(3)];
    s2_a_line_end_is_no_part_of_a_line: b"1\r\n\r\n12\r\n\r\n:\r\n", (1, 1)
        => [line(5), comment("")];
    s2_no_room_at_all: b"\xef\xbb\xbf\n\r\ndata\n\n\n:\n\r\n", (0, 0) => [line(6), line(13)];
    s2_no_room_for_data: b"data\n\ndata:1\n\ndata\n\n", (12, 0)
        => [event(""), block(6), event("")];
    s2_what_is_replaced_counts_as_it_arrived: b"data:\xff\xff\xff\xff\n\n", (12, 4)
        => [event("\u{fffd}\u{fffd}\u{fffd}\u{fffd}")];
}

#[test]
fn s2_a_long_line_is_held_once() {
    let mut decoder = SseDecoder::new();
    let piece = [b'x'; 2048];
    decoder.feed(b"data: ");
    for _ in 0..2048 {
        decoder.feed(&piece);
        assert!(decoder.next().is_none());
    }
    assert_eq!(decoder.parser.held(), 4 << 20);
    assert!(decoder.rest.capacity() <= 4096);
    decoder.feed(b"\n\n");
    let Some(Ok(SseItem::Event(event))) = decoder.next() else {
        panic!("no event");
    };
    assert_eq!(event.data.len(), 4 << 20);
    assert_eq!(decoder.parser.held(), 0);
}

#[test]
fn s2_nothing_is_held_of_what_is_left_out() {
    for prefix in [&b"data: "[..], b": ", b"id: ", b"nothing: "] {
        let mut decoder = SseDecoder::new();
        let piece = vec![b'x'; 1 << 20];
        let mut errors = 0;
        decoder.feed(prefix);
        for _ in 0..64 {
            decoder.feed(&piece);
            errors += decoder.by_ref().filter(Result::is_err).count();
            assert!(decoder.parser.held() <= MAX_LINE);
        }
        assert_eq!(errors, 1);
        assert_eq!(decoder.parser.held(), 0);
        assert!(decoder.rest.capacity() <= 4096);
    }
}

#[test]
fn s2_an_event_of_many_lines_is_bounded() {
    let mut decoder = SseDecoder::new();
    let piece = b"data: 0123456789\n".repeat(1 << 10);
    let mut errors = 0;
    for _ in 0..4 << 10 {
        decoder.feed(&piece);
        errors += decoder.by_ref().filter(Result::is_err).count();
        assert!(decoder.parser.held() <= MAX_EVENT + MAX_LINE);
    }
    assert_eq!(errors, 1);
    assert_eq!(decoder.parser.held(), 0);
}

#[test]
fn s2_pieces_that_were_taken_are_not_kept() {
    let mut decoder = SseDecoder::new();
    for _ in 0..100_000 {
        decoder.feed(b":a\n:b\n");
        assert!(decoder.next().is_some() && decoder.next().is_some());
        decoder.feed(b":a\n:b\n:c\n");
        assert!(decoder.next().is_some() && decoder.next().is_some());
        assert!(decoder.next().is_some());
    }
    decoder.feed(b":a\n:b\n");
    for _ in 0..100_000 {
        decoder.feed(b":a\n");
        assert!(decoder.next().is_some());
        assert!(decoder.rest.capacity() <= 4096);
    }
}
