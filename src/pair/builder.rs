//! The options of a connection, and connecting.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use super::{Core, WsMeta, WsStream};
use crate::{
    Error, ErrorKind, address,
    backend::{Alarm as _, Backend as _, Platform, PlatformOptions, Timer},
    options::{CONNECT_TIMEOUT, Options, option_setters},
};

/// Connects to `url`, an absolute `ws:` or `wss:` URL, with the default options.
///
/// For subprotocols, use [`WsMeta::connect`]; for options, [`WsMeta::builder`].
///
/// ```no_run
/// use futures::{SinkExt, StreamExt};
///
/// # async fn example() -> Result<(), wsio::Error> {
/// let (meta, mut stream) = wsio::connect("wss://example.com/chat").await?;
/// stream.send("hello".into()).await?;
/// while let Some(message) = stream.next().await {
///     println!("{:?}", message?);
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// See [`Builder::connect`], also for what happens when the future is dropped.
pub async fn connect(url: impl Into<String>) -> Result<(WsMeta, WsStream), Error> {
    WsMeta::builder(url).connect().await
}

/// The options of a connection that is to be made; see [`WsMeta::builder`].
///
/// A builder can be cloned and used again: each [`connect`](Builder::connect) makes a connection of
/// its own.
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect` is called"]
pub struct Builder {
    url: String,
    protocols: Vec<String>,
    connect_timeout: Option<Duration>,
    options: Options,
    pub(crate) setup: PlatformOptions,
}

impl Builder {
    /// Creates a builder for `url`, an absolute `ws:` or `wss:` URL without a fragment.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            protocols: Vec::new(),
            connect_timeout: Some(CONNECT_TIMEOUT),
            options: Options::default(),
            setup: PlatformOptions::default(),
        }
    }

    /// Sets the subprotocols to offer, the preferred one first (RFC 6455 § 1.9).
    ///
    /// [`WsMeta::protocol`] returns the one the server selected. Connecting fails if the server
    /// selects none, or one that was not offered.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how long it may take until the connection is open, from looking up the name to the end
    /// of the opening handshake; `None` for no limit. The default is 30 seconds.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    option_setters!();

    /// Changes the URL.
    #[cfg(feature = "event-source")]
    pub(crate) fn map_url(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.url = change(self.url);
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidUrl`], [`ErrorKind::InvalidProtocol`] and
    ///   [`ErrorKind::InvalidOption`], before anything is sent.
    /// - [`ErrorKind::Unsupported`] for `wss:` without a TLS feature.
    /// - [`ErrorKind::Network`], [`ErrorKind::HandshakeRefused`] and [`ErrorKind::ProtocolRefused`]
    ///   if the connection cannot be established. A browser hides the reason from a page: there it
    ///   is [`ErrorKind::Network`], or [`ErrorKind::ProtocolRefused`] where the browser itself does
    ///   not look at the subprotocol.
    /// - [`ErrorKind::TimedOut`] after [`connect_timeout`](Builder::connect_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any point closes the half-open connection and leaves nothing behind.
    pub async fn connect(self) -> Result<(WsMeta, WsStream), Error> {
        self.options.check()?;
        let target = address::check(self.url, self.protocols)?;
        let connecting = Platform::connect(target, &self.options, self.setup);
        let (socket, negotiated) = within(self.connect_timeout, connecting).await??;
        Ok(WsStream::pair(Core::new(socket, negotiated, &self.options)))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("url", &address::redacted(&self.url))
            // Their number: some servers expect a token in one.
            .field("protocols", &self.protocols.len())
            .field("connect_timeout", &self.connect_timeout)
            .field("options", &self.options)
            .field("setup", &self.setup)
            .finish()
    }
}

/// Runs a handshake against the clock.
pub(crate) async fn within<T>(
    timeout: Option<Duration>,
    handshake: impl Future<Output = T>,
) -> Result<T, Error> {
    let mut timer = timeout.map(Timer::after);
    let mut handshake = pin!(handshake);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(done) = handshake.as_mut().poll(cx) {
            return Poll::Ready(Ok(done));
        }
        match &mut timer {
            Some(timer) => Pin::new(timer).poll(cx).map(|()| Err(late())),
            None => Poll::Pending,
        }
    })
    .await
}

fn late() -> Error {
    Error::new(
        ErrorKind::TimedOut,
        "the opening handshake was not completed in time",
    )
}
