//! Nothing that is logged or formatted shows a secret.
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/support/mod.rs"]
mod support;

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{Router, routing::any};
use support::{
    connect_to,
    feed::{BOTH, begin, get},
};
use tracing_subscriber::fmt::MakeWriter;
use wsio_axum::{EventRequest, EventRoute, Server, WsUpgrade};
use wsio_events::EventLog;

/// Everything that is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logged {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn c9_a_server_logs_no_query_and_no_header() {
    let logged = Logged::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(logged.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let formatted = async |upgrade: WsUpgrade| {
        tracing::info!(?upgrade, "upgrade");
        upgrade.on_upgrade(async |meta, _| drop(meta.close_code(1000).await))
    };
    let asked = async |request: EventRequest| {
        tracing::info!(?request, "request");
        request.refuse(http::StatusCode::NOT_FOUND, None)
    };
    let routes = Router::new()
        .route("/upgrade", any(formatted))
        .route("/request", any(asked))
        .route("/log", EventRoute::new().serve(EventLog::default()));
    let builder = Server::builder().routes(routes);
    let server = builder.start("127.0.0.1:0").await.unwrap();
    let headers = [("authorization", "Bearer s3cret"), ("cookie", "id=s3cret")];
    for route in ["/upgrade", "/request", "/nowhere"] {
        let route = format!("{route}?token=s3cret");
        drop(connect_to(server.addr, &route, &headers).await);
        drop(get(server.addr, &route, &headers).await);
    }
    for transport in BOTH {
        drop(begin(transport, server.addr, "/log?token=s3cret").await);
    }
    server.shutdown().await;
    let text = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    // Of this crate: what a program logs of others is its own affair.
    let lines = text.lines().filter(|line| line.contains("wsio"));
    let lines: Vec<_> = lines.collect();
    assert!(lines.iter().any(|line| line.contains("/upgrade")), "{text}");
    for line in lines {
        assert!(!line.contains("s3cret"), "{line}");
    }
}
