//! The format tests of the Web Platform Tests (`eventsource/format-*`) under their own names, the
//! examples of WHATWG HTML § 9.2.6, and what both leave open.

use std::time::Duration;

use crate::sse::decoder::tests::splits::{
    assert_decodes, comment, decodes, event, id, named, retry, with_id,
};

const LIMITS: (usize, usize) = (1 << 10, 1 << 10);

decodes! {
    s1_format_bom: b"\xef\xbb\xbfdata:1\n\n\xef\xbb\xbfdata:2\n\ndata:3\n\n"
        => [event("1"), event("3")];
    s1_format_bom_2: b"\xef\xbb\xbf\xef\xbb\xbfdata:1\n\ndata:2\n\ndata:3\n\n"
        => [event("2"), event("3")];
    s1_format_comments: b"data:1\r:\0\n:\r\ndata:2\n:xxxx\rdata:3\n:data:fail\r:xx\ndata:4\n\n"
        => [
            comment("\0"),
            comment(""),
            comment("xxxx"),
            comment("data:fail"),
            comment("xx"),
            event("1\n2\n3\n4"),
        ];
    s1_format_data_before_final_empty_line: b"retry:1000\ndata:test1\n\nid:test\ndata:test2"
        => [retry(1000), event("test1")];
    s1_format_field_data: b"data:\n\ndata\ndata\n\ndata:test\n\n"
        => [event(""), event("\n"), event("test")];
    s1_format_field_event: b"event:test\ndata:x\n\ndata:x\n\n"
        => [named("test", "x"), event("x")];
    s1_format_field_event_empty: b"event: \ndata:data\n\n" => [event("data")];
    s1_format_field_id: b"id: \xe2\x80\xa6\nretry: 200\ndata: hello\n\n"
        => [retry(200), with_id("…", "hello")];
    s1_format_field_id_2: b"id: a\ndata: 1\n\ndata: 2\n\nid: b\ndata: 3\n\n"
        => [with_id("a", "1"), event("2"), with_id("b", "3")];
    s1_format_field_id_3_resets: b"id: 1\ndata: 1\n\nid:\ndata:2\n\ndata:3\n\n"
        => [with_id("1", "1"), with_id("", "2"), event("3")];
    s1_format_field_id_null: b"id: \0\0\nretry: 200\ndata: hello\n\n"
        => [retry(200), event("hello")];
    s1_format_field_parsing:
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n"
        => [event("\0\n 2\n1\n3\n\n4")];
    s1_format_field_retry: b"retry:3000\ndata:x\n\n" => [retry(3000), event("x")];
    s1_format_field_retry_bogus: b"retry:3000\nretry:1000x\ndata:x\n\n"
        => [retry(3000), event("x")];
    s1_format_field_retry_empty: b"retry\ndata:test\n\n" => [event("test")];
    s1_format_field_unknown:
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n"
        => [comment("thisisacommentyay"), event("test\n\ntest")];
    s1_format_leading_space: b"data:\ttest\rdata: \ndata:test\n\n" => [event("\ttest\n\ntest")];
    s1_format_newlines: b"data:test\r\ndata\ndata:test\r\n\r" => [event("test\n\ntest")];
    s1_format_null_character: b"data:\0\n\n\n\n" => [event("\0")];
    s1_format_utf_8: b"data:ok\xe2\x80\xa6\n\n" => [event("ok…")];

    s1_example_stocks: b"data: YHOO\ndata: +2\ndata: 10\n\n" => [event("YHOO\n+2\n10")];
    s1_example_four_blocks:
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
        => [comment("test stream"), with_id("1", "first event"), with_id("", "second event")];
    s1_example_empty_data: b"data\n\ndata\ndata\n\ndata:" => [event(""), event("\n")];
    s1_example_spaces: b"data:test\n\ndata: test\n\n" => [event("test"), event("test")];

    s1_nothing: b"" => [];
    s1_blank_lines: b"\n\r\r\n\n" => [];
    s1_a_bom_alone: b"\xef\xbb\xbf" => [];
    s1_a_bom_before_a_blank_line: b"\xef\xbb\xbf\ndata:1\n\n" => [event("1")];
    s1_a_bom_after_a_blank_line: b"\n\xef\xbb\xbfdata:1\n\n" => [];
    s1_a_bom_before_a_comment: b"\xef\xbb\xbf:\xef\xbb\xbf\n" => [comment("\u{feff}")];
    s1_part_of_a_bom: b"\xef\xbbdata:1\n\ndata:2\n\n" => [event("2")];
    s1_part_of_a_bom_at_the_end: b"\xef\xbb" => [];
    s1_part_of_a_bom_before_a_line_end: b"\xef\r\ndata:2\n\n" => [event("2")];
    s1_a_lone_cr_dispatches_at_once: b"data:1\r\r" => [event("1")];
    s1_line_ends_of_every_kind: b"data:1\r\r\ndata:2\n\rdata:3\r\n\ndata:4\n\r\ndata:5\r\n\r\n"
        => [event("1"), event("2"), event("3"), event("4"), event("5")];
    s1_one_space_is_left_out: b"data:  x \nid:  7\nevent:  a b\n\n:  c\n"
        => [
            Ok(crate::sse::SseEvent::new(" x ").with_name(" a b").with_id(" 7").into()),
            comment(" c"),
        ];
    s1_the_last_id_and_name_of_a_block_count: b"id:1\nid:2\nid:\0\nevent:a\nevent:b\ndata\n\n"
        => [Ok(crate::sse::SseEvent::new("").with_name("b").with_id("2").into())];
    s1_a_name_can_be_taken_back: b"event:a\nevent\ndata\n\n" => [event("")];
    s1_a_name_does_not_outlive_its_block: b"event:a\n\ndata\n\n" => [event("")];
    s1_colons_in_values: b"data::\ndata: a:b\n\n::\n" => [event(":\na:b"), comment(":")];
    s1_names_that_only_begin_alike: b"dat:1\ndataa:1\ndata :1\nid \nids:1\nevents\nretrys:1\n\n"
        => [];
    s1_retry_takes_digits_only:
        b"retry:+5\nretry:-5\nretry:5 \nretry:  5\nretry:5.0\nretry:0x5\nretry:\xd9\xa5\nretry: 007\n"
        => [retry(7)];
    s1_retry_of_any_size: b"retry:18446744073709551615\nretry:18446744073709551616\nretry:99999999999999999999999\n"
        => [retry(u64::MAX), retry(u64::MAX), retry(u64::MAX)];
    s1_invalid_utf8_is_replaced: b"data:\xff\n\ndata:a\xe2\x80\n\ndata:\xe2\x80b\n\ndata:\xf0\x9f\x92\xf0\x9f\x92\xa9\n\n"
        => [
            event("\u{fffd}"),
            event("a\u{fffd}"),
            event("\u{fffd}b"),
            event("\u{fffd}\u{1f4a9}"),
        ];
    s1_surrogates_and_overlong_sequences_are_replaced: b"data:\xed\xa0\x80\xc0\xaf\xf5\n\n"
        => [event("\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}")];
    s1_invalid_utf8_anywhere: b":\xff\nevent:\xc3\nid:\xe2\x82\ndata\n\n\xff\xfe\n"
        => [
            comment("\u{fffd}"),
            Ok(crate::sse::SseEvent::new("").with_name("\u{fffd}").with_id("\u{fffd}").into()),
        ];
    s1_sequences_do_not_go_on_over_a_line_end: b"data:\xe2\ndata:\x82\xac\n\n"
        => [event("\u{fffd}\n\u{fffd}\u{fffd}")];
    s1_unicode_line_separators_end_nothing: b"data:a\xc2\x85b\xe2\x80\xa8c\x0bd\n\n"
        => [event("a\u{85}b\u{2028}c\u{b}d")];
    s1_a_block_cut_off_is_left_out: b"data:1\n\nid:2\ndata:2\n" => [event("1")];
    s1_a_line_cut_off_is_left_out: b"data:1\n\nid:2" => [event("1")];
    s1_a_retry_line_cut_off_is_left_out: b"retry:10" => [];
    s1_id_only_blocks_count: b"id:1\n\nid\n\nevent:x\nid:2\n\n\n"
        => [id("1"), id(""), id("2")];

    s3_a_heartbeat: b":\n\n:\n\n" => [comment(""), comment("")];
    s3_a_comment_does_not_wait_for_its_block: b"data:1\n: here\n" => [comment("here")];
    s3_retry_only_blocks_count: b"retry:10\n\n\n" => [retry(10)];
    s3_items_within_a_block: b"data:1\n:a\nretry:1\ndata:2\n:b\n\n"
        => [comment("a"), retry(1), comment("b"), event("1\n2")];
}

