//! The fields of a block, and the item they form.

use std::time::Duration;

use super::byte_count;
use crate::sse::{SseEvent, SseItem};

/// The fields of an unfinished block.
///
/// Invalid UTF-8 is replaced when a value is taken, not when it is read. The outcome is the same as
/// if the stream was decoded first, as the standard says: the bytes that delimit values are ASCII,
/// and so never part of a sequence, complete or not.
#[derive(Debug, Clone, Default)]
pub(super) struct SseBlock {
    /// The standard's data buffer, without the LF at its end.
    data: Vec<u8>,
    /// The block has a data field, which may be empty.
    has_data: bool,
    name: String,
    id: Option<String>,
}

impl SseBlock {
    /// Adds a line that is not blank. Returns the item that the line forms by itself, if any.
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

    /// Returns the beginning of the value, if an unfinished line is certain to be a data field.
    pub(super) fn unfinished_data(line: &[u8]) -> Option<&[u8]> {
        // Without the first byte it is unknown whether to skip a space.
        match line.strip_prefix(b"data:") {
            Some(value) if !value.is_empty() => Some(without_space(value)),
            _ => None,
        }
    }

    /// Adds a data field, or the beginning of one.
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

    /// Adds to the value of the last data field.
    pub(super) fn extend_data(&mut self, value: &[u8]) {
        byte_count::add(value.len());
        self.data.extend_from_slice(value);
    }

    /// Returns the size of the block in bytes.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.name.len() + self.id.as_ref().map_or(0, String::len)
    }

    /// Ends the block, and returns its item. The next line begins another block.
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

/// Returns the value of a field, given the bytes after its name, if the name ends there.
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
    // For valid UTF-8 this is faster than `from_utf8_lossy` alone.
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn owned_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| text(error.as_bytes()))
}

/// Parses a reconnection time. The standard allows numbers of any size; larger ones are taken as
/// [`u64::MAX`].
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
