//! The promises of every store, in Redis.
#![allow(clippy::unwrap_used)]

#[path = "../../events/tests/suite/mod.rs"]
mod suite;
mod support;

use suite::Engine;
use support::{RedisServer, options};
use wsio_events::{EventLogs, Limits};

struct Redis {
    server: RedisServer,
    limits: Limits,
}

impl Engine for Redis {
    const IS_DURABLE: bool = true;
    const IS_SHARED: bool = true;

    async fn start(limits: Limits) -> Self {
        let server = RedisServer::with_append_only_file();
        Self { server, limits }
    }

    async fn logs(&self) -> EventLogs {
        let options = options(&self.server.url()).limits(self.limits);
        options.connect().await.unwrap()
    }

    async fn restart(mut self) -> Self {
        self.server.kill();
        self.server.launch_again();
        self
    }
}

every_store!(Redis);