/// The last event id after a stream.
fn last_event_id(input: &[u8]) -> String {
    let items = super::splits::decoder(LIMITS, &[input]).items;
    assert_decodes(LIMITS, input, &items)
        .last_event_id
        .unwrap_or_default()
}

#[test]
fn s1_the_last_event_id_stays_until_it_is_set() {
    assert_eq!(last_event_id(b"data:1\n\n"), "");
    assert_eq!(last_event_id(b"id:1\ndata:1\n\ndata:2\n\n"), "1");
    assert_eq!(last_event_id(b"id:1\ndata:1\n\nid:2\ndata:2\n\n"), "2");
    assert_eq!(last_event_id(b"id:1\ndata:1\n\nid\ndata:2\n\n"), "");
    assert_eq!(last_event_id(b"id:1\ndata:1\n\nid:2\n\n"), "2");
    assert_eq!(last_event_id(b"id:1\ndata:1\n\nid:2\0\n\n"), "1");
    assert_eq!(last_event_id(b"id:1\ndata:1\n\nid:2\ndata:2\n"), "1");
}

#[test]
fn s1_the_reconnection_time_stays_until_it_is_set() {
    let items = [retry(1), event("x"), retry(2)];
    let outcome = assert_decodes(LIMITS, b"retry:1\ndata:x\n\nretry:2\n\nretry:x\n\n", &items);
    assert_eq!(outcome.reconnection_time, Some(Duration::from_millis(2)));
}
