use std::{fmt, marker::PhantomData};

use bytes::{BufMut, BytesMut};
use memchr::memchr;
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::codec::{Decoder, Encoder};

use super::{CodecError, CodecErrorKind, MAX_VALUE};

/// A codec of one JSON value per line. It decodes values of type `In` and encodes values of type
/// `Out`.
///
/// The format is known as [NDJSON](https://github.com/ndjson/ndjson-spec) and JSON Lines. A line ends
/// with LF or CRLF. Blank lines are skipped. The last line may lack its end.
///
/// An item is a `Result`. A line that is not the expected JSON
/// ([`Invalid`](CodecErrorKind::Invalid)) or exceeds its limit
/// ([`TooLong`](CodecErrorKind::TooLong)) is an error with the position of the line, and the next
/// line follows. The rest of a line over the limit is not buffered. The decoder itself fails only
/// if the underlying stream fails.
///
/// ```
/// use futures::{SinkExt, StreamExt, TryStreamExt};
/// use tokio_util::codec::Framed;
/// use wsio::codec::JsonCodec;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (here, there) = tokio::io::duplex(64);
/// let mut here = Framed::new(here, JsonCodec::<String, u32>::new());
/// let mut there = Framed::new(there, JsonCodec::<u32, String>::new());
///
/// here.send(7).await?;
/// let number = there.try_next().await?.expect("a line")?;
/// there.send(format!("got {number}")).await?;
/// assert_eq!(here.next().await.expect("a line")??, "got 7");
/// # Ok(())
/// # }
/// ```
pub struct JsonCodec<In, Out = In> {
    max_line: usize,
    /// The number of bytes of the buffer that were searched and contain no LF.
    searched: usize,
    /// The position of the buffer in the stream.
    position: u64,
    /// The line exceeds its limit, and its rest is discarded.
    discarding: bool,
    values: PhantomData<fn(Out) -> In>,
}

impl<In, Out> JsonCodec<In, Out> {
    /// Creates a codec that decodes lines of up to 8 MiB.
    pub fn new() -> Self {
        Self::with_max_line(MAX_VALUE)
    }

    /// Creates a codec that decodes lines of up to `max` bytes, without their end.
    pub fn with_max_line(max: usize) -> Self {
        Self {
            max_line: max,
            searched: 0,
            position: 0,
            discarding: false,
            values: PhantomData,
        }
    }

    /// Returns the limit of a decoded line in bytes, without its end.
    pub fn max_line(&self) -> usize {
        self.max_line
    }

    /// Removes the next line from the buffer, with its end.
    fn take(&mut self, buffer: &mut BytesMut, length: usize) -> (u64, BytesMut) {
        let position = self.position;
        self.position += length as u64;
        self.searched = 0;
        (position, buffer.split_to(length))
    }
}

impl<In: DeserializeOwned, Out> JsonCodec<In, Out> {
    /// Decodes a line. Returns `None` for a blank one.
    fn value(&self, position: u64, line: &[u8]) -> Option<Result<In, CodecError>> {
        let line = text(line);
        if line.len() > self.max_line {
            return Some(Err(CodecError::new(CodecErrorKind::TooLong, position)));
        }
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            return None;
        }
        let value = serde_json::from_slice(line);
        Some(value.map_err(|error| CodecError::because(CodecErrorKind::Invalid, position, error)))
    }
}

