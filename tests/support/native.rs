//! Natively every test has a server of its own.

use std::{net::SocketAddr, time::Duration};

pub use tokio::test;

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

pub fn seed() -> u32 {
    std::process::id()
}
