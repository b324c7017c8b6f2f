//! What the lines of a block add up to.

use std::time::Duration;

use super::byte_count;
use crate::sse::{SseEvent, SseItem};

/// The fields of an unfinished block.
///
/// Invalid UTF-8 is replaced when a value is taken, not when it is read. The outcome is the same as
/// if the stream was decoded first, as the standard says: the bytes that delimit values are ASCII,
/// and so never part of a sequence, complete or not.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    /// The standard's data buffer, without the LF at its end.
    data: Vec<u8>,
    /// There was a data field, perhaps an empty one.
    has_data: bool,
    name: String,
    id: Option<String>,
}

impl Block {
    /// Takes a line that is not blank. The item that it is by itself, if it is one.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<SseItem> {
        byte_count::add(line.len());
        match line {
            [b'd', b'a', b't', b'a', rest @ ..] => self.begin_data(value(rest)?),
            [b'i', b'd', rest @ ..] => {
                let id = value(rest)?;
                if !id.contains(&0) {
                    self.id = Some(text(id));
                }
            }
            [b'e', b'v', b'e', b'n', b't', rest @ ..] => self.name = text(value(rest)?),
            [b'r', b'e', b't', b'r', b'y', rest @ ..] => return milliseconds(value(rest)?),
            [b':', ..] => return Some(SseItem::Comment(text(value(line)?))),
            _ => {}
        }
        None
    }

    /// The value of an unfinished line that is sure to be a data field, as far as it is there.
    pub(super) fn unfinished_data(line: &[u8]) -> Option<&[u8]> {
        // With less it is not known yet whether a space is left out.
        match line.strip_prefix(b"data:") {
            Some(value) if !value.is_empty() => Some(without_space(value)),
            _ => None,
        }
    }

    /// Takes the value of a data field, or its beginning.
    pub(super) fn begin_data(&mut self, value: &[u8]) {
        byte_count::add(value.len());
        if self.has_data {
            self.data.push(b'\n');
            self.data.extend_from_slice(value);
        } else {
            self.has_data = true;
            self.data = value.to_vec();
        }
    }

    /// Takes more of the value of a data field.
    pub(super) fn extend_data(&mut self, value: &[u8]) {
        byte_count::add(value.len());
        self.data.extend_from_slice(value);
    }

    /// The bytes the block takes.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.name.len() + self.id.as_ref().map_or(0, String::len)
    }

    /// Ends the block, and gives what it is. The next line begins another.
    pub(super) fn dispatch(&mut self) -> Option<SseItem> {
        if !self.has_data {
            self.name.clear();
            return self.id.take().map(SseItem::Id);
        }
        self.has_data = false;
        byte_count::add(self.data.len());
        let name = if self.name.is_empty() {
            SseEvent::MESSAGE.to_owned()
        } else {
            std::mem::take(&mut self.name)
        };
        Some(SseItem::Event(SseEvent {
            name,
            data: owned_text(std::mem::take(&mut self.data)),
            id: self.id.take(),
        }))
    }
}

/// The value of a field, from what is behind its name, if the name ends there.
fn value(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [] => Some(&[]),
        [b':', value @ ..] => Some(without_space(value)),
        _ => None,
    }
}

fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

fn text(bytes: &[u8]) -> String {
    // This is faster than `from_utf8_lossy` alone where nothing is to be replaced.
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn owned_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| text(error.as_bytes()))
}

/// A number of any size is valid in the standard; one that does not fit is the largest that does.
fn milliseconds(digits: &[u8]) -> Option<SseItem> {
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number.saturating_mul(10);
        number = number.saturating_add(u64::from(digit - b'0'));
    }
    Some(SseItem::Retry(Duration::from_millis(number)))
}
