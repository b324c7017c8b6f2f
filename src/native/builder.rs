//! The options of a connection that only a native client has.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Builder,
    native::backend::{ConnectingTransport, transport::ByteTransport},
};

/// Native only.
impl Builder {
    /// Adds a header to the request of the opening handshake.
    ///
    /// A `Host` replaces the one of the URL, and an `Authorization` the one made of the URL's user
    /// and password. [`connect`](Builder::connect) fails with
    /// [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption) if a header is invalid, or if
    /// it belongs to the handshake itself, such as `Upgrade` and `Sec-WebSocket-Protocol`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.setup.headers.push((name.into(), value.into()));
        self
    }

    /// Opens the transport with `connector` instead of TCP: through a proxy, over a Unix socket, in
    /// memory. `connector` gets the host and the port. For a `wss:` URL, TLS runs on top.
    ///
    /// ```
    /// use tokio::net::TcpStream;
    /// use wsio::WsMeta;
    ///
    /// let builder = WsMeta::builder("ws://example.com/")
    ///     .connector(|host, port| async move { TcpStream::connect((host, port)).await });
    /// ```
    pub fn connector<F, Fut, T>(mut self, connector: F) -> Self
    where
        F: Fn(String, u16) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<T>> + Send + 'static,
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.setup.connector = Some(Arc::new(move |host, port| -> ConnectingTransport {
            let connecting = connector(host, port);
            Box::pin(async move {
                let io: Box<dyn ByteTransport> = Box::new(connecting.await?);
                Ok(io)
            })
        }));
        self
    }

    /// Sends a Ping after every `interval` in which nothing was received, and ends the connection
    /// as lost if nothing is received within `timeout` after it. Off by default.
    ///
    /// Any traffic counts, not only a Pong. There is no task behind this: the clock is checked only
    /// while the connection is polled.
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.setup.keepalive = Some((interval, timeout));
        self
    }

    /// Sets the rustls configuration for `wss:`, with other roots, client certificates, or another
    /// cryptography provider. Replaces a connector of native-tls.
    #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
    pub fn rustls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.setup.tls.use_rustls(config);
        self
    }

    /// Sets the connector of native-tls, the platform's TLS, for `wss:`. Replaces a configuration
    /// of rustls, which is the default if a feature for it is on.
    #[cfg(feature = "native-tls")]
    pub fn native_tls_connector(mut self, connector: native_tls::TlsConnector) -> Self {
        self.setup.tls.use_native_tls(connector);
        self
    }
}
