use std::{
    error::Error as StdError,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{
    Stream,
    stream::{FusedStream, TryStream, TryStreamExt},
};

use super::{
    MAX_EVENT, MAX_LINE, SseError, SseErrorKind, SseItem,
    decoder::{ResumeState, SseParser},
};

/// A reader of event streams over any stream of bytes.
///
/// The bytes may come in pieces of any type and size: the messages of a
/// [`WsStream`](crate::WsStream), the body of an HTTP response, the channel of a test. The reader
/// decodes like [`SseDecoder`](crate::sse::SseDecoder), without copying the pieces first. It does
/// not reconnect by itself, but keeps the last event id and the reconnection time over any number
/// of streams.
///
/// At the end of the stream an incomplete block is discarded, and the reader yields `None` until
/// [`continue_with`](SseReader::continue_with) provides another stream.
///
/// # Errors
///
/// A line or an event over its limit is an `Err` between items, as in the decoder. An error of the
/// underlying stream ([`Io`](crate::sse::SseErrorKind::Io)) ends the stream. It is not polled again:
/// bytes after a gap could be taken for the rest of an incomplete event.
///
/// # Cancel safety
///
/// `next` is cancel safe: no item is lost when its future is dropped.
///
/// ```
/// use futures::{StreamExt, TryStreamExt, stream};
/// use wsio::sse::{SseEvent, SseItem, SseReader};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), wsio::sse::SseError> {
/// # let connect = |pieces: [&'static str; 2]| stream::iter(pieces.map(Ok::<_, std::io::Error>));
/// let mut reader = SseReader::new(connect(["id: 7\nda", "ta: one\n\ndata: cut o"]));
/// let event = SseEvent::new("one").with_id("7");
/// assert_eq!(reader.try_next().await?, Some(SseItem::Event(event)));
/// assert_eq!(reader.try_next().await?, None);
///
/// reader.continue_with(connect(["data: two\n", "\n"]));
/// assert_eq!(reader.try_next().await?, Some(SseItem::Event(SseEvent::new("two"))));
/// assert_eq!(reader.last_event_id(), Some("7"));
/// # Ok(())
/// # }
/// ```
pub struct SseReader<S: TryStream> {
    stream: S,
    /// The current piece, and how much of it was parsed.
    piece: Option<(S::Ok, usize)>,
    parser: SseParser,
    resume_state: ResumeState,
    ended: bool,
}

impl<S: TryStream> SseReader<S> {
    /// Creates a reader of lines of up to 8 MiB and events of up to 16 MiB.
    pub fn new(stream: S) -> Self {
        Self::with_limits(stream, MAX_LINE, MAX_EVENT)
    }

    /// Creates a reader of lines of up to `max_line` bytes without their end, and events of up to
    /// `max_event` bytes of data, name and id together.
    pub fn with_limits(stream: S, max_line: usize, max_event: usize) -> Self {
        Self {
            stream,
            piece: None,
            parser: SseParser::new(max_line, max_event),
            resume_state: ResumeState::default(),
            ended: false,
        }
    }

    /// Returns the last event id that was yielded, in an event or by itself.
    ///
    /// Items that have arrived but were not yielded do not count. A server that resumes after this
    /// id therefore neither repeats nor skips an event.
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

    /// Continues with another stream, from its first byte, and returns the previous one.
    ///
    /// The last event id and the reconnection time stay. Bytes of the previous stream that were not
    /// read are dropped; a server that resumes after the last event id sends their events again.
    pub fn continue_with(&mut self, stream: S) -> S {
        self.piece = None;
        self.parser.end();
        self.ended = false;
        mem::replace(&mut self.stream, stream)
    }

    /// Returns the underlying stream, without the bytes that were read ahead.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Stream for SseReader<S>
where
    S: TryStream + Unpin,
    S::Ok: AsRef<[u8]> + Unpin,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Item = Result<SseItem, SseError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some((piece, read)) = &mut this.piece {
                let piece = piece.as_ref();
                let mut rest = piece.get(*read..).unwrap_or_default();
                let item = this.parser.parse(&mut rest);
                *read = piece.len() - rest.len();
                if rest.is_empty() {
                    this.piece = None;
                }
                if item.is_some() {
                    this.resume_state.note(item.as_ref());
                    return Poll::Ready(item);
                }
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.stream.try_poll_next_unpin(cx)) {
                Some(Ok(piece)) => this.piece = Some((piece, 0)),
                Some(Err(error)) => {
                    let error = SseError::because(SseErrorKind::Io, this.parser.position(), error);
                    this.parser.end();
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    this.parser.end();
                    this.ended = true;
                }
            }
        }
    }
}

