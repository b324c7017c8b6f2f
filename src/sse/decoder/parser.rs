//! The parser of event streams: lines, blocks, and the limits of both.

use std::mem;

use super::{block::SseBlock, byte_count, line_end::line_end};
use crate::sse::{KEPT_CAPACITY, SseError, SseErrorKind, SseItem};

const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The parser of event streams (WHATWG HTML § 9.2.6).
///
/// It reads every byte once, regardless of the pieces. A complete line is parsed in place. An
/// incomplete line is held until it is complete; if it is data, it goes straight into the block.
#[derive(Debug, Clone)]
pub(in crate::sse) struct SseParser {
    max_line: usize,
    max_event: usize,
    /// The bytes of a byte order mark that the stream begins with; all of them once past the start.
    bom: usize,
    /// The last line ended with CR, and a following LF belongs to its end.
    after_cr: bool,
    /// The block is skipped, up to the next blank line.
    discarding: bool,
    /// The bytes of the incomplete line so far.
    length: usize,
    /// The incomplete line, unless it is `in_data`.
    tail: Vec<u8>,
    /// The incomplete line is a data field, and its value so far is in the block.
    in_data: bool,
    block: SseBlock,
    /// The positions in the stream of the block, of the incomplete line, and of the next byte.
    block_at: u64,
    line_at: u64,
    read: u64,
}

impl SseParser {
    pub(in crate::sse) fn new(max_line: usize, max_event: usize) -> Self {
        Self {
            max_line,
            max_event,
            bom: 0,
            after_cr: false,
            discarding: false,
            length: 0,
            tail: Vec::new(),
            in_data: false,
            block: SseBlock::default(),
            block_at: 0,
            line_at: 0,
            read: 0,
        }
    }

    /// Parses up to the end of the line that completes an item. `None` means that all was parsed.
    pub(in crate::sse) fn parse(&mut self, input: &mut &[u8]) -> Option<Result<SseItem, SseError>> {
        if self.bom < BOM.len() && !self.pass_bom(input) {
            return None;
        }
        if self.after_cr {
            self.pass_lf(input);
        }
        while let Some(end) = line_end(input) {
            let (line, rest) = input.split_at(end);
            let end = if rest.starts_with(b"\r\n") { 2 } else { 1 };
            self.after_cr = rest == b"\r";
            *input = &rest[end..];
            let begin = self.read;
            self.read += (line.len() + end) as u64;
            let item = self.end_line(line, begin);
            if item.is_some() {
                return item;
            }
        }
        self.hold(mem::take(input)).map(Err)
    }

    /// Ends the stream; the next byte is the first of another one. An incomplete block is
    /// discarded.
    pub(in crate::sse) fn end(&mut self) {
        *self = Self::new(self.max_line, self.max_event);
    }

    /// Returns the number of bytes parsed of the stream.
    pub(in crate::sse) fn position(&self) -> u64 {
        self.read
    }

    /// Returns the number of bytes held of incomplete lines and blocks.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.tail.len() + self.block.size()
    }

    /// Skips one byte order mark at the start. Returns whether it is certain if there is one.
    fn pass_bom(&mut self, input: &mut &[u8]) -> bool {
        let missing = &BOM[self.bom..];
        let found = input.iter().zip(missing).take_while(|(a, b)| a == b);
        let found = found.count();
        if found < missing.len() && found < input.len() {
            self.tail.extend_from_slice(&BOM[..self.bom]);
            self.length = self.bom;
            self.bom = BOM.len();
            return true;
        }
        self.bom += found;
        self.read += found as u64;
        *input = &input[found..];
        if self.bom < BOM.len() {
            return false;
        }
        self.block_at = self.read;
        true
    }

    /// Skips LF if it belongs to the end of the previous line.
    fn pass_lf(&mut self, input: &mut &[u8]) {
        self.after_cr = input.is_empty();
        if let Some(rest) = input.strip_prefix(b"\n") {
            if self.block_at == self.read {
                self.block_at += 1;
            }
            self.read += 1;
            *input = rest;
        }
    }

    /// Adds a piece of an incomplete line.
    fn hold(&mut self, piece: &[u8]) -> Option<SseError> {
        if piece.is_empty() {
            return None;
        }
        if self.length == 0 {
            self.line_at = self.read;
        }
        self.read += piece.len() as u64;
        self.length = self.length.saturating_add(piece.len());
        if self.discarding {
            return None;
        }
        if self.length > self.max_line {
            return Some(self.fail(SseErrorKind::LineTooLong, self.line_at));
        }
        if self.in_data {
            self.block.extend_data(piece);
        } else if !self.tail.is_empty() {
            self.extend_tail(piece);
            if let Some(value) = SseBlock::unfinished_data(&self.tail) {
                self.block.begin_data(value);
                self.in_data = true;
                self.tail.clear();
            }
        } else if let Some(value) = SseBlock::unfinished_data(piece) {
            self.block.begin_data(value);
            self.in_data = true;
        } else {
            self.extend_tail(piece);
        }
        None
    }

    /// Adds the last piece of a line, which begins at position `begin`.
    fn end_line(&mut self, piece: &[u8], begin: u64) -> Option<Result<SseItem, SseError>> {
        let held = mem::take(&mut self.length);
        if held == 0 && piece.is_empty() {
            return self.end_block();
        }
        if self.discarding {
            return None;
        }
        if held.saturating_add(piece.len()) > self.max_line {
            let begin = if held == 0 { begin } else { self.line_at };
            return Some(Err(self.fail(SseErrorKind::LineTooLong, begin)));
        }
        let item = if held == 0 {
            self.block.line(piece)
        } else {
            self.end_held(piece)
        };
        if self.block.size() > self.max_event {
            return Some(Err(self.fail(SseErrorKind::EventTooLong, self.block_at)));
        }
        item.map(Ok)
    }

    fn end_held(&mut self, piece: &[u8]) -> Option<SseItem> {
        if mem::take(&mut self.in_data) {
            self.block.extend_data(piece);
            return None;
        }
        self.extend_tail(piece);
        let item = self.block.line(&self.tail);
        self.forget_tail();
        item
    }

    fn end_block(&mut self) -> Option<Result<SseItem, SseError>> {
        self.block_at = self.read;
        if mem::take(&mut self.discarding) {
            return None;
        }
        self.block.dispatch().map(Ok)
    }

    #[cold]
    fn fail(&mut self, kind: SseErrorKind, position: u64) -> SseError {
        self.discarding = true;
        self.in_data = false;
        self.block = SseBlock::default();
        self.forget_tail();
        SseError::new(kind, position)
    }

    fn extend_tail(&mut self, piece: &[u8]) {
        byte_count::add(piece.len());
        self.tail.extend_from_slice(piece);
    }

    fn forget_tail(&mut self) {
        self.tail.clear();
        self.tail.shrink_to(KEPT_CAPACITY);
    }
}
