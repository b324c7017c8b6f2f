//! The near end of the wire.

use axum::{
    Router,
    extract::{Query, Request, State},
    http::StatusCode,
    response::Response,
    routing::{any, post},
};
use serde::Deserialize;
use wsio_demo_exchange::events::PATH;

use crate::Wire;

impl Wire {
    /// Returns the routes of its near end: the event log, and below it `drop`, which cuts the
    /// connections of the client that the query names.
    pub fn routes(&self) -> Router {
        Router::new()
            .route(PATH, any(pass))
            .route(&format!("{PATH}/drop"), post(drop_connections))
            .with_state(self.clone())
    }
}

/// The client whose connections are meant.
#[derive(Debug, Deserialize)]
struct Whose {
    client: Option<String>,
}

async fn pass(
    State(wire): State<Wire>,
    Query(Whose { client }): Query<Whose>,
    request: Request,
) -> Response {
    wire.pass(client.unwrap_or_default(), request).await
}

async fn drop_connections(
    State(wire): State<Wire>,
    Query(Whose { client }): Query<Whose>,
) -> StatusCode {
    wire.cut(client);
    StatusCode::NO_CONTENT
}
