//! What makes the connections of an event source.

use std::{error::Error as StdError, future::Future};

use bytes::Bytes;
use futures::Stream;

use super::SourceError;

/// Makes the connections of an [`EventSource`](super::EventSource).
///
/// A connection is a stream of the bytes of a `text/event-stream`, cut anywhere. There are
/// [`WsConnector`](super::WsConnector) and, with the feature `http`, `HttpConnector`; one of your
/// own is a dozen lines. Nothing has to be `Send`: an event source is if its connector and that
/// one's types are.
///
/// ```
/// use std::{future::{Ready, ready}, io, time::Duration};
/// use bytes::Bytes;
/// use futures::{StreamExt, stream::{self, BoxStream}};
/// use wsio::sse::{Attempt, Connector, EventSource, Reconnect};
///
/// /// An event stream in process, which breaks off after every other event.
/// struct Counting;
///
/// impl Connector for Counting {
///     type Error = io::Error;
///     type Body = BoxStream<'static, io::Result<Bytes>>;
///     type Connecting = Ready<io::Result<Self::Body>>;
///
///     fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
///         let last: u64 = attempt.last_event_id().parse().unwrap_or(0);
///         let event = |id| Ok(Bytes::from(format!("id: {id}\ndata: event {id}\n\n")));
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
    /// Why a connection could not be made, or ended. An [`io::Error`](std::io::Error) and a
    /// [`wsio::Error`](crate::Error) convert to what is needed; a [`SourceError`] says it best.
    type Error: Into<SourceError>;

    /// A connection. Its end is that of the stream, an orderly one if there was no error before.
    /// It is not polled again after either, and dropped to close it.
    ///
    /// If it is a `Sink` of bytes as well, the event source is a `Sink` of events. When sending
    /// fails, the stream has to end too: it is from there that the event source learns how.
    type Body: Stream<Item = Result<Bytes, Self::Error>>;

    /// The way to a connection. It is dropped when it takes too long.
    type Connecting: Future<Output = Result<Self::Body, Self::Error>>;

    /// Begins to connect.
    fn connect(&mut self, attempt: Attempt) -> Self::Connecting;
}

/// One attempt to connect.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(super) number: u64,
    pub(super) retries: usize,
    pub(super) last_event_id: String,
}

impl Attempt {
    /// Which attempt of the event source this is, counted from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many attempts failed in a row before this one, without a good connection in between
    /// ([`Reconnect::reset_after`](super::Reconnect::reset_after)).
    #[must_use]
    pub fn retries(&self) -> usize {
        self.retries
    }

    /// The id of the last event, to resume after; empty if there is none, and then it is not to
    /// be sent.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }
}

/// What is done before each attempt of a built-in connector: [`Fixed`](super::Fixed), nothing, or
/// a closure, which is given the request as it was configured and the attempt, and makes the request
/// of this attempt.
pub trait Prepare<T> {
    /// Why it failed. A [`SourceError`] stays what it is; everything else becomes one of kind
    /// [`Prepare`](super::SourceErrorKind::Prepare).
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// The way to the request.
    type Preparing: Future<Output = Result<T, Self::Error>>;

    /// Begins to prepare an attempt.
    fn prepare(&mut self, request: T, attempt: Attempt) -> Self::Preparing;
}

impl<T, F, Fut, E> Prepare<T> for F
where
    F: FnMut(T, Attempt) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    type Error = E;
    type Preparing = Fut;

    fn prepare(&mut self, request: T, attempt: Attempt) -> Fut {
        self(request, attempt)
    }
}