/// A terminated reader can go on: see [`continue_with`](SseReader::continue_with).
impl<S> FusedStream for SseReader<S>
where
    S: TryStream + Unpin,
    S::Ok: AsRef<[u8]> + Unpin,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S: TryStream> fmt::Debug for SseReader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseReader")
            .field("position", &self.parser.position())
            .field("last_event_id", &self.last_event_id())
            .field("reconnection_time", &self.reconnection_time())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures::{FutureExt, StreamExt, stream};

    use super::*;
    use crate::sse::SseEvent;

    type Piece = Result<&'static str, io::Error>;

    fn reader(pieces: impl IntoIterator<Item = Piece>) -> SseReader<Pieces> {
        SseReader::new(Pieces::new(pieces))
    }

    /// A stream that must not be polled after its end or an error.
    struct Pieces {
        left: Vec<Piece>,
        ended: bool,
    }

    impl Pieces {
        fn new(pieces: impl IntoIterator<Item = Piece>) -> Self {
            let mut left: Vec<_> = pieces.into_iter().collect();
            left.reverse();
            Self { left, ended: false }
        }
    }

    impl Stream for Pieces {
        type Item = Piece;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Piece>> {
            assert!(!self.ended, "polled after its end");
            let piece = self.left.pop();
            self.ended = !matches!(piece, Some(Ok(_)));
            Poll::Ready(piece)
        }
    }

    fn next(reader: &mut SseReader<Pieces>) -> Option<Result<SseItem, SseError>> {
        reader.next().now_or_never().expect("nothing to wait for")
    }

    fn event(reader: &mut SseReader<Pieces>) -> SseEvent {
        match next(reader) {
            Some(Ok(SseItem::Event(event))) => event,
            other => panic!("not an event: {other:?}"),
        }
    }

    #[test]
    fn s1_an_unfinished_block_is_left_out_at_the_end() {
        let mut reader = reader([Ok("data: 1\n"), Ok(""), Ok("\ndata: 2\n")]);
        assert_eq!(event(&mut reader), SseEvent::new("1"));
        assert!(!reader.is_terminated());
        for _ in 0..3 {
            assert!(next(&mut reader).is_none());
            assert!(reader.is_terminated());
        }
    }

    #[test]
    fn s1_what_is_kept_from_one_stream_to_the_next() {
        let mut reader = reader([Ok(
            "retry: 3000\nid: 42\ndata: first\n\nid: 43\ndata: cut o",
        )]);
        assert_eq!(reader.last_event_id(), None);
        assert_eq!(reader.reconnection_time(), None);
        assert!(matches!(next(&mut reader), Some(Ok(SseItem::Retry(_)))));
        assert_eq!(event(&mut reader), SseEvent::new("first").with_id("42"));
        assert!(next(&mut reader).is_none());

        reader.continue_with(Pieces::new([Ok("\u{feff}data: sec"), Ok("ond\n\n")]));
        assert!(!reader.is_terminated());
        assert_eq!(reader.last_event_id(), Some("42"));
        assert_eq!(reader.reconnection_time(), Some(Duration::from_secs(3)));
        assert_eq!(event(&mut reader), SseEvent::new("second"));
        assert!(next(&mut reader).is_none());
        assert_eq!(reader.last_event_id(), Some("42"));
        assert_eq!(reader.reconnection_time(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn s1_what_was_not_read_is_neither_given_out_nor_counted() {
        let mut reader = reader([
            Ok("id: 1\ndata\n\nid: 2\ndata\n\nid: 3\n\n"),
            Ok("id: 4\n\n"),
        ]);
        assert_eq!(event(&mut reader).id.as_deref(), Some("1"));
        let before = reader.continue_with(Pieces::new([Ok("id: 2\ndata\n\n")]));
        assert_eq!(before.left.len(), 1);
        assert_eq!(reader.last_event_id(), Some("1"));
        assert_eq!(event(&mut reader).id.as_deref(), Some("2"));
        assert!(next(&mut reader).is_none());
        assert_eq!(reader.last_event_id(), Some("2"));
    }

    #[test]
    fn s1_an_error_of_the_stream_ends_it() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let mut reader = reader([Ok("data: 1\n\nda"), Err(reset), Ok("ta: 2\n\n")]);
        assert_eq!(event(&mut reader), SseEvent::new("1"));
        let error = next(&mut reader).unwrap().unwrap_err();
        assert_eq!(error.kind(), SseErrorKind::Io);
        assert_eq!(error.position(), 11);
        assert_eq!(
            io::Error::from(error).kind(),
            io::ErrorKind::ConnectionReset
        );
        for _ in 0..3 {
            assert!(next(&mut reader).is_none());
        }
        reader.continue_with(Pieces::new([Ok("data: 2\n\n")]));
        assert_eq!(event(&mut reader), SseEvent::new("2"));
    }

    #[test]
    fn s2_it_goes_on_after_what_is_too_long() {
        let pieces = stream::iter(["data: 123\n\n", "data: 1", "2345\ndata: 1\n\n:ok\n"]);
        let mut reader = SseReader::with_limits(pieces.map(Ok::<_, io::Error>), 9, 9);
        let items: Vec<_> = reader.by_ref().collect().now_or_never().unwrap();
        let [
            Ok(SseItem::Event(_)),
            Err(error),
            Ok(SseItem::Comment(comment)),
        ] = &items[..]
        else {
            panic!("{items:?}");
        };
        assert_eq!(error.kind(), SseErrorKind::LineTooLong);
        assert_eq!(error.position(), 11);
        assert_eq!(comment, "ok");
        assert!(reader.is_terminated());
    }

    #[test]
    fn s1_the_last_event_id_can_be_set() {
        let mut reader = reader([Ok("data: 1\n\n")]);
        reader.set_last_event_id("7");
        assert_eq!(event(&mut reader), SseEvent::new("1"));
        assert_eq!(reader.last_event_id(), Some("7"));
    }
}
