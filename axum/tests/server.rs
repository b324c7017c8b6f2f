//! A server has the routes that it is given, and no others.
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/support/mod.rs"]
mod support;

use std::{io, time::Duration};

use axum::{Router, routing::get, serve::Listener};
use http::{Method, StatusCode};
use support::feed::{get as fetch, request, text};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
    time::Instant,
};
use wsio_axum::Server;
use wsio_server::ROUTES;

#[tokio::test]
async fn c7_a_server_without_routes_answers_404_to_every_path_of_the_companion() {
    let server = Server::builder().start("127.0.0.1:0").await.unwrap();
    for route in ROUTES {
        for method in [Method::GET, Method::POST] {
            let response = request(server.addr, method, route.path, &[], "").await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{}", route.path);
        }
    }
}

#[tokio::test]
async fn c7_an_application_reaches_its_own_routes_whatever_they_are_called() {
    let routes = ROUTES.iter().fold(Router::new(), |router, route| {
        router.route(route.path, get(async || route.path))
    });
    let server = Server::builder().routes(routes).start("127.0.0.1:0").await;
    let server = server.unwrap();
    for route in ROUTES {
        let response = fetch(server.addr, route.path, &[]).await;
        assert_eq!(text(response).await, route.path);
    }
}

/// Connections in memory.
struct InMemory(mpsc::Receiver<DuplexStream>);

impl Listener for InMemory {
    type Io = DuplexStream;
    type Addr = &'static str;

    async fn accept(&mut self) -> (DuplexStream, &'static str) {
        match self.0.recv().await {
            Some(connection) => (connection, "a client"),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<&'static str> {
        Ok("memory")
    }
}

#[tokio::test(start_paused = true)]
async fn f5_a_connection_without_a_request_is_dropped() {
    let (connect, connections) = mpsc::channel(1);
    let server = Server::builder().serve(InMemory(connections)).unwrap();
    assert_eq!(server.addr, "memory");
    // Nothing at all, the beginning of either version, and a head without an end.
    for beginning in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ] {
        let (mut client, far) = duplex(1 << 10);
        connect.send(far).await.unwrap();
        client.write_all(beginning.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        let silence = begun.elapsed();
        let expected = Duration::from_secs(30);
        assert!(
            silence.abs_diff(expected) < Duration::from_secs(1),
            "{silence:?}"
        );
    }
}
