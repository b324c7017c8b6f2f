//! The options for connecting that only the native target has.

use std::{fmt, future::Future, io, pin::Pin, sync::Arc, time::Duration};

use super::{tls::Tls, transport::ByteTransport};

#[derive(Clone, Default)]
pub(crate) struct NativeOptions {
    /// As given: they are checked when connecting, which can fail.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) connector: Option<TransportConnector>,
    pub(crate) tls: Tls,
    pub(crate) keepalive: Option<(Duration, Duration)>,
}

/// Opens a transport to a host and a port.
pub(crate) type TransportConnector = Arc<dyn Fn(String, u16) -> ConnectingTransport + Send + Sync>;
pub(crate) type ConnectingTransport =
    Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteTransport>>> + Send>>;

impl fmt::Debug for NativeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of headers are often secrets.
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("NativeOptions")
            .field("headers", &headers)
            .field("connector", &self.connector.is_some())
            .field("keepalive", &self.keepalive)
            .finish_non_exhaustive()
    }
}
