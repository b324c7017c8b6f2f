//! The encoder of event streams.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use memchr::{memchr, memchr2};

use super::{SseError, SseErrorKind, SseEvent, SseItem};

/// Space for the names of fields and the ends of lines, in bytes.
const AROUND: usize = 64;

/// Encodes an item as a block of its own. A blank line ends it, so that a reader that splits the
/// stream at blank lines sees the item at once.
pub(super) fn encode_item(item: &SseItem, buffer: &mut BytesMut) -> Result<(), SseError> {
    match item {
        SseItem::Event(event) => encode_event(event, buffer),
        SseItem::Comment(comment) => encode_line(b"", comment, has_line_break, buffer),
        SseItem::Id(id) => encode_line(b"id", id, has_line_break_or_nul, buffer),
        SseItem::Retry(time) => encode_retry(*time, buffer),
    }
}

pub(super) fn encode_event(event: &SseEvent, buffer: &mut BytesMut) -> Result<(), SseError> {
    let id = event.id.as_deref();
    if has_line_break(&event.name) || id.is_some_and(has_line_break_or_nul) {
        return Err(invalid());
    }
    let values = event.data.len() + event.name.len() + id.map_or(0, str::len);
    buffer.reserve(values + AROUND);
    if !event.name.is_empty() && event.name != SseEvent::MESSAGE {
        put_field(b"event", event.name.as_bytes(), buffer);
    }
    if let Some(id) = id {
        put_field(b"id", id.as_bytes(), buffer);
    }
    let mut data = event.data.as_bytes();
    while let Some(end) = memchr2(b'\n', b'\r', data) {
        put_field(b"data", &data[..end], buffer);
        data = &data[end..];
        data = data.strip_prefix(b"\r\n").unwrap_or(&data[1..]);
    }
    put_field(b"data", data, buffer);
    buffer.put_u8(b'\n');
    Ok(())
}

fn encode_line(
    name: &[u8],
    value: &str,
    invalid_in: fn(&str) -> bool,
    buffer: &mut BytesMut,
) -> Result<(), SseError> {
    if invalid_in(value) {
        return Err(invalid());
    }
    buffer.reserve(value.len() + AROUND);
    put_field(name, value.as_bytes(), buffer);
    buffer.put_u8(b'\n');
    Ok(())
}

fn encode_retry(time: Duration, buffer: &mut BytesMut) -> Result<(), SseError> {
    let milliseconds = u64::try_from(time.as_millis()).map_err(|_| invalid())?;
    if time != Duration::from_millis(milliseconds) {
        return Err(invalid());
    }
    put_field(b"retry", milliseconds.to_string().as_bytes(), buffer);
    buffer.put_u8(b'\n');
    Ok(())
}

/// Writes a field. A reader skips one space after the colon, so that values may begin with one.
fn put_field(name: &[u8], value: &[u8], buffer: &mut BytesMut) {
    buffer.put_slice(name);
    buffer.put_slice(b": ");
    buffer.put_slice(value);
    buffer.put_u8(b'\n');
}

fn has_line_break(value: &str) -> bool {
    memchr2(b'\n', b'\r', value.as_bytes()).is_some()
}

/// Returns whether a reader would ignore the id.
fn has_line_break_or_nul(value: &str) -> bool {
    has_line_break(value) || memchr(0, value.as_bytes()).is_some()
}

fn invalid() -> SseError {
    SseError::new(SseErrorKind::InvalidEvent, 0)
}

#[cfg(test)]
mod tests {
    use tokio_util::codec::{Decoder, Encoder};

    use super::*;
    use crate::sse::SseCodec;

    fn encoded(item: impl Into<SseItem>) -> Result<String, SseError> {
        let mut buffer = BytesMut::from("before");
        let result = SseCodec::new().encode(item.into(), &mut buffer);
        let text = std::str::from_utf8(&buffer).unwrap();
        let text = text.strip_prefix("before").unwrap().to_owned();
        assert!(result.is_ok() || text.is_empty(), "wrote {text:?}");
        result.map(|()| text)
    }

    #[track_caller]
    fn assert_reads_back(item: impl Into<SseItem>) {
        let item = item.into();
        let mut buffer = BytesMut::new();
        let mut codec = SseCodec::new();
        codec.encode(item.clone(), &mut buffer).unwrap();
        assert_eq!(codec.decode(&mut buffer).unwrap(), Some(item));
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
    }

    #[track_caller]
    fn assert_refused(item: impl Into<SseItem>) {
        let error = encoded(item).unwrap_err();
        assert_eq!(error.kind(), SseErrorKind::InvalidEvent);
    }

