//! TLS for `wss:`, by whichever library the features name.

use std::io;

#[cfg(not(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
)))]
pub(crate) use self::none::Tls;
#[cfg(all(
    feature = "native-tls",
    not(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))
))]
pub(crate) use self::openssl::Tls;
#[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
pub(crate) use self::rustls::Tls;
use super::transport::Transport;

/// A transport with TLS on top.
type Secured = io::Result<Box<dyn Transport>>;

#[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
mod rustls {
    use std::{io, sync::Arc};

    use ::rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
    use tokio_rustls::TlsConnector;

    use super::{Secured, Transport};

    /// The configuration given, or one with the roots that the features name.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Tls {
        pub(crate) config: Option<Arc<ClientConfig>>,
    }

    impl Tls {
        pub(crate) const SUPPORTED: bool = true;

        pub(crate) async fn secure(self, host: &str, io: Box<dyn Transport>) -> Secured {
            let config = match self.config {
                Some(config) => config,
                None => Arc::new(default_config()?),
            };
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream = TlsConnector::from(config).connect(name, io).await?;
            Ok(Box::new(stream))
        }

        /// The same for HTTP.
        #[cfg(feature = "http")]
        pub(crate) fn configure(
            builder: reqwest::ClientBuilder,
        ) -> io::Result<reqwest::ClientBuilder> {
            Ok(builder.tls_backend_preconfigured(default_config()?))
        }
    }

    /// With ring by name: without it rustls panics in a process that has not installed a
    /// provider of its own.
    fn default_config() -> io::Result<ClientConfig> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        Ok(config
            .with_root_certificates(roots()?)
            .with_no_client_auth())
    }

    fn roots() -> io::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        #[cfg(feature = "rustls-webpki-roots")]
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        #[cfg(feature = "rustls-native-roots")]
        {
            let native = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(native.certs);
            if let (true, Some(error)) = (roots.is_empty(), native.errors.into_iter().next()) {
                return Err(io::Error::other(error));
            }
        }
        if roots.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no root certificates were found on this system",
            ));
        }
        Ok(roots)
    }
}

#[cfg(all(
    feature = "native-tls",
    not(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))
))]
mod openssl {
    use std::io;

    use super::{Secured, Transport};

    /// The configuration given, or the platform's.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Tls {
        pub(crate) config: Option<native_tls::TlsConnector>,
    }

    impl Tls {
        pub(crate) const SUPPORTED: bool = true;

        pub(crate) async fn secure(self, host: &str, io: Box<dyn Transport>) -> Secured {
            let config = match self.config {
                Some(config) => config,
                None => native_tls::TlsConnector::new().map_err(io::Error::other)?,
            };
            let stream = tokio_native_tls::TlsConnector::from(config)
                .connect(host, io)
                .await
                .map_err(io::Error::other)?;
            Ok(Box::new(stream))
        }

        /// The same for HTTP: what reqwest takes unless told otherwise.
        #[cfg(feature = "http")]
        #[allow(clippy::unnecessary_wraps, reason = "with rustls it can fail")]
        pub(crate) fn configure(
            builder: reqwest::ClientBuilder,
        ) -> io::Result<reqwest::ClientBuilder> {
            Ok(builder)
        }
    }
}

#[cfg(not(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
)))]
mod none {
    use std::io;

    use super::{Secured, Transport};

    /// There is none in this build.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Tls;

    impl Tls {
        pub(crate) const SUPPORTED: bool = false;

        pub(crate) async fn secure(self, _host: &str, _io: Box<dyn Transport>) -> Secured {
            Err(io::ErrorKind::Unsupported.into())
        }

        #[cfg(feature = "http")]
        #[allow(clippy::unnecessary_wraps, reason = "with rustls it can fail")]
        pub(crate) fn configure(
            builder: reqwest::ClientBuilder,
        ) -> io::Result<reqwest::ClientBuilder> {
            Ok(builder)
        }
    }
}
