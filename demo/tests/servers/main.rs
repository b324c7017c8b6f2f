//! The demo with several servers on one engine, which are killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod fleet;
mod lost_history;
mod soak;

use std::{env, sync::Arc, time::Duration};

use wsio::sse::Reconnect;
use wsio_axum::{Running, Server};
use wsio_demo_exchange::chat::Chat;
use wsio_demo_fleet::{Fleet, FleetOptions, Wire};

/// Three servers, and the near end of the wire to them.
struct Site {
    fleet: Arc<Fleet>,
    wire: Wire,
    server: Running,
}

impl Site {
    async fn start() -> Self {
        let engine = env::var_os("REDIS_SERVER").unwrap_or("redis-server".into());
        let fleet = Fleet::start(FleetOptions {
            engine: engine.into(),
            server: env!("CARGO_BIN_EXE_wsio-demo").into(),
            args: vec!["server".into()],
            servers: 3,
        });
        let fleet = Arc::new(fleet.await.unwrap());
        let wire = Wire::to_servers(Arc::clone(&fleet));
        let server = Server::builder().routes(wire.routes());
        Self {
            fleet,
            wire,
            server: server.start("127.0.0.1:0").await.unwrap(),
        }
    }

    fn address(&self) -> String {
        format!("ws://{}", self.server.addr)
    }

    fn chat(&self, name: &str) -> Chat {
        let reconnect = Reconnect::new().delay(Duration::from_millis(50));
        Chat::new(&self.address(), name, reconnect)
    }
}
