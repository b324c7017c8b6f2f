//! The routes that the demo adds to the server's: the page, its reports, and events.

use std::{path::Path, time::Duration};

use axum::{
    Json, Router,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    routing::post,
};
use tokio::sync::mpsc;
use tower_http::{services::ServeDir, set_header::SetResponseHeader};
use wsio_demo_exchange::Outcome;

use crate::{events, wire::Wire};

/// The interval at which an event is appended to the log.
const EVERY: Duration = Duration::from_millis(100);

/// The files in `page` at `/`, `/demo/report`, whose reports go to `reports`, and the routes of
/// the event log, with the wire that they are behind.
pub(crate) fn routes(page: &Path, reports: mpsc::Sender<Outcome>) -> (Router, Wire) {
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
    let (log, wire) = events::routes(EVERY);
    let routes = Router::new()
        .route("/demo/report", post(report))
        .merge(log)
        .fallback_service(files);
    (routes, wire)
}

/// Takes a report if one is waited for; pages opened by hand may report as well.
fn accept(reports: &mpsc::Sender<Outcome>, outcome: Outcome) -> StatusCode {
    match reports.try_send(outcome) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::CONFLICT,
    }
}
