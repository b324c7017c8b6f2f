//! Event logs under topics.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{DefaultBodyLimit, Query, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use http::StatusCode;
use serde::Deserialize;
use wsio::sse::SseEvent;

use super::{
    Shared,
    topics::{NoTopic, Topic, Topics},
};
use crate::{
    events::{Cutting, EventRequest, EventRoute},
    tasks::Tasks,
};

/// The largest event that can be published, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// How far `count` goes.
const MAX_COUNT: u64 = 100_000;

pub(super) fn events() -> MethodRouter<Shared> {
    get(
        async |State(topics): State<Arc<Topics>>,
               Extension(tasks): Extension<Tasks>,
               Query(query): Query<Events>,
               request: EventRequest|
               -> Response { query.answer(&topics, &tasks, request) },
    )
}

/// How a log is to be served.
#[derive(Debug, Deserialize)]
pub(super) struct Events {
    #[serde(default)]
    topic: String,
    keep: Option<usize>,
    status: Option<u16>,
    retry_after: Option<u64>,
    drop_after: Option<u64>,
    count: Option<u64>,
    #[serde(default)]
    interval_ms: u64,
    #[serde(default)]
    replay: bool,
    heartbeat_ms: Option<u64>,
    retry_ms: Option<u64>,
    upstream: Option<Upstream>,
}

/// What is done with events that come over the WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Upstream {
    Append,
}

impl Events {
    pub(super) fn answer(&self, topics: &Topics, tasks: &Tasks, request: EventRequest) -> Response {
        if let Some(status) = self.status {
            let retry_after = self.retry_after.map(Duration::from_secs);
            return refuse(request, status, retry_after);
        }
        let topic = match topics.topic(&self.topic, self.keep) {
            Ok(topic) => topic,
            Err(none) => return request.refuse(none.status(), None),
        };
        if let Some(n) = self.count {
            let interval = Duration::from_millis(self.interval_ms);
            topic.count(n.min(MAX_COUNT), interval, tasks);
        }
        let request = request.cutting(Cutting {
            after: self.drop_after,
            at: Some(topic.dropped()),
        });
        let route = self.route(topics.route.clone(), &topic);
        route.answer(&topic.log, request)
    }

    fn route(&self, route: EventRoute, topic: &Topic) -> EventRoute {
        let mut route = route
            .replay(self.replay || self.count.is_some())
            .retry(self.retry_ms.map(Duration::from_millis));
        if let Some(interval) = self.heartbeat_ms {
            route = route.heartbeat(Duration::from_millis(interval));
        }
        if self.upstream == Some(Upstream::Append) {
            let log = topic.log.clone();
            route = route.on_event(move |event| {
                log.append(event);
                async {}
            });
        }
        route
    }
}

/// Refuses with any status that there is.
pub(super) fn refuse(
    request: EventRequest,
    status: u16,
    retry_after: Option<Duration>,
) -> Response {
    match StatusCode::from_u16(status) {
        Ok(status) if !status.is_informational() => request.refuse(status, retry_after),
        _ => (StatusCode::BAD_REQUEST, "the status has to be 200 to 999\n").into_response(),
    }
}

impl NoTopic {
    fn status(self) -> StatusCode {
        match self {
            Self::LongName => StatusCode::BAD_REQUEST,
            Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Publish {
    #[serde(default)]
    topic: String,
    keep: Option<usize>,
    event: Option<String>,
    #[serde(default)]
    end: bool,
}

pub(super) fn publish() -> MethodRouter<Shared> {
    post(
        async |State(topics): State<Arc<Topics>>,
               Query(query): Query<Publish>,
               data: String|
               -> Response {
            let topic = match topics.topic(&query.topic, query.keep) {
                Ok(topic) => topic,
                Err(none) => return none.status().into_response(),
            };
            let mut event = SseEvent::new(data);
            if let Some(name) = query.event {
                if name.contains(['\r', '\n']) {
                    let reason = "the name of an event has no line breaks\n";
                    return (StatusCode::BAD_REQUEST, reason).into_response();
                }
                event = event.with_name(name);
            }
            let id = topic.log.append(event);
            if query.end {
                topic.log.end();
            }
            id.into_response()
        },
    )
    .layer(DefaultBodyLimit::max(MAX_BODY))
}

#[derive(Debug, Deserialize)]
struct Drop {
    #[serde(default)]
    topic: String,
}

pub(super) fn drop() -> MethodRouter<Shared> {
    post(
        async |State(topics): State<Arc<Topics>>, Query(query): Query<Drop>| -> Response {
            match topics.topic(&query.topic, None) {
                Ok(topic) => {
                    topic.drop_all();
                    StatusCode::NO_CONTENT.into_response()
                }
                Err(none) => none.status().into_response(),
            }
        },
    )
}