    #[test]
    fn s4_what_items_look_like() {
        let event = SseEvent::new("a\nb").with_name("x").with_id("7");
        let all = [
            (event.into(), "event: x\nid: 7\ndata: a\ndata: b\n\n"),
            (SseEvent::new("").into(), "data: \n\n"),
            (SseEvent::default().into(), "data: \n\n"),
            (SseItem::Comment(String::new()), ": \n\n"),
            (SseItem::Comment("here".into()), ": here\n\n"),
            (SseItem::Id("7".into()), "id: 7\n\n"),
            (SseItem::Id(String::new()), "id: \n\n"),
            (SseItem::Retry(Duration::from_secs(2)), "retry: 2000\n\n"),
        ];
        for (item, text) in all {
            assert_eq!(encoded(item.clone()).unwrap(), text);
            assert_reads_back(item);
        }
    }

    #[test]
    fn s4_a_reference_is_written_like_its_event() {
        let event = SseEvent::new("x").with_name("y");
        let mut buffer = BytesMut::new();
        SseCodec::new().encode(&event, &mut buffer).unwrap();
        SseCodec::new().encode(event.clone(), &mut buffer).unwrap();
        assert_eq!(&buffer[..], b"event: y\ndata: x\n\nevent: y\ndata: x\n\n");
    }

    #[test]
    fn s4_data_reads_back_but_for_the_kind_of_its_line_ends() {
        let all = [
            ("\n", "\n"),
            ("\r", "\n"),
            ("\r\n", "\n"),
            ("\n\r", "\n\n"),
            ("\r\r\n\n", "\n\n\n"),
            (
                "a\rid: 1\r\revent: x\n\ndata: y\r\n",
                "a\nid: 1\n\nevent: x\n\ndata: y\n",
            ),
            ("  two spaces", "  two spaces"),
            ("\u{feff}", "\u{feff}"),
            ("\0 \u{2028} \u{85}", "\0 \u{2028} \u{85}"),
        ];
        for (data, expected) in all {
            let mut buffer = BytesMut::new();
            let mut codec = SseCodec::new();
            codec.encode(SseEvent::new(data), &mut buffer).unwrap();
            let item = codec.decode(&mut buffer).unwrap();
            assert_eq!(item, Some(SseEvent::new(expected).into()), "{data:?}");
            assert_eq!(codec.decode(&mut buffer).unwrap(), None, "{data:?}");
        }
    }

    #[test]
    fn s4_names_ids_and_comments_read_back() {
        for text in [
            "", "\u{feff}", " x ", ":", "data: x", "a\tb", "ä", "\u{2028}", "\x7f",
        ] {
            assert_reads_back(SseEvent::new("x").with_id(text));
            assert_reads_back(SseItem::Id(text.into()));
            assert_reads_back(SseItem::Comment(text.into()));
            if !text.is_empty() {
                assert_reads_back(SseEvent::new("x").with_name(text));
            }
        }
        assert_reads_back(SseItem::Comment("\0".into()));
        assert_reads_back(SseEvent::new("x").with_name("\0"));
    }

    #[test]
    fn s4_the_empty_name_is_message() {
        assert_eq!(
            encoded(SseEvent::new("x").with_name("")).unwrap(),
            "data: x\n\n"
        );
        assert_reads_back(SseEvent::new("x").with_name("message"));
    }

    #[test]
    fn s4_what_would_read_back_differently_is_refused() {
        for text in [
            "\n",
            "\r",
            "\r\n",
            "a\nb",
            "1\r\ndata: x",
            "1\n\ndata: x\n\n",
        ] {
            assert_refused(SseEvent::new("x").with_name(text));
            assert_refused(SseEvent::new("x").with_id(text));
            assert_refused(SseItem::Id(text.into()));
            assert_refused(SseItem::Comment(text.into()));
        }
        assert_refused(SseEvent::new("x").with_id("\0"));
        assert_refused(SseItem::Id("1\0".into()));
    }

    #[test]
    fn s4_retry_is_in_whole_milliseconds() {
        assert_reads_back(SseItem::Retry(Duration::ZERO));
        assert_reads_back(SseItem::Retry(Duration::from_millis(1)));
        assert_reads_back(SseItem::Retry(Duration::from_millis(u64::MAX)));
        assert_refused(SseItem::Retry(Duration::from_micros(1)));
        assert_refused(SseItem::Retry(Duration::from_micros(1001)));
        assert_refused(SseItem::Retry(Duration::MAX));
        assert_refused(SseItem::Retry(Duration::from_secs(u64::MAX)));
    }
}
