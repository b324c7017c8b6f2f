//! The demo's event log: what is appended to it, and where it is served.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    extract::{Query, Request, State},
    http::StatusCode,
    response::Response,
    routing::{any, post},
};
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, interval};
use wsio_axum::events;
use wsio_demo_exchange::events::Tick;
use wsio_events::{EventLog, Limits};

use crate::wire::Wire;

/// The last ten minutes, at ten events a second.
const KEPT: Limits = Limits::new().events(6000).bytes(2 << 20);

/// A log to which an event is appended every so often, at `/demo/events`, and what drops the
/// connections to it, at `/demo/events/drop`.
pub(crate) fn routes(every: Duration) -> (Router, Wire) {
    let log = EventLog::new(KEPT);
    tokio::spawn(append_ticks(log.clone(), every));
    let wire = Wire::to(Router::new().route("/demo/events", events(log)));
    let routes = Router::new()
        .route("/demo/events", any(pass))
        .route("/demo/events/drop", post(drop))
        .with_state(wire.clone());
    (routes, wire)
}

async fn append_ticks(log: EventLog, every: Duration) {
    let began = now();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1.. {
        ticks.tick().await;
        let tick = Tick {
            log: began,
            number,
            at: now(),
        };
        let appended = match tick.to_event() {
            Ok(event) => log.append(event).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = appended {
            eprintln!("a tick cannot be appended: {error}");
        }
    }
}

/// In milliseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
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

async fn drop(State(wire): State<Wire>, Query(Whose { client }): Query<Whose>) -> StatusCode {
    wire.cut(client);
    StatusCode::NO_CONTENT
}
