mod block;
mod byte_count;
mod line_end;
mod parser;
mod resume_state;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, time::Duration};

pub(super) use self::{parser::SseParser, resume_state::ResumeState};
use super::{KEPT_CAPACITY, MAX_EVENT, MAX_LINE, SseError, SseItem};

/// A decoder of event streams, without I/O.
///
/// [`feed`](SseDecoder::feed) takes pieces of the stream, of any size. The iterator yields complete
/// items, and `None` until more is fed. Decoding takes time in proportion to the bytes fed,
/// regardless of the pieces. As in the standard (WHATWG HTML § 9.2.6):
///
/// - One byte order mark at the start is skipped. Lines end with LF, CR or CRLF; a CR ends its line
///   at once. Invalid UTF-8 becomes U+FFFD.
/// - The lines of `data` are joined by LF. A block without `data` is no event. A block is discarded
///   if the stream ends within it.
/// - An `id` with a NUL, a `retry` with anything but digits, and unknown fields are ignored. A
///   `retry` over [`u64::MAX`] milliseconds is taken as that maximum.
///
/// # Errors
///
/// A line over its limit ([`LineTooLong`](crate::sse::SseErrorKind::LineTooLong)) or a block over the
/// limit of an event ([`EventTooLong`](crate::sse::SseErrorKind::EventTooLong)) yields one `Err`. The
/// rest of the block is skipped; comments and `retry` fields yielded before stay valid. The next
/// items follow. The decoder holds at most one incomplete line and one incomplete event, and
/// nothing of a skipped block.
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
    parser: SseParser,
    resume_state: ResumeState,
    /// Items that were complete before the rest was parsed.
    ready: VecDeque<Result<SseItem, SseError>>,
    /// The bytes fed after these items. Those from `parsed` on are not parsed yet.
    rest: Vec<u8>,
    parsed: usize,
}

impl SseDecoder {
    /// Creates a decoder of lines of up to 8 MiB and events of up to 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(MAX_LINE, MAX_EVENT)
    }

    /// Creates a decoder of lines of up to `max_line` bytes without their end, and events of up to
    /// `max_event` bytes of data, name and id together.
    #[must_use]
    pub fn with_limits(max_line: usize, max_event: usize) -> Self {
        Self {
            parser: SseParser::new(max_line, max_event),
            resume_state: ResumeState::default(),
            ready: VecDeque::new(),
            rest: Vec::new(),
            parsed: 0,
        }
    }

    /// Feeds the next piece of the stream.
    ///
    /// The piece is parsed at once up to its first item; the rest is copied. Pieces accumulate until
    /// [`next`](Iterator::next) is called.
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

    /// Ends the stream. The next piece fed is the first of another stream.
    ///
    /// Complete items are still yielded. An incomplete block is discarded, as in the standard. The
    /// last event id and the reconnection time stay.
    pub fn end(&mut self) {
        while let Some(item) = self.parse_rest() {
            self.ready.push_back(item);
        }
        self.parser.end();
    }

    /// Returns the last event id that was yielded, in an event or by itself.
    ///
    /// Send this id when you reconnect; the server resumes after it (WHATWG HTML § 9.2.4). Events
    /// without an id and the end of a stream do not change it.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.resume_state.last_event_id()
    }

    /// Sets the last event id, such as one that was saved in an earlier run of the program.
    pub fn set_last_event_id<'a>(&mut self, id: impl Into<Option<&'a str>>) {
        self.resume_state.set_last_event_id(id.into());
    }

    /// Returns the last reconnection time that was yielded.
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
        self.rest.shrink_to(KEPT_CAPACITY);
    }
}

/// Yields the complete items. After `None` there may be more, once more is fed.
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
