//! A page in Chromium whose WebSocket goes over the HTTP/2 connection that the page came over.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    env, io,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    response::Html,
    routing::{any, get, post},
    serve::Listener,
};
use futures::{SinkExt, StreamExt};
use http::Version;
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use wsio::sse::SseEvent;
use wsio_axum::{Server, WsUpgrade, events};
use wsio_events::EventLog;

/// Reports the first messages of both sockets.
const PAGE: &str = "<!doctype html><script>
const report = text => fetch('/report', { method: 'POST', body: text });
const first = (path, hello) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}${path}`);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => hello && socket.send(hello);
    socket.onclose = event => reject(`${path} closed with ${event.code}`);
    socket.onmessage = ({ data }) => resolve(
        typeof data === 'string' ? data : new TextDecoder().decode(data));
});
Promise.all([first('/echo', 'hello'), first('/events?lastEventId=x')])
    .then(texts => report(texts.join('|')), error => report(`${error}`));
</script>";

/// TLS that offers HTTP/2.
struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Tls {
    async fn bind() -> Self {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private.into())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self {
            tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TlsStream<TcpStream>, SocketAddr) {
        loop {
            let (tcp, addr) = Listener::accept(&mut self.tcp).await;
            if let Ok(tls) = self.acceptor.accept(tcp).await {
                return (tls, addr);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// A browser that ends with the test.
struct Chromium {
    process: Child,
    _profile: tempfile::TempDir,
}

impl Chromium {
    fn open(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let chosen = env::var("CHROMIUM").ok();
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let names = chosen.iter().map(String::as_str).chain(names);
        let started = names.into_iter().find_map(|name| {
            Command::new(name)
                .args(["--headless", "--no-sandbox", "--disable-gpu"])
                .arg("--ignore-certificate-errors")
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg(url)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .ok()
        });
        Self {
            process: started.expect("a Chromium"),
            _profile: profile,
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "needs Chromium; `cargo xtask test http2-browser` runs it"]
async fn c7_a_page_has_its_websockets_over_http2() {
    let echo = async |version: Version, upgrade: WsUpgrade| {
        upgrade.on_upgrade(async move |_, mut stream| {
            while let Some(Ok(message)) = stream.next().await {
                let text = String::from_utf8_lossy(&message.into_bytes()).into_owned();
                stream
                    .send(format!("{text} over {version:?}").into())
                    .await
                    .unwrap();
            }
        })
    };
    let (reports, mut reported) = mpsc::channel(1);
    let report = async move |text: String| reports.send(text).await.unwrap();
    let log = EventLog::default();
    log.append(SseEvent::new("kept")).await.unwrap();
    let routes = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/report", post(report))
        .route("/echo", any(echo))
        .route("/events", events(log));
    let server = Server::builder().routes(routes).serve(Tls::bind().await);
    let server = server.unwrap();
    let url = format!("https://localhost:{}/", server.addr.port());
    let _chromium = Chromium::open(&url);
    let report = timeout(Duration::from_secs(60), reported.recv()).await;
    let report = report.expect("a report in time").unwrap();
    let (echo, events) = report.split_once('|').expect(&report);
    assert_eq!(echo, "hello over HTTP/2.0");
    assert!(events.contains("data: kept"), "{events}");
}
