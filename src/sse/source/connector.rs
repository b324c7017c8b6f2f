//! The trait of what makes the connections of an event source.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use futures::Stream;

use super::SourceError;

/// Makes the connections of an [`EventSource`](super::EventSource).
///
/// A connection is a stream of the bytes of a `text/event-stream`, in pieces of any size.
/// [`WsConnector`](super::WsConnector) and, with the feature `http`, `HttpConnector` are built in;
/// a custom one takes a dozen lines. No type has to be `Send`: an event source is `Send` if its
/// connector and the associated types are.
///
/// ```
/// use std::{future::{Ready, ready}, io, time::Duration};
/// use bytes::Bytes;
/// use futures::{StreamExt, stream::{self, BoxStream}};
/// use wsio::sse::{Attempt, Connector, EventSource, Reconnect};
///
/// /// An event stream in this process, which breaks off after every other event.
/// struct Counting;
///
/// impl Connector for Counting {
///     type Error = io::Error;
///     type Body = BoxStream<'static, io::Result<Bytes>>;
///     type Connecting = Ready<io::Result<Self::Body>>;
///
///     fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
///         let last = attempt.last_event_id().and_then(|id| id.parse().ok()).unwrap_or(0);
///         let event = |id: u64| Ok(Bytes::from(format!("id: {id}\ndata: event {id}\n\n")));
///         let broken = Err(io::ErrorKind::ConnectionReset.into());
///         ready(Ok(stream::iter([event(last + 1), event(last + 2), broken]).boxed()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let at_once = Reconnect::new().delay(Duration::from_millis(1));
/// let source = EventSource::builder(Counting).reconnect(at_once).build();
/// let events = source.filter_map(async |item| item.ok()?.into_event());
/// let data: Vec<_> = events.map(|event| event.data).take(5).collect().await;
/// assert_eq!(data, ["event 1", "event 2", "event 3", "event 4", "event 5"]);
/// # }
/// ```
pub trait Connector {
    /// The error of an attempt or of a connection. An [`io::Error`](std::io::Error) and a
    /// [`wsio::Error`](crate::Error) convert; a [`SourceError`] carries the most detail.
    type Error: Into<SourceError>;

    /// A connection. The end of the stream is an orderly end of the connection, an error is a
    /// failure. The event source polls the stream no further after either, and drops it to close
    /// the connection.
    ///
    /// If the stream is also a `Sink` of bytes, the event source is a `Sink` of events. When
    /// sending fails, the stream has to end as well: the event source learns the reason from there.
    type Body: Stream<Item = Result<Bytes, Self::Error>>;

    /// The future of a connection. The event source drops it when the connect timeout expires.
    type Connecting: Future<Output = Result<Self::Body, Self::Error>>;

    /// Begins to connect.
    fn connect(&mut self, attempt: Attempt) -> Self::Connecting;

    /// Returns how long a new connection may stay silent before the event source reports it as
    /// open. The default is zero: it is open as soon as it is connected.
    ///
    /// Use this for a transport on which a server can refuse only after it has accepted. Until its
    /// first bytes arrive, or this time has passed, nothing is sent over the connection; if it ends
    /// with an error of kind [`Status`](super::SourceErrorKind::Status), the error is yielded
    /// without [`SourceEvent::Open`](super::SourceEvent::Open).
    fn open_delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// One attempt to connect.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(super) number: u64,
    pub(super) retries: usize,
    pub(super) last_event_id: Option<String>,
}

impl Attempt {
    /// Returns the number of this attempt of the event source, counted from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns how many attempts in a row failed before this one, without a good connection in
    /// between ([`Reconnect::reset_after`](super::Reconnect::reset_after)).
    #[must_use]
    pub fn retries(&self) -> usize {
        self.retries
    }

    /// Returns the id of the last event, after which the server is to resume. `None` if no event
    /// had one.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }
}
