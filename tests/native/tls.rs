//! TLS below a connection: C6.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A server with a certificate of its own, and a client that trusts it.
pub(crate) struct Identity {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
    /// The certificate, in PEM.
    pub(crate) pem: String,
}

impl Identity {
    pub(crate) fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::from(key));
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            server: Arc::new(server.unwrap()),
            client: Arc::new(client),
            pem: made.cert.pem(),
        }
    }
}

#[cfg(not(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
)))]
#[tokio::test]
async fn c6_wss_without_a_tls_feature_is_a_clear_error() {
    let builder = wsio::WsMeta::builder("wss://127.0.0.1:1/")
        .connector(|_, _| async { unreachable_transport() });
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), wsio::ErrorKind::Unsupported);
    assert!(error.to_string().contains("rustls-webpki-roots"), "{error}");
    let io = std::io::Error::from(error);
    assert_eq!(io.kind(), std::io::ErrorKind::Unsupported);
}

/// What is not asked for, because the error comes first.
#[cfg(not(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
)))]
fn unreachable_transport() -> std::io::Result<tokio::io::DuplexStream> {
    panic!("a transport was made for what cannot be secured")
}

#[cfg(any(
    feature = "rustls-native-roots",
    feature = "rustls-webpki-roots",
    feature = "native-tls"
))]
mod with_tls {
    use std::error::Error as _;

    use futures::join;
    use tokio::io::{DuplexStream, duplex};
    use tokio_rustls::{TlsAcceptor, server::TlsStream};
    use wsio::{Builder, ErrorKind, WsMeta};

    use super::*;

    /// A client's builder over a pipe, and what the server with TLS at its other end comes to.
    fn piped(
        url: &str,
        identity: &Identity,
    ) -> (
        Builder,
        impl Future<Output = std::io::Result<TlsStream<DuplexStream>>> + use<>,
    ) {
        let (near, far) = duplex(64 * 1024);
        let near = std::sync::Mutex::new(Some(near));
        let builder = WsMeta::builder(url).connector(move |_, _| {
            let near = near.lock().unwrap().take();
            async { near.ok_or_else(|| std::io::ErrorKind::AddrInUse.into()) }
        });
        (
            builder,
            TlsAcceptor::from(Arc::clone(&identity.server)).accept(far),
        )
    }

