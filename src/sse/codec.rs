use std::{fmt, time::Duration};

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    MAX_EVENT, MAX_LINE, SseError, SseEvent, SseItem,
    decoder::{Parser, ResumeState},
    encoder::{encode_event, encode_item},
};

/// An event stream for tokio-util's [`Framed`](tokio_util::codec::Framed) and its halves.
///
/// It reads what [`SseDecoder`](crate::sse::SseDecoder) reads. What it writes reads back as it
/// was: nothing in an event can pass for another event or another field.
///
/// - The lines of data, ended by LF, CR or CRLF, are written as lines of their own, and read back
///   joined by LF.
/// - Line breaks in an event's name, an id or a comment, NUL in an id, and a
///   [`Retry`](SseItem::Retry) that is not a whole number of milliseconds up to [`u64::MAX`]
///   cannot be written: that is an
///   [`InvalidEvent`](crate::sse::SseErrorKind::InvalidEvent), nothing is written, and the next
///   item can be.
/// - The name `message` is left out, as it is what an event without a name is called, and so is
///   the empty name.
///
/// The limits are for reading only.
///
/// # Errors
///
/// Reading fails on what is too long, and on errors of the stream beneath
/// ([`Io`](crate::sse::SseErrorKind::Io)). What follows can be read, but mind what `FramedRead`
/// does with an error of any decoder: it gives `None` after it, and when it is polled again it waits
/// for more bytes before it looks at those it has. An [`SseReader`](crate::sse::SseReader) goes on at
/// once.
///
/// ```
/// use futures::{SinkExt, TryStreamExt};
/// use tokio_util::codec::Framed;
/// use wsio::sse::{SseCodec, SseEvent, SseItem};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), wsio::sse::SseError> {
/// # let (here, there) = tokio::io::duplex(64);
/// let mut here = Framed::new(here, SseCodec::new());
/// let mut there = Framed::new(there, SseCodec::new());
///
/// here.send(SseEvent::new("two\nlines").with_id("7")).await?;
/// here.send(SseItem::Comment("still here".into())).await?;
///
/// let event = SseEvent::new("two\nlines").with_id("7");
/// assert_eq!(there.try_next().await?, Some(SseItem::Event(event)));
/// assert_eq!(there.try_next().await?, Some(SseItem::Comment("still here".into())));
/// assert_eq!(there.codec().last_event_id(), Some("7"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SseCodec {
    parser: Parser,
    resume_state: ResumeState,
}

impl SseCodec {
    /// Lines that are read may have up to 8 MiB, events up to 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(MAX_LINE, MAX_EVENT)
    }

    /// Lines that are read may have up to `max_line` bytes without their end, and the data, name
    /// and id of an event up to `max_event` bytes together.
    #[must_use]
    pub fn with_limits(max_line: usize, max_event: usize) -> Self {
        Self {
            parser: Parser::new(max_line, max_event),
            resume_state: ResumeState::default(),
        }
    }

    /// The last event id that was read, in an event or by itself; empty if there is none.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.resume_state.last_event_id()
    }

    /// Sets the last event id, such as one that was kept from an earlier run of the program.
    pub fn set_last_event_id<'a>(&mut self, id: impl Into<Option<&'a str>>) {
        self.resume_state.set_last_event_id(id.into());
    }

    /// The last reconnection time that was read, if any.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.resume_state.reconnection_time()
    }
}

/// Everything is taken out of the buffer, unless there are more items in it.
impl Decoder for SseCodec {
    type Item = SseItem;
    type Error = SseError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<SseItem>, SseError> {
        let mut input = &buffer[..];
        let item = self.parser.parse(&mut input);
        let parsed = buffer.len() - input.len();
        buffer.advance(parsed);
        self.resume_state.note(item.as_ref());
        item.transpose()
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<SseItem>, SseError> {
        let item = self.decode(buffer)?;
        if item.is_none() {
            self.parser.end();
        }
        Ok(item)
    }
}

impl Encoder<SseEvent> for SseCodec {
    type Error = SseError;

    fn encode(&mut self, event: SseEvent, buffer: &mut BytesMut) -> Result<(), SseError> {
        encode_event(&event, buffer)
    }
}

impl Encoder<&SseEvent> for SseCodec {
    type Error = SseError;

    fn encode(&mut self, event: &SseEvent, buffer: &mut BytesMut) -> Result<(), SseError> {
        encode_event(event, buffer)
    }
}

impl Encoder<SseItem> for SseCodec {
    type Error = SseError;

    fn encode(&mut self, item: SseItem, buffer: &mut BytesMut) -> Result<(), SseError> {
        encode_item(&item, buffer)
    }
}

impl Default for SseCodec {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SseCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseCodec")
            .field("position", &self.parser.position())
            .field("last_event_id", &self.last_event_id())
            .field("reconnection_time", &self.reconnection_time())
            .finish_non_exhaustive()
    }
}
