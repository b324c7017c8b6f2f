use std::{fmt, time::Duration};

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{
    MAX_EVENT, MAX_LINE, SseError, SseEvent, SseItem,
    decoder::{ResumeState, SseParser},
    encoder::{encode_event, encode_item},
};

/// A codec of event streams, for tokio-util's [`Framed`](tokio_util::codec::Framed) and its halves.
///
/// It decodes like [`SseDecoder`](crate::sse::SseDecoder). An encoded item reads back the same: no
/// text in an event can pass for another event or another field.
///
/// - Each line of data, ended by LF, CR or CRLF, is written as a line. The lines read back joined by
///   LF.
/// - A line break in a name, an id or a comment, NUL in an id, and a [`Retry`](SseItem::Retry) that
///   is not a whole number of milliseconds up to [`u64::MAX`] cannot be encoded. The error is
///   [`InvalidEvent`](crate::sse::SseErrorKind::InvalidEvent); nothing is written, and the next
///   item can be encoded.
/// - The name `message`, which is that of an event without a name, and the empty name are omitted.
///
/// The limits apply to decoding only.
///
/// # Errors
///
/// Decoding fails for a line or an event over its limit, and for errors of the underlying stream
/// ([`Io`](crate::sse::SseErrorKind::Io)). The next item can be read, but `FramedRead` yields `None`
/// after an error of any decoder, and then waits for more bytes before it decodes those it has. An
/// [`SseReader`](crate::sse::SseReader) continues at once.
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
    parser: SseParser,
    resume_state: ResumeState,
}

impl SseCodec {
    /// Creates a codec that decodes lines of up to 8 MiB and events of up to 16 MiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(MAX_LINE, MAX_EVENT)
    }

    /// Creates a codec that decodes lines of up to `max_line` bytes without their end, and events
    /// of up to `max_event` bytes of data, name and id together.
    #[must_use]
    pub fn with_limits(max_line: usize, max_event: usize) -> Self {
        Self {
            parser: SseParser::new(max_line, max_event),
            resume_state: ResumeState::default(),
        }
    }

    /// Returns the last event id that was decoded, in an event or by itself.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.resume_state.last_event_id()
    }

    /// Sets the last event id, such as one that was saved in an earlier run of the program.
    pub fn set_last_event_id<'a>(&mut self, id: impl Into<Option<&'a str>>) {
        self.resume_state.set_last_event_id(id.into());
    }

    /// Returns the last reconnection time that was decoded.
    #[must_use]
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.resume_state.reconnection_time()
    }
}

/// Consumes the whole buffer, unless it contains more items.
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
