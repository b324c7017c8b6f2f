//! Connections by WebSocket.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use futures::{Sink, Stream};

use super::{
    Attempt, Connector, EventSource, SourceBuilder, SourceError,
    prepare::{Prepare, PreparedConnection},
    query,
};
use crate::{Builder, Error, WsMeta, WsStream};

/// Makes the connections of an event source by WebSocket.
///
/// The event stream is the payload of the messages, text or binary; messages may begin and end
/// anywhere in it. The last event id travels as the query parameter `lastEventId`, percent-encoded;
/// the rest of the query stays as it is. What the source sends is an event stream, too, in binary
/// messages. In a browser the events of one turn of the event loop travel together.
///
/// # Refusals
///
/// A page does not see the HTTP status of a refused WebSocket. A server may therefore accept the
/// connection and close it with a code from 4100 to 4599, which stands for the HTTP status that its
/// last three digits are; see [`Policy`](super::Policy). If the reason of that Close frame contains
/// `Retry-After: ` and a number of seconds, at its beginning or behind `; `, as in
/// `Service Unavailable; Retry-After: 5`, it has the meaning of the HTTP header: it delays the next
/// attempt, and no later one.
///
/// A new connection therefore counts as open, and events are sent over it, when its first bytes
/// have arrived, or after 250 milliseconds. A connection that is refused before that yields only
/// the error.
#[derive(Clone)]
pub struct WsConnector<P = ()> {
    builder: Builder,
    prepare: P,
    parameter: String,
}

/// The time within which a server refuses, if it refuses after the handshake.
const OPEN_DELAY: Duration = Duration::from_millis(250);

impl WsConnector {
    /// Creates a connector whose connections `builder` makes.
    #[must_use]
    pub fn new(builder: Builder) -> Self {
        Self {
            builder,
            prepare: (),
            parameter: "lastEventId".to_owned(),
        }
    }
}

impl<P> fmt::Debug for WsConnector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConnector")
            .field("builder", &self.builder)
            .field("id_parameter", &self.parameter)
            .finish_non_exhaustive()
    }
}

impl EventSource<WsConnector> {
    /// Returns a builder of an event source over a WebSocket.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wsio::sse::{EventSource, Reconnect};
    ///
    /// let source = EventSource::ws("wss://example.com/events")
    ///     .last_event_id("1234")
    ///     .idle_timeout(Duration::from_secs(45))
    ///     .reconnect(Reconnect::new().max_retries(20))
    ///     .build();
    /// ```
    pub fn ws(url: impl Into<String>) -> SourceBuilder<WsConnector> {
        // The timeout of the source covers the whole attempt.
        let builder = WsMeta::builder(url).connect_timeout(None);
        Self::builder(WsConnector::new(builder))
    }
}

/// Over a WebSocket.
impl<P> SourceBuilder<WsConnector<P>> {
    /// Changes the options of the connections: subprotocols, timeouts, sizes, natively headers.
    ///
    /// ```
    /// use wsio::sse::EventSource;
    ///
    /// let source = EventSource::ws("wss://example.com/events")
    ///     .configure(|builder| builder.protocols(["events.v1"]).max_message_size(1 << 20))
    ///     .build();
    /// ```
    pub fn configure(self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.map(|connector| WsConnector {
            builder: change(connector.builder),
            ..connector
        })
    }

    /// Sets the name of the query parameter for the last event id. The default is `lastEventId`.
    pub fn id_parameter(self, name: impl Into<String>) -> Self {
        self.map(|connector| WsConnector {
            parameter: name.into(),
            ..connector
        })
    }