/// Returns a line without its end.
fn text(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl<In: DeserializeOwned, Out> Decoder for JsonCodec<In, Out> {
    type Item = Result<In, CodecError>;
    type Error = CodecError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, CodecError> {
        while let Some(found) = memchr(b'\n', &buffer[self.searched..]) {
            let (position, line) = self.take(buffer, self.searched + found + 1);
            if std::mem::take(&mut self.discarding) {
                continue;
            }
            if let Some(value) = self.value(position, &line) {
                return Ok(Some(value));
            }
        }
        self.searched = buffer.len();
        // A CR may belong to the end of the line.
        if !self.discarding && text(buffer).len() <= self.max_line {
            return Ok(None);
        }
        let (position, _) = self.take(buffer, buffer.len());
        let first = !std::mem::replace(&mut self.discarding, true);
        Ok(first.then(|| Err(CodecError::new(CodecErrorKind::TooLong, position))))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, CodecError> {
        if let Some(value) = self.decode(buffer)? {
            return Ok(Some(value));
        }
        let (position, line) = self.take(buffer, buffer.len());
        self.discarding = false;
        Ok(self.value(position, &line))
    }
}

impl<In, Out: Serialize> Encoder<Out> for JsonCodec<In, Out> {
    type Error = CodecError;

    fn encode(&mut self, value: Out, buffer: &mut BytesMut) -> Result<(), CodecError> {
        let start = buffer.len();
        if let Err(error) = serde_json::to_writer((&mut *buffer).writer(), &value) {
            buffer.truncate(start);
            return Err(CodecError::because(CodecErrorKind::Unencodable, 0, error));
        }
        // serde_json writes none of its own, but a value may carry JSON text as it is
        // (`RawValue`). Outside of strings, where it must be escaped, LF is white space.
        let written = &mut buffer[start..];
        let mut from = 0;
        while let Some(found) = memchr(b'\n', &written[from..]) {
            written[from + found] = b' ';
            from += found + 1;
        }
        buffer.put_u8(b'\n');
        Ok(())
    }
}

impl<In, Out> Default for JsonCodec<In, Out> {
    fn default() -> Self {
        Self::new()
    }
}

impl<In, Out> Clone for JsonCodec<In, Out> {
    fn clone(&self) -> Self {
        Self {
            values: PhantomData,
            ..*self
        }
    }
}

impl<In, Out> fmt::Debug for JsonCodec<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonCodec")
            .field("max_line", &self.max_line)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::RawValue};

    use super::*;
    use crate::codec::splits::{CodecOutcome, decodes};

    fn lines() -> JsonCodec<Value> {
        JsonCodec::with_max_line(16)
    }

    fn bad(position: u64) -> CodecOutcome<Value> {
        CodecOutcome::Item(CodecErrorKind::Invalid, position)
    }

    fn long(position: u64) -> CodecOutcome<Value> {
        CodecOutcome::Item(CodecErrorKind::TooLong, position)
    }

    macro_rules! good {
        ($($json:tt)+) => {
            CodecOutcome::Value(json!($($json)+))
        };
    }

    decodes! {
        nothing: lines(), b"" => [];
        one_line: lines(), b"{\"a\":1}\n" => [good!({"a": 1})];
        several_lines: lines(), b"1\n\"two\"\n[3]\n" => [good!(1), good!("two"), good!([3])];
        crlf: lines(), b"1\r\n2\r\n" => [good!(1), good!(2)];
        blank_lines: lines(), b"\n\r\n  \t\n1\n\n\n2\n" => [good!(1), good!(2)];
        white_space_around_a_value: lines(), b"  1\t\n" => [good!(1)];
        the_last_line_may_lack_its_end: lines(), b"1\n2" => [good!(1), good!(2)];
        the_last_line_may_end_in_cr: lines(), b"1\n2\r" => [good!(1), good!(2)];
        a_bad_line_is_an_item: lines(), b"1\nnope\n2\n" => [good!(1), bad(2), good!(2)];
        two_values_on_a_line: lines(), b"1 2\n3\n" => [bad(0), good!(3)];
        a_value_over_two_lines: lines(), b"[1,\n2]\n3\n" => [bad(0), bad(4), good!(3)];
        invalid_utf8: lines(), b"\"\xff\"\n1\n" => [bad(0), good!(1)];
        a_byte_order_mark: lines(), b"\xef\xbb\xbf1\n2\n" => [bad(0), good!(2)];
        as_long_as_allowed: lines(), b"\"12345678901234\"\n1\n"
            => [good!("12345678901234"), good!(1)];
        as_long_as_allowed_with_crlf: lines(), b"\"12345678901234\"\r\n1\n"
            => [good!("12345678901234"), good!(1)];
        too_long: lines(), b"\"123456789012345\"\n1\n" => [long(0), good!(1)];
        much_too_long: lines(), b"1\n\"12345678901234567890123456789012345678\"\n2\n"
            => [good!(1), long(2), good!(2)];
        too_long_and_cut_off: lines(), b"1\n\"1234567890123456789012345" => [good!(1), long(2)];
        too_long_twice: lines(), b"12345678901234567\n12345678901234567\n1\n"
            => [long(0), long(18), good!(1)];
        cut_off: lines(), b"{\"a\":" => [bad(0)];
        deeply_nested: JsonCodec::<Value>::new(), &[b'['; 1000] => [bad(0)];
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept() {
        let mut codec = lines();
        let mut buffer = BytesMut::new();
        buffer.put_bytes(b'1', 17);
        assert!(matches!(codec.decode(&mut buffer), Ok(Some(Err(_)))));
        for _ in 0..1000 {
            buffer.put_bytes(b'1', 1000);
            assert!(matches!(codec.decode(&mut buffer), Ok(None)));
            assert!(buffer.is_empty());
        }
        buffer.put_slice(b"\n2\n");
        assert_eq!(codec.decode(&mut buffer).unwrap().unwrap().unwrap(), 2);
    }

    #[test]
    fn a_value_that_cannot_be_encoded_writes_nothing() {
        let mut codec = JsonCodec::<Value, Vec<std::collections::HashMap<Vec<u8>, u8>>>::new();
        let mut buffer = BytesMut::from(&b"1\n"[..]);
        let value = vec![[].into(), [(vec![1], 2)].into()];
        let error = codec.encode(value, &mut buffer).unwrap_err();
        assert_eq!(error.kind(), CodecErrorKind::Unencodable);
        assert_eq!(buffer, &b"1\n"[..]);
    }

    #[test]
    fn json_text_carried_as_it_is_stays_on_one_line() {
        let raw = RawValue::from_string("[1,\n\n \"a\\nb\",\r\n2]".into()).unwrap();
        let mut buffer = BytesMut::new();
        let mut codec = JsonCodec::<Value, Box<RawValue>>::new();
        codec.encode(raw, &mut buffer).unwrap();
        let read = codec.decode(&mut buffer).unwrap().unwrap().unwrap();
        assert_eq!(read, json!([1, "a\nb", 2]));
        assert!(buffer.is_empty());
    }
}