    #[tokio::test]
    async fn c6_a_certificate_that_nobody_vouches_for_is_an_error() {
        let identity = Identity::of("a.example");
        let (builder, accepting) = piped("wss://a.example/", &identity);
        let (client, server) = join!(builder.connect(), accepting);
        let error = client.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network);
        assert!(error.source().is_some(), "{error:?}");
        // The server hears why, too.
        assert!(server.is_err());
    }

    /// Also where rustls is the default.
    #[cfg(feature = "native-tls")]
    #[tokio::test]
    async fn c6_a_connector_of_native_tls_is_used() {
        let identity = Identity::of("a.example");
        let root = native_tls::Certificate::from_pem(identity.pem.as_bytes()).unwrap();
        let connector = native_tls::TlsConnector::builder()
            .add_root_certificate(root)
            .build()
            .unwrap();
        let (builder, accepting) = piped("wss://a.example/chat", &identity);
        let connecting = builder.native_tls_connector(connector).connect();
        let serving = async { wsio::native::accept(accepting.await.unwrap()).await };
        let (client, server) = join!(connecting, serving);
        client.unwrap();
        assert_eq!(server.unwrap().0.url(), "/chat");
    }

    #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
    mod rustls_config {
        use futures::StreamExt;
        use rustls::{CertificateError, HandshakeKind};
        use tokio::{
            io::{AsyncReadExt, AsyncWriteExt},
            net::{TcpListener, TcpStream},
        };
        use wsio::native::accept;

        use super::*;
        use crate::support::{LONG, pattern};

        #[tokio::test]
        async fn c6_a_trusted_server_is_spoken_to() {
            let identity = Identity::of("127.0.0.1");
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = TlsAcceptor::from(Arc::clone(&identity.server));
            let serving = async {
                let (tcp, _) = listener.accept().await.unwrap();
                let tls = acceptor.accept(tcp).await.unwrap();
                let (_meta, stream) = accept(tls).await.unwrap();
                let (mut read, mut write) = tokio::io::split(stream.into_io());
                tokio::io::copy(&mut read, &mut write).await.unwrap()
            };
            let asking = async {
                let builder = WsMeta::builder(format!("wss://{address}/"));
                let builder = builder.rustls_config(Arc::clone(&identity.client));
                let (meta, stream) = builder.connect().await.unwrap();
                assert_eq!(meta.url(), format!("wss://{address}/"));
                let (mut read, mut write) = tokio::io::split(stream.into_io());
                let sent: Vec<u8> = (0..1 << 20).map(pattern).collect();
                let mut received = vec![0; sent.len()];
                let (wrote, read) = join!(write.write_all(&sent), read.read_exact(&mut received));
                wrote.unwrap();
                read.unwrap();
                assert!(received == sent);
                assert!(meta.close_code(1000).await.unwrap().was_clean);
            };
            let both = async { join!(serving, asking).0 };
            assert_eq!(tokio::time::timeout(LONG, both).await.unwrap(), 1 << 20);
        }

        /// How the handshakes of some connections made one after the other went.
        async fn handshakes(
            identity: &Identity,
            change: impl Fn(Builder) -> Builder,
        ) -> Vec<HandshakeKind> {
            let mut kinds = Vec::new();
            for _ in 0..3 {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let acceptor = TlsAcceptor::from(Arc::clone(&identity.server));
                let serving = async {
                    let (tcp, _) = listener.accept().await.unwrap();
                    let tls = acceptor.accept(tcp).await.unwrap();
                    kinds.push(tls.get_ref().1.handshake_kind().unwrap());
                    accept(tls).await.unwrap()
                };
                let builder = change(WsMeta::builder(format!("wss://{address}/")));
                let (client, (_server, mut stream)) = join!(builder.connect(), serving);
                let (client, _stream) = client.unwrap();
                join!(client.close(), stream.next());
            }
            kinds
        }

        #[tokio::test]
        async fn c6_sessions_of_a_configuration_given_are_resumed() {
            let identity = Identity::of("127.0.0.1");
            let config = Arc::clone(&identity.client);
            let kinds = handshakes(&identity, |it| it.rustls_config(Arc::clone(&config))).await;
            use HandshakeKind::{Full, Resumed};
            assert_eq!(kinds, [Full, Resumed, Resumed]);
        }

        /// Runs itself again in a process whose certificates of the system are its own.
        #[cfg(feature = "rustls-native-roots")]
        #[tokio::test]
        async fn c6_sessions_of_the_default_configuration_are_resumed() {
            const NAME: &str = "c6_sessions_of_the_default_configuration_are_resumed";
            const CHILD: &str = "WSIO_TEST_WITH_OWN_ROOTS";
            if let (Some(_), Some(roots)) =
                (std::env::var_os(CHILD), std::env::var_os("SSL_CERT_FILE"))
            {
                let identity = Identity::of("127.0.0.1");
                std::fs::write(roots, &identity.pem).unwrap();
                let kinds = handshakes(&identity, |it| it).await;
                use HandshakeKind::{Full, Resumed};
                assert_eq!(kinds, [Full, Resumed, Resumed]);
                return;
            }
            let (_, module) = module_path!().split_once("::").unwrap();
            let roots = format!(
                "{}/roots-{}.pem",
                env!("CARGO_TARGET_TMPDIR"),
                std::process::id()
            );
            let child = tokio::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &format!("{module}::{NAME}")])
                .env(CHILD, "1")
                .env("SSL_CERT_FILE", &roots)
                .env_remove("SSL_CERT_DIR")
                .output();
            let output = tokio::time::timeout(LONG, child).await.unwrap().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            std::fs::remove_file(roots).unwrap();
            assert!(
                text.contains("1 passed") && output.status.success(),
                "{text}"
            );
        }

        #[tokio::test]
        async fn c6_a_connector_makes_the_transport_below_tls() {
            let identity = Identity::of("b.example");
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let builder = WsMeta::builder("wss://b.example/chat")
                .rustls_config(Arc::clone(&identity.client))
                .connector(move |host, port| async move {
                    assert_eq!((host.as_str(), port), ("b.example", 443));
                    TcpStream::connect(address).await
                });
            let serving = async {
                let (tcp, _) = listener.accept().await.unwrap();
                let acceptor = TlsAcceptor::from(Arc::clone(&identity.server));
                let tls = acceptor.accept(tcp).await.unwrap();
                assert_eq!(tls.get_ref().1.server_name(), Some("b.example"));
                accept(tls).await.unwrap()
            };
            let (client, (server, _stream)) = join!(builder.connect(), serving);
            let (_, mut client) = client.unwrap();
            assert_eq!(server.url(), "/chat");
            let (closed, end) = join!(server.close(), client.next());
            assert!(closed.was_clean && end.is_none());
        }

        #[tokio::test]
        async fn c6_a_certificate_for_another_name_is_an_error() {
            let identity = Identity::of("a.example");
            let (builder, accepting) = piped("wss://b.example/", &identity);
            let builder = builder.rustls_config(Arc::clone(&identity.client));
            let (client, server) = join!(builder.connect(), accepting);
            assert!(server.is_err());
            let error = client.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Network);
            let cause = error.source().and_then(|it| it.downcast_ref());
            let cause: Option<&std::io::Error> = cause;
            let cause = cause.and_then(|it| it.get_ref()?.downcast_ref());
            let Some(rustls::Error::InvalidCertificate(cause)) = cause else {
                panic!("{error:?}");
            };
            let is_name = matches!(
                cause,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            );
            assert!(is_name, "{cause:?}");
        }

        #[tokio::test]
        async fn c6_a_name_that_no_certificate_can_have_is_an_error() {
            let identity = Identity::of("a.example");
            let name = "a".repeat(64);
            let (builder, _accepting) = piped(&format!("wss://{name}.example/"), &identity);
            let error = builder.connect().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Network);
            assert!(error.source().is_some(), "{error:?}");
        }

        #[tokio::test]
        async fn c6_a_server_that_speaks_no_tls_is_an_error() {
            let (near, mut far) = duplex(4096);
            let near = std::sync::Mutex::new(Some(near));
            let builder = WsMeta::builder("wss://a.example/").connector(move |_, _| {
                let near = near.lock().unwrap().take();
                async { near.ok_or_else(|| std::io::ErrorKind::AddrInUse.into()) }
            });
            let answering = async {
                far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .await
                    .unwrap();
            };
            let (client, ()) = join!(builder.connect(), answering);
            let error = client.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Network);
            assert!(error.source().is_some(), "{error:?}");
        }

        #[tokio::test]
        async fn e2_the_end_of_tls_is_not_the_end_of_the_stream() {
            let identity = Identity::of("a.example");
            // With and without TLS having been told that it is over.
            for polite in [true, false] {
                let (builder, accepting) = piped("wss://a.example/", &identity);
                let builder = builder.rustls_config(Arc::clone(&identity.client));
                let serving = async {
                    let tls = accepting.await.unwrap();
                    let socket = tokio_tungstenite::accept_async(tls).await.unwrap();
                    let mut tls = socket.into_inner();
                    tls.write_all(b"\x82\x04past").await.unwrap();
                    tls.flush().await.unwrap();
                    if polite {
                        tls.shutdown().await.unwrap();
                    }
                };
                let (client, ()) = join!(builder.connect(), serving);
                let mut io = client.unwrap().1.into_io();
                let mut read = Vec::new();
                let error = io.read_to_end(&mut read).await.unwrap_err();
                assert_eq!(read, b"past");
                assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
            }
        }
    }
}
