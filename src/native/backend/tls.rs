//! TLS for `wss:`, by the libraries that the features select.

use std::{io, sync::OnceLock};

use tokio::runtime::Handle;

use super::transport::ByteTransport;

/// The configuration of TLS that the program gives for a connection, or the process's default.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    given: Option<TlsConfig>,
}

/// A configuration for one of the libraries.
#[derive(Clone)]
enum TlsConfig {
    #[cfg(not(any(
        feature = "rustls-native-roots",
        feature = "rustls-webpki-roots",
        feature = "native-tls"
    )))]
    None,
    #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
    Rustls(std::sync::Arc<::rustls::ClientConfig>),
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls::TlsConnector),
}

impl Tls {
    pub(crate) const SUPPORTED: bool = cfg!(any(
        feature = "rustls-native-roots",
        feature = "rustls-webpki-roots",
        feature = "native-tls"
    ));

    #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
    pub(crate) fn use_rustls(&mut self, config: std::sync::Arc<::rustls::ClientConfig>) {
        self.given = Some(TlsConfig::Rustls(config));
    }

    #[cfg(feature = "native-tls")]
    pub(crate) fn use_native_tls(&mut self, connector: native_tls::TlsConnector) {
        self.given = Some(TlsConfig::NativeTls(connector));
    }

    /// Runs the handshake of TLS with `host` over `io`.
    pub(crate) async fn secure(
        self,
        host: &str,
        io: Box<dyn ByteTransport>,
    ) -> io::Result<Box<dyn ByteTransport>> {
        let config = match self.given {
            Some(config) => config,
            None => default_config().await?,
        };
        match config {
            #[cfg(not(any(
                feature = "rustls-native-roots",
                feature = "rustls-webpki-roots",
                feature = "native-tls"
            )))]
            TlsConfig::None => {
                drop(io);
                let message = format!("no TLS feature is on, {host} needs one");
                Err(io::Error::new(io::ErrorKind::Unsupported, message))
            }
            #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
            TlsConfig::Rustls(config) => {
                let name = ::rustls::pki_types::ServerName::try_from(host.to_owned())
                    .map_err(io::Error::other)?;
                let connector = tokio_rustls::TlsConnector::from(config);
                Ok(Box::new(connector.connect(name, io).await?))
            }
            #[cfg(feature = "native-tls")]
            TlsConfig::NativeTls(connector) => {
                let connector = tokio_native_tls::TlsConnector::from(connector);
                let connected = connector.connect(host, io).await;
                Ok(Box::new(connected.map_err(io::Error::other)?))
            }
        }
    }

    /// Configures an HTTP client with the process's default. The first call may read files.
    #[cfg(feature = "http")]
    pub(crate) fn configure(builder: reqwest::ClientBuilder) -> io::Result<reqwest::ClientBuilder> {
        Ok(match load_default()? {
            #[cfg(not(any(
                feature = "rustls-native-roots",
                feature = "rustls-webpki-roots",
                feature = "native-tls"
            )))]
            TlsConfig::None => builder,
            #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
            TlsConfig::Rustls(config) => builder.tls_backend_preconfigured((*config).clone()),
            #[cfg(feature = "native-tls")]
            TlsConfig::NativeTls(_) => builder,
        })
    }
}

/// The one default configuration of the process: it keeps the sessions that later connections
/// resume.
static DEFAULT: OnceLock<TlsConfig> = OnceLock::new();

/// Returns the default configuration. Loads it on a thread for blocking work the first time, since
/// that reads the certificates of the system.
async fn default_config() -> io::Result<TlsConfig> {
    match (DEFAULT.get(), Handle::try_current()) {
        (Some(config), _) => Ok(config.clone()),
        (None, Ok(runtime)) => {
            let loading = runtime.spawn_blocking(load_default);
            loading.await.map_err(io::Error::other)?
        }
        (None, Err(_)) => load_default(),
    }
}

fn load_default() -> io::Result<TlsConfig> {
    if let Some(config) = DEFAULT.get() {
        return Ok(config.clone());
    }
    let config = load()?;
    Ok(DEFAULT.get_or_init(|| config).clone())
}

#[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
use self::rustls::load;

#[cfg(all(
    feature = "native-tls",
    not(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))
))]
fn load() -> io::Result<TlsConfig> {
    let connector = native_tls::TlsConnector::new().map_err(io::Error::other)?;
    Ok(TlsConfig::NativeTls(connector))
}

#[cfg(not(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
)))]
#[allow(clippy::unnecessary_wraps, reason = "with TLS it can fail")]
fn load() -> io::Result<TlsConfig> {
    Ok(TlsConfig::None)
}

#[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
mod rustls {
    use std::{io, sync::Arc};

    use ::rustls::{ClientConfig, RootCertStore, crypto::ring};

    use super::TlsConfig;

    /// Makes a configuration with the roots that the features select, and with ring by name:
    /// without it rustls panics in a process that has not installed a provider of its own.
    pub(super) fn load() -> io::Result<TlsConfig> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots()?)
            .with_no_client_auth();
        Ok(TlsConfig::Rustls(Arc::new(config)))
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
