//! The handle of a connection.

use std::{fmt, sync::Arc};

use futures::FutureExt;
use pharos::{Observable, Observe, ObserveConfig, PharErr};

use super::{Builder, Core, WsEvents, WsStream};
use crate::{
    CloseEvent, Error, WsEvent, WsState, address,
    backend::{Backend as _, Platform},
    event::{CloseCode, CloseFrame},
};

/// A cloneable handle to a connection. Use it to close the connection, wait for it to end, or query
/// its state.
///
/// All clones are the same connection. Dropping a handle does nothing: the [`WsStream`] holds the
/// connection open.
///
/// # Observing
///
/// [`events`](WsMeta::events) returns what happens to the connection as a stream. `WsMeta` is also a
/// [`pharos::Observable`], for filters and other channels. Every observer first gets the current
/// state, and then every change; its stream ends after [`WsEvent::Closed`]. A connection has four
/// events at most, so that every channel is unbounded whatever the observer asks for, and an observer
/// that is never read holds up nothing.
///
/// ```
/// use futures::StreamExt;
/// use wsio::{WsEvent, WsMeta, pharos::{Observable, ObserveConfig}};
///
/// # async fn example(mut meta: WsMeta) -> Result<(), Box<dyn std::error::Error>> {
/// let closings = ObserveConfig::default().filter(WsEvent::is_closing);
/// let mut events = meta.observe(closings).await?;
/// events.next().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct WsMeta {
    core: Arc<Core>,
}

impl WsMeta {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Connects to `url`, offering `protocols`, the preferred one first. For no subprotocols and
    /// for everything else that can be set, see [`WsMeta::builder`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), wsio::Error> {
    /// use wsio::WsMeta;
    ///
    /// let (meta, stream) = WsMeta::connect("wss://example.com/chat", ["chat.v2", "chat.v1"]).await?;
    /// println!("{} speaks {}", meta.url(), meta.protocol().unwrap_or("none"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Builder::connect`], also for what happens when the future is dropped.
    pub async fn connect(
        url: impl Into<String>,
        protocols: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<(Self, WsStream), Error> {
        Self::builder(url).protocols(protocols).connect().await
    }

    /// Returns a builder, which sets the options of a connection before it connects.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url)
    }

    /// Closes without a code, and waits for the end; the peer sees 1005.
    ///
    /// Always resolves, within the close timeout: whether the stream is being read, is not read, is
    /// split or was dropped, and whether the peer answers or not. Closing a connection that is closing
    /// or closed waits for the same end, and returns the same event. Messages that were accepted for
    /// sending before go out first.
    ///
    /// Messages that the peer sent before its own Close frame can still be read from the stream. A
    /// browser discards those that arrive after this call (WHATWG WebSockets: in another state than
    /// OPEN a message is ignored). On native targets, where nobody reads, at most 64 KiB are read
    /// ahead to find the peer's Close frame. If it lies behind more, the close timeout ends the
    /// connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the closing handshake under way. Whoever polls the connection next
    /// carries it on; if the stream is gone, too, it goes on in the background.
    pub async fn close(&self) -> CloseEvent {
        self.core.start_close(None);
        Arc::clone(&self.core).ended().await
    }

    /// Like [`close`](WsMeta::close), with a close code.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidCloseCode`](crate::ErrorKind::InvalidCloseCode), and the connection
    /// stays open. Allowed are 1000 and 3000 to 4999; on native targets also 1001 to 1003 and 1007
    /// to 1014, which a browser reserves for itself.
    pub async fn close_code(&self, code: impl Into<CloseCode>) -> Result<CloseEvent, Error> {
        self.close_reason(code, "").await
    }

    /// Like [`close_code`](WsMeta::close_code), with a reason.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::ReasonTooLong`](crate::ErrorKind::ReasonTooLong) for a reason
    /// of more than 123 bytes. The connection stays open.
    pub async fn close_reason(
        &self,
        code: impl Into<CloseCode>,
        reason: impl AsRef<str>,
    ) -> Result<CloseEvent, Error> {
        let frame = CloseFrame::new(code.into(), reason.as_ref(), Platform::may_close_with)?;
        self.core.start_close(Some(frame));
        Ok(Arc::clone(&self.core).ended().await)
    }

    /// Waits for the end of the connection without causing it.
    ///
    /// On native targets, the end is found by reading. Where nobody reads the stream, this reads
    /// ahead, at most 64 KiB: an end behind more than that is not noticed until the stream is read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> CloseEvent {
        Arc::clone(&self.core).ended().await
    }

    /// Returns the state of the connection. Takes no lock.
    #[must_use]
    pub fn ready_state(&self) -> WsState {
        self.core.state()
    }

    /// Returns how many bytes were accepted for sending and have not left yet.
    ///
    /// On native targets, frame headers count and bytes that the operating system has taken do not.
    /// In a browser it is the socket's `bufferedAmount`, and the bytes that leave with this turn of
    /// the event loop.
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.core.buffered_amount()
    }

    /// Returns the subprotocol the server selected.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        not_empty(&self.core.negotiated().protocol)
    }

    /// Returns the extensions the server selected, as in its `Sec-WebSocket-Extensions`. On native
    /// targets, none are offered.
    #[must_use]
    pub fn extensions(&self) -> Option<&str> {
        not_empty(&self.core.negotiated().extensions)
    }

    /// Returns the events of the connection as a stream: the current state first, then every
    /// change.
    ///
    /// ```
    /// use futures::StreamExt;
    ///
    /// # async fn example(meta: wsio::WsMeta) {
    /// let mut events = meta.events();
    /// while let Some(event) = events.next().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> WsEvents {
        WsEvents::new(self.core.observe(ObserveConfig::default()).ok())
    }

    /// Returns the URL, as parsed. On the server's side it is the target of the request.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.core.negotiated().url
    }
}

fn not_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl Observable<WsEvent> for WsMeta {
    type Error = PharErr;

    fn observe(&mut self, options: ObserveConfig<WsEvent>) -> Observe<'_, WsEvent, PharErr> {
        async { self.core.observe(options) }.boxed()
    }
}

impl fmt::Debug for WsMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsMeta")
            .field("url", &address::redacted(self.url()))
            .field("ready_state", &self.ready_state())
            .finish_non_exhaustive()
    }
}
