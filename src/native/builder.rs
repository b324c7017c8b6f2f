//! What a builder can be told natively.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Builder,
    native::backend::{Connecting, transport::Transport},
};

/// Native only.
impl Builder {
    /// Adds a header to the request of the opening handshake. What is not a header is reported by
    /// [`connect`](Builder::connect), as [`ErrorKind::InvalidOption`](crate::ErrorKind::InvalidOption).
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.setup.headers.push((name.into(), value.into()));
        self
    }

    /// Makes the transport with `connector`, which is given the host and the port, instead of by
    /// TCP: through a proxy, over a Unix socket, in memory. For a `wss:` URL, TLS is put on top.
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
        self.setup.connector = Some(Arc::new(move |host, port| -> Connecting {
            let connecting = connector(host, port);
            Box::pin(async move {
                let io: Box<dyn Transport> = Box::new(connecting.await?);
                Ok(io)
            })
        }));
        self
    }

    /// Sends a Ping after every `interval` in which nothing was received, and takes the
    /// connection for lost when nothing is received within `timeout` after it. Off by default.
    ///
    /// Anything received counts, not only a Pong. The clock is looked at by whoever polls the
    /// connection: there is no task behind it.
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.setup.keepalive = Some((interval, timeout));
        self
    }

    /// Uses this rustls configuration for `wss:`: own roots, client certificates, another
    /// cryptography provider.
    #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
    pub fn rustls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.setup.tls.config = Some(config);
        self
    }

    /// Uses this connector of the platform's TLS for `wss:`.
    #[cfg(all(
        feature = "native-tls",
        not(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))
    ))]
    pub fn native_tls_connector(mut self, connector: native_tls::TlsConnector) -> Self {
        self.setup.tls.config = Some(connector);
        self
    }
}
