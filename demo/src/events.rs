//! The demo's event log: what is appended to it, and where it is served.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::Router;
use tokio::time::{MissedTickBehavior, interval, sleep};
use wsio::sse::SseEvent;
use wsio_axum::EventRoute;
use wsio_demo_exchange::{
    chat::Line,
    events::{PATH, Tick},
};
use wsio_events::{EventLog, UpstreamEvent};

/// The silence after which a comment is sent: clients of the demo take ten seconds for the end.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// The pause before an append that failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// The log at `/demo/events`. What clients say there is appended to it.
pub(crate) fn served(log: EventLog) -> Router {
    let route = EventRoute::new().heartbeat(HEARTBEAT).on_event(append_line);
    Router::new().route(PATH, route.serve(log))
}

/// Appends a line under the key of the event that brought it: should this server be killed before
/// the client knows, another one gets the event again, and appends nothing. Whatever else a client
/// sends is passed over.
async fn append_line(upstream: UpstreamEvent) -> Result<(), Infallible> {
    let UpstreamEvent {
        event, key, log, ..
    } = upstream;
    if let Some(Ok(_)) = Line::from_event(&event) {
        append_once(&log, &key, event).await;
    }
    Ok(())
}

/// Appends a tick every so often, each once, whatever becomes of the engine meanwhile.
pub(crate) async fn append_ticks(log: EventLog, every: Duration) {
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
        match tick.to_event() {
            Ok(event) => append_once(&log, &format!("tick {began}-{number}"), event).await,
            Err(error) => eprintln!("a tick cannot be appended: {error}"),
        }
    }
}

/// Appends an event under a key until that has succeeded.
async fn append_once(log: &EventLog, key: &str, event: SseEvent) {
    while let Err(error) = log.append_once(key, event.clone()).await {
        if error.is_too_large() {
            eprintln!("an event cannot be appended: {error}");
            return;
        }
        sleep(PAUSE).await;
    }
}

/// In milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
