//! An event stream over a WebSocket, and the events that the client sends.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{SinkExt, StreamExt, TryStreamExt};
use wsio::{
    CloseCode, Error, WsMessage, WsMeta, WsReceiver, WsSender, WsStream,
    sse::{SseErrorKind, SseEvent, SseItem, SseReader},
};

use crate::{EventFeed, FeedEnd};

/// The largest message that is sent, in bytes: a larger chunk is split.
const MAX_MESSAGE: usize = 128_000;

/// The default size of the largest event from a client, in bytes.
const MAX_UPSTREAM: usize = 1 << 20;

type OnEvent = Arc<dyn Fn(SseEvent) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Serves [`EventFeed`]s over WebSockets, whoever accepted them.
///
/// The bytes of the event stream are sent in binary messages. The messages of the client, joined,
/// are an event stream as well, whose events go to [`on_event`](Self::on_event).
///
/// ```no_run
/// use wsio_events::{EventLog, EventSocket, FeedOptions};
///
/// # async fn example(tcp: tokio::net::TcpStream, log: EventLog) -> Result<(), wsio::Error> {
/// let (meta, stream) = wsio::native::accept(tcp).await?;
/// let feed = FeedOptions::new().open(&log, None);
/// EventSocket::new().serve(meta, stream, feed).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "an event socket does nothing until it serves a feed"]
pub struct EventSocket {
    on_event: Option<OnEvent>,
    max_event: usize,
}

impl EventSocket {
    /// Creates the default options.
    pub fn new() -> Self {
        Self {
            on_event: None,
            max_event: MAX_UPSTREAM,
        }
    }

    /// Sets the handler of the events that a client sends. By default they are ignored.
    ///
    /// The events of one client are handled in order, one at a time; while one is being handled,
    /// nothing more is read from that client. Events received before the client disconnected are
    /// still handled.
    pub fn on_event<F, Fut>(mut self, handle: F) -> Self
    where
        F: Fn(SseEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.on_event = Some(Arc::new(move |event| Box::pin(handle(event))));
        self
    }

    /// Sets the size of the largest event accepted from a client, in bytes; the default is 1 MiB.
    /// A larger one closes the connection with code 1009.
    pub fn max_event_size(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Sends the feed over a connection until either ends.
    ///
    /// The Close frame carries 4204 after the [end of the log](FeedEnd::Log), which tells a client
    /// not to come back, 4500 if an event cannot be encoded, and 1001 otherwise.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection, and the event that is being handled.
    pub async fn serve(&self, meta: WsMeta, stream: WsStream, feed: EventFeed) {
        let (sink, messages) = stream.split();
        let sending = async {
            if let Err(error) = send(&meta, sink, feed).await {
                tracing::debug!(%error, "the subscriber is gone");
            }
            // The events that the client sent before the end are still to be handled.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = sending => {}
            () = self.receive(&meta, messages) => {}
        }
    }

    /// Reads to the end.
    async fn receive(&self, meta: &WsMeta, mut messages: WsReceiver) {
        let Some(on_event) = &self.on_event else {
            while let Some(Ok(_)) = messages.next().await {}
            return;
        };
        let bytes = messages.map_ok(WsMessage::into_bytes);
        let mut items = SseReader::with_limits(bytes, self.max_event, self.max_event);
        while let Some(item) = items.next().await {
            match item {
                Ok(SseItem::Event(event)) => on_event(event).await,
                Ok(_) => {}
                Err(error) if error.kind() == SseErrorKind::Io => return,
                Err(error) => {
                    tracing::debug!(%error, "an event from a client is too large");
                    close(meta, CloseCode::TOO_BIG).await;
                    return;
                }
            }
        }
    }
}

impl Default for EventSocket {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSocket")
            .field("max_event", &self.max_event)
            .finish_non_exhaustive()
    }
}

/// Sends everything, and closes.
async fn send(meta: &WsMeta, mut sink: WsSender, mut feed: EventFeed) -> Result<(), Error> {
    while let Some(chunk) = feed.next().await {
        match chunk {
            Ok(chunk) => send_chunk(&mut sink, chunk).await?,
            Err(error) => tracing::error!(%error, "an event cannot be sent"),
        }
    }
    let code = match feed.end() {
        Some(FeedEnd::Log) => close_code(204),
        Some(FeedEnd::Failed) => close_code(500),
        Some(FeedEnd::Until | FeedEnd::Limit) | None => CloseCode::GOING_AWAY,
    };
    close(meta, code).await;
    Ok(())
}

async fn send_chunk(sink: &mut WsSender, mut chunk: Bytes) -> Result<(), Error> {
    while !chunk.is_empty() {
        let piece = chunk.split_to(chunk.len().min(MAX_MESSAGE));
        sink.feed(WsMessage::Binary(piece)).await?;
    }
    sink.flush().await
}

/// Returns the code that says what this HTTP status says.
fn close_code(status: u16) -> CloseCode {
    CloseCode::from_http_status(status).unwrap_or(CloseCode::INTERNAL)
}

async fn close(meta: &WsMeta, code: CloseCode) {
    if let Err(error) = meta.close_code(code).await {
        tracing::debug!(%error, "not closed");
    }
}
