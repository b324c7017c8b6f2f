//! Natively every test has a server of its own.

use std::{net::SocketAddr, time::Duration};

use wsio::Builder;

pub use tokio::test;

/// What a read returns once its own side has been shut down and all that arrived has been read.
pub const AFTER_SHUTDOWN: Result<usize, std::io::ErrorKind> = Ok(0);

pub struct Server(wsio_server::Running);

impl Server {
    pub async fn start() -> Self {
        let running = wsio_server::Server::start("127.0.0.1:0").await;
        Self(running.expect("a free port"))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.addr
    }
}

/// Lets time pass, for a test that shows that nothing happens.
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// For a test that sends into connections that break, which is nothing special natively.
pub fn may_break(builder: Builder) -> Builder {
    builder
}

/// What plain HTTP answers.
pub async fn get(url: &str) -> reqwest::Response {
    choose_cryptography();
    reqwest::get(url).await.expect("an answer")
}

/// The same for a POST.
pub async fn post(url: &str, body: &'static str) -> reqwest::Response {
    choose_cryptography();
    let request = reqwest::Client::new().post(url).body(body);
    request.send().await.expect("an answer")
}

/// For whoever uses reqwest by itself: with rustls among its features, which is by now a matter
/// of what else is built, it panics in a process that has not chosen a cryptography provider.
pub fn choose_cryptography() {
    // That it was chosen before is all right.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub fn seed() -> u32 {
    std::process::id()
}
