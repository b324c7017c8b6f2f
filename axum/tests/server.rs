//! A server has the routes that it is given, and no others.
#![allow(clippy::unwrap_used)]

#[path = "../../server/tests/support/mod.rs"]
mod support;

use axum::{Router, routing::get};
use http::{Method, StatusCode};
use support::feed::{get as fetch, request, text};
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
