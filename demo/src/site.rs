//! The routes that the demo adds to the server's: the page, its reports, events, and servers.

use std::{path::Path, sync::Arc};

use axum::{
    Json, Router,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    routing::post,
};
use tokio::sync::mpsc;
use tower_http::{services::ServeDir, set_header::SetResponseHeader};
use wsio_demo_exchange::Outcome;
use wsio_demo_fleet::{Fleet, Wire};

use crate::servers;

/// The files in `page` at `/`, `/demo/report`, whose reports go to `reports`, the event log that is
/// at the other end of the wire, and the servers there, if there are any.
pub(crate) fn routes(
    page: &Path,
    reports: mpsc::Sender<Outcome>,
    fleet: Option<Arc<Fleet>>,
    wire: Wire,
) -> Router {
    // A browser that kept yesterday's program would run it against today's bindings.
    let files = SetResponseHeader::overriding(
        ServeDir::new(page),
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache"),
    );
    let report = move |Json(outcome): Json<Outcome>| {
        let reports = reports.clone();
        async move { accept(&reports, outcome) }
    };
    Router::new()
        .route("/demo/report", post(report))
        .merge(wire.routes())
        .merge(servers::routes(fleet, wire))
        .fallback_service(files)
}

/// Takes a report if one is waited for; pages opened by hand may report as well.
fn accept(reports: &mpsc::Sender<Outcome>, outcome: Outcome) -> StatusCode {
    match reports.try_send(outcome) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::CONFLICT,
    }
}