    /// Makes a new URL for each attempt, with a fresh token for example.
    ///
    /// If the closure fails, the attempt fails: with an error of kind
    /// [`Prepare`](super::SourceErrorKind::Prepare), which is retried, or with the [`SourceError`]
    /// that the closure returns.
    ///
    /// ```
    /// use std::io;
    /// use wsio::sse::EventSource;
    ///
    /// async fn token() -> io::Result<String> {
    /// #   Ok(String::new()) }
    ///
    /// let source = EventSource::ws("wss://example.com/events")
    ///     .url_with(|_attempt| async move {
    ///         Ok::<_, io::Error>(format!("wss://example.com/events?token={}", token().await?))
    ///     })
    ///     .build();
    /// ```
    pub fn url_with<F, Fut, U, E>(
        self,
        mut url: F,
    ) -> SourceBuilder<
        WsConnector<
            impl Prepare<Builder, Error = E, Preparing = impl Future<Output = Result<Builder, E>>>,
        >,
    >
    where
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<U, E>>,
        U: Into<String>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.prepare_with(move |builder: Builder, attempt| {
            let url = url(attempt);
            async move {
                let url = url.await?;
                Ok(builder.map_url(|_| url.into()))
            }
        })
    }

    /// Makes a new request for each attempt from the configured one: its URL, its subprotocols,
    /// natively its headers. Errors are those of [`url_with`](Self::url_with).
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use wsio::{Builder, sse::{Attempt, EventSource}};
    ///
    /// let source = EventSource::ws("wss://example.com/events")
    ///     .prepare_with(|builder: Builder, attempt: Attempt| async move {
    ///         Ok::<_, Infallible>(builder.protocols([format!("retry.{}", attempt.retries())]))
    ///     })
    ///     .build();
    /// ```
    pub fn prepare_with<F, Fut, E>(self, prepare: F) -> SourceBuilder<WsConnector<F>>
    where
        F: FnMut(Builder, Attempt) -> Fut,
        Fut: Future<Output = Result<Builder, E>>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.map(|connector| WsConnector {
            builder: connector.builder,
            prepare,
            parameter: connector.parameter,
        })
    }
}

impl<P: Prepare<Builder>> Connector for WsConnector<P> {
    type Error = SourceError;
    type Body = WsBody;
    type Connecting = PreparedConnection<P::Preparing, Builder, WsBody>;

    fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
        let id = attempt.last_event_id.clone();
        let parameter = self.parameter.clone();
        let preparing = self.prepare.prepare(self.builder.clone(), attempt);
        PreparedConnection::new(preparing, async move |builder: Builder| {
            let builder = match id {
                Some(id) => builder.map_url(|url| query::set(&url, &parameter, &id)),
                None => builder,
            };
            let (_, stream) = builder.connect().await?;
            Ok(WsBody::new(stream))
        })
    }

    fn open_delay(&self) -> Duration {
        OPEN_DELAY
    }
}

/// The bytes of a WebSocket connection of an event source, both ways. Dropping it closes the
/// connection.
#[derive(Debug)]
pub struct WsBody {
    stream: WsStream,
    /// Accepted, and not written yet.
    unwritten: Bytes,
}

impl WsBody {
    fn new(stream: WsStream) -> Self {
        Self {
            stream,
            unwritten: Bytes::new(),
        }
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.unwritten.is_empty() {
            let slices = [IoSlice::new(&self.unwritten)];
            let written = ready!(self.stream.core().poll_write(cx, &slices))?;
            self.unwritten.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl Stream for WsBody {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(Pin::new(&mut self.stream).poll_next(cx));
        Poll::Ready(message.map(|message| Ok(message?.into_bytes())))
    }
}

/// Events are written as bytes and not as messages, so that a browser sends many small events in
/// few messages.
impl Sink<Bytes> for WsBody {
    type Error = SourceError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        self.poll_write_all(cx).map_err(Into::into)
    }

    fn start_send(mut self: Pin<&mut Self>, bytes: Bytes) -> Result<(), SourceError> {
        self.unwritten = bytes;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        ready!(self.poll_write_all(cx))?;
        self.stream.core().poll_flush(cx).map_err(Into::into)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        ready!(self.poll_write_all(cx))?;
        self.stream.core().poll_close(cx).map_err(Into::into)
    }
}
