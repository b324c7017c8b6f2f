//! What the demo adds to the server's routes: the page, and where the page reports to.

use std::path::Path;

use axum::{
    Json, Router,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    routing::post,
};
use tokio::sync::mpsc;
use tower_http::{services::ServeDir, set_header::SetResponseHeader};
use wsio_demo_exchange::Outcome;

/// The files in `page` at `/`, and `/demo/report`, whose reports go to `reports`.
pub(crate) fn routes(page: &Path, reports: mpsc::Sender<Outcome>) -> Router {
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
        .fallback_service(files)
}

/// Takes a report if one is waited for; pages opened by hand may report as well.
fn accept(reports: &mpsc::Sender<Outcome>, outcome: Outcome) -> StatusCode {
    match reports.try_send(outcome) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::CONFLICT,
    }
}
