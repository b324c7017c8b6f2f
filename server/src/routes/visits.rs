//! Servers that are not well, and how often somebody comes to them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use wsio_axum::EventRequest;

use super::{
    Shared,
    events::{self, Connection, Events},
    remembered::{Remembered, id_refused},
    topics::Topics,
};

/// The number of last event ids that are remembered for each id of a test.
const LAST_EVENT_IDS: usize = 64;

/// The visits, by the ids that tests choose.
#[derive(Debug, Default)]
pub(super) struct Visits(Mutex<Remembered<Visited>>);

/// The visits under one id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Visited {
    /// The number of visits.
    connects: u64,
    /// The ids after which the last visitors went on.
    last_event_ids: VecDeque<Option<String>>,
}

impl Visits {
    /// Counts a visitor; how many came before.
    pub(super) fn count(&self, id: &str, request: &EventRequest) -> Option<u64> {
        let mut visits = self.lock();
        let visited = visits.entry(id)?;
        let before = visited.connects;
        visited.connects += 1;
        if visited.last_event_ids.len() == LAST_EVENT_IDS {
            visited.last_event_ids.pop_front();
        }
        let last = request.last_event_id().map(str::to_owned);
        visited.last_event_ids.push_back(last);
        Some(before)
    }

    fn visited(&self, id: &str) -> Option<Visited> {
        self.lock().entry(id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Remembered<Visited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
}

pub(super) fn count() -> MethodRouter<Shared> {
    get(
        async |State(visits): State<Arc<Visits>>, Query(query): Query<Id>| -> Response {
            let Some(visited) = visits.visited(&query.id) else {
                return (StatusCode::BAD_REQUEST, id_refused()).into_response();
            };
            let json = serde_json::to_string(&visited).unwrap_or_default();
            ([(header::CONTENT_TYPE, "application/json")], json).into_response()
        },
    )
}

pub(super) fn accept_close() -> MethodRouter<Shared> {
    get(
        async |State(visits): State<Arc<Visits>>,
               Query(query): Query<Id>,
               request: EventRequest|
               -> Response {
            if visits.count(&query.id, &request).is_none() {
                return (StatusCode::BAD_REQUEST, id_refused()).into_response();
            }
            match request.into_upgrade() {
                Some(upgrade) => upgrade.on_upgrade(async |meta, _stream| {
                    if let Err(error) = meta.close_code(1000).await {
                        tracing::debug!(%error, "not closed");
                    }
                }),
                None => [(header::CONTENT_TYPE, "text/event-stream")].into_response(),
            }
        },
    )
}

#[derive(Debug, Deserialize)]
struct Flaky {
    id: String,
    #[serde(default = "once")]
    times: u64,
    #[serde(default = "unavailable")]
    fail_status: u16,
    #[serde(default)]
    retry_after: u64,
}

fn once() -> u64 {
    1
}

fn unavailable() -> u16 {
    StatusCode::SERVICE_UNAVAILABLE.as_u16()
}

pub(super) fn flaky() -> MethodRouter<Shared> {
    get(
        async |State(visits): State<Arc<Visits>>,
               State(topics): State<Arc<Topics>>,
               connection: Connection,
               Query(query): Query<Flaky>,
               Query(events): Query<Events>,
               request: EventRequest|
               -> Response {
            match visits.count(&query.id, &request) {
                None => (StatusCode::BAD_REQUEST, id_refused()).into_response(),
                Some(before) if before < query.times => {
                    let after = Duration::from_secs(query.retry_after);
                    events::refuse(request, query.fail_status, Some(after))
                }
                Some(_) => events.answer(&topics, &connection, request),
            }
        },
    )
}
