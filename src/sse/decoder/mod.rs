mod block;
mod byte_count;
mod line_end;
mod parser;
mod resume_state;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, time::Duration};

pub(super) use self::{parser::Parser, resume_state::ResumeState};
use super::{KEPT, MAX_EVENT, MAX_LINE, SseError, SseItem};

/// Decodes event streams, without any I/O.
///
/// Pieces of the stream go in by [`feed`](SseDecoder::feed), cut anywhere; what is complete comes
/// out of the iterator, until it gives `None` and wants more. Decoding takes time in proportion to
/// the bytes fed, whatever the pieces. As the standard says (WHATWG HTML § 9.2.6):
///
/// - one byte order mark at the start is skipped; lines end with LF, CR or CRLF, and one that ends
///   with CR ends there and then; invalid UTF-8 becomes U+FFFD;
/// - the lines of `data` are joined by LF; a block without `data` is no event; a block that the
///   stream ends in is left out;
/// - `id` with a NUL in it, `retry` with anything but digits, and fields with other names are
///   skipped. A `retry` beyond [`u64::MAX`] milliseconds is that many.
///
/// # Errors
///
/// A line longer than allowed ([`LineTooLong`](crate::sse::SseErrorKind::LineTooLong)) or a block
/// with more in it than allowed ([`EventTooLong`](crate::sse::SseErrorKind::EventTooLong)) is one
/// `Err`, and nothing of the block counts but the comments and `retry` fields that were given out
/// before. The items after it follow. No more than one line and one event is held while they are
/// incomplete, and nothing of a block that is left out.
///
/// ```
/// use wsio::sse::{SseDecoder, SseEvent, SseItem};
///
/// # fn main() -> Result<(), wsio::sse::SseError> {
/// let mut decoder = SseDecoder::new();
/// decoder.feed(b": hello\n\nid: 7\nda");
/// assert_eq!(decoder.next().transpose()?, Some(SseItem::Comment("hello".into())));
/// assert_eq!(decoder.next().transpose()?, None);
///
/// decoder.feed(b"ta: one\ndata: two\n\n");
/// let event = SseEvent::new("one\ntwo").with_id("7");
/// assert_eq!(decoder.next().transpose()?, Some(SseItem::Event(event)));
/// assert_eq!(decoder.last_event_id(), Some("7"));
/// # Ok(())
/// # }
/// ```
pub struct SseDecoder {
    parser: Parser,
    resume_state: ResumeState,
    /// What was complete before all of the stream was parsed.
    ready: VecDeque<Result<SseItem, SseError>>,
    /// What was fed behind that; from `parsed` on it is to be parsed.
    rest: Vec<u8>,
    parsed: usize,
}

impl SseDecoder {
    /// A line may have up to 8 MiB, an event up to 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(MAX_LINE, MAX_EVENT)
    }

    /// A line may have up to `max_line` bytes without its end, and the data, name and id of an
    /// event up to `max_event` bytes together.
    #[must_use]
    pub fn with_limits(max_line: usize, max_event: usize) -> Self {
        Self {
            parser: Parser::new(max_line, max_event),
            resume_state: ResumeState::default(),
            ready: VecDeque::new(),
            rest: Vec::new(),
            parsed: 0,
        }
    }

    /// Takes the next piece of the stream.
    ///
    /// The piece is read at once as far as its first item; what is behind that is copied. Without
    /// calls of `next` in between, pieces pile up.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut piece = piece;
        if self.rest.is_empty() {
            if let Some(item) = self.parser.parse(&mut piece) {
                self.ready.push_back(item);
            }
        } else if self.parsed > self.rest.len() / 2 {
            self.rest.drain(..self.parsed);
            byte_count::add(self.rest.len());
            self.parsed = 0;
        }
        byte_count::add(piece.len());
        self.rest.extend_from_slice(piece);
    }

    /// The stream ends here, and what is fed from now on is another one.
    ///
    /// What is complete is still given out. An unfinished block is not, as the standard says. The
    /// last event id and the reconnection time stay.
    pub fn end(&mut self) {
        while let Some(item) = self.parse_rest() {
            self.ready.push_back(item);
        }
        self.parser.end();
    }

    /// The last event id that was given out, in an event or by itself; empty if there is none.
    ///
    /// This is where a connection that is made anew goes on (WHATWG HTML § 9.2.4). It stays the
    /// same over events without an id, and over the end of a stream.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.resume_state.last_event_id()
    }

    /// Sets the last event id, such as one that was kept from an earlier run of the program.
    pub fn set_last_event_id<'a>(&mut self, id: impl Into<Option<&'a str>>) {
        self.resume_state.set_last_event_id(id.into());
    }

    /// The last reconnection time that was given out, if any.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.resume_state.reconnection_time()
    }

    fn parse_rest(&mut self) -> Option<Result<SseItem, SseError>> {
        if self.rest.is_empty() {
            return None;
        }
        let mut input = &self.rest[self.parsed..];
        let item = self.parser.parse(&mut input);
        self.parsed = self.rest.len() - input.len();
        if input.is_empty() {
            self.forget_rest();
        }
        item
    }

    fn forget_rest(&mut self) {
        self.parsed = 0;
        self.rest.clear();
        self.rest.shrink_to(KEPT);
    }
}

/// The items that are complete. After `None` there may be more once more is fed.
impl Iterator for SseDecoder {
    type Item = Result<SseItem, SseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = if self.ready.is_empty() {
            self.parse_rest()
        } else {
            self.ready.pop_front()
        };
        self.resume_state.note(item.as_ref());
        item
    }
}

impl Default for SseDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SseDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseDecoder")
            .field("position", &self.parser.position())
            .field("last_event_id", &self.last_event_id())
            .field("reconnection_time", &self.reconnection_time())
            .finish_non_exhaustive()
    }
}
