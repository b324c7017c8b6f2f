//! Connections by WebSocket.

use std::{
    fmt,
    future::Future,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use futures::{Sink, Stream, future::BoxFuture};

use super::{
    Attempt, Connector, EventSource, Fixed, HasUrl, Prepare, SourceBuilder, SourceError, UrlWith,
    prepare::sealed::Sealed, query,
};
use crate::{Builder, Error, WsMeta, WsStream};

/// Makes the connections of an event source by WebSocket.
///
/// The event stream is the payload of the messages, text or binary, cut into messages anywhere.
/// The id to resume after is the query parameter `lastEventId`, percent-encoded, the rest of the
/// query left as it is. A close code from 4100 to 4599 is taken for the HTTP status that its last
/// three digits are; see [`Policy`](super::Policy).
///
/// What is sent is one event stream too, in binary messages. In a browser the events of one turn
/// of the event loop travel together.
#[derive(Debug, Clone)]
pub struct WsConnector<P = Fixed> {
    builder: Builder,
    prepare: P,
    parameter: String,
}

impl WsConnector {
    /// Each connection is one that `builder` makes.
    #[must_use]
    pub fn new(builder: Builder) -> Self {
        Self {
            builder,
            prepare: Fixed,
            parameter: "lastEventId".to_owned(),
        }
    }
}

impl EventSource<WsConnector> {
    /// Everything that can be said about an event source over a WebSocket.
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
        // The source has a clock for the whole of an attempt.
        let builder = WsMeta::builder(url).connect_timeout(None);
        Self::builder(WsConnector::new(builder))
    }
}

/// Over a WebSocket.
impl<P> SourceBuilder<WsConnector<P>> {
    /// Changes what is said about the connections: subprotocols, timeouts, sizes, natively
    /// headers.
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

    /// The name of the query parameter that the id travels in, instead of `lastEventId`.
    pub fn id_parameter(self, name: impl Into<String>) -> Self {
        self.map(|connector| WsConnector {
            parameter: name.into(),
            ..connector
        })
    }

    /// Makes the URL of each attempt anew, with a fresh token for example.
    ///
    /// When that fails, the attempt has failed, with an error of kind
    /// [`Prepare`](super::SourceErrorKind::Prepare) that is retried, or with the [`SourceError`]
    /// that the closure gives.
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
    pub fn url_with<F, Fut, U, E>(self, url: F) -> SourceBuilder<WsConnector<UrlWith<F>>>
    where
        F: FnMut(Attempt) -> Fut,
        Fut: Future<Output = Result<U, E>>,
        UrlWith<F>: Prepare<Builder>,
    {
        self.prepare_with(UrlWith(url))
    }

    /// Makes the request of each attempt anew, from what was configured: its URL, subprotocols,
    /// natively its headers. As [`url_with`](Self::url_with) otherwise.
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
    pub fn prepare_with<Q: Prepare<Builder>>(self, prepare: Q) -> SourceBuilder<WsConnector<Q>> {
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
    type Connecting = WsConnecting<P::Preparing>;

    fn connect(&mut self, attempt: Attempt) -> Self::Connecting {
        let id = attempt.last_event_id().to_owned();
        let preparing = self.prepare.prepare(self.builder.clone(), attempt);
        WsConnecting(State::Preparing {
            preparing: Box::pin(preparing),
            parameter: (!id.is_empty()).then(|| (self.parameter.clone(), id)),
        })
    }
}

impl Sealed for Builder {}

impl HasUrl for Builder {
    fn with_url(self, url: String) -> Self {
        self.map_url(|_| url)
    }
}

/// A WebSocket connection of an event source, on its way. Dropping it closes what is half open.
pub struct WsConnecting<Fut>(State<Fut>);

enum State<Fut> {
    Preparing {
        preparing: Pin<Box<Fut>>,
        /// The name and value of what is put into the query.
        parameter: Option<(String, String)>,
    },
    Connecting(BoxFuture<'static, Result<(WsMeta, WsStream), Error>>),
}

impl<Fut, E> Future for WsConnecting<Fut>
where
    Fut: Future<Output = Result<Builder, E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<WsBody, SourceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Preparing {
            preparing,
            parameter,
        } = &mut self.0
        {
            let builder = ready!(preparing.as_mut().poll(cx))
                .map_err(|error| SourceError::preparing(error.into()))?;
            let builder = match parameter {
                Some((name, id)) => builder.map_url(|url| query::set(&url, name, id)),
                None => builder,
            };
            self.0 = State::Connecting(Box::pin(builder.connect()));
        }
        let State::Connecting(connecting) = &mut self.0 else {
            return Poll::Pending;
        };
        let (_, stream) = ready!(connecting.as_mut().poll(cx))?;
        Poll::Ready(Ok(WsBody::new(stream)))
    }
}

impl<Fut> fmt::Debug for WsConnecting<Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsConnecting").finish_non_exhaustive()
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

/// Written as bytes, not as messages, so that a browser sends many small events as few messages.
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
