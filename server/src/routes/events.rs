//! Event logs under topics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Query, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use http::{StatusCode, request::Parts};
use serde::Deserialize;
use wsio::sse::SseEvent;
use wsio_axum::{EventRequest, ServerHandle};
use wsio_events::{AppendError, FeedOptions, StoreError, UpstreamEvent};

use super::{
    Shared, cut,
    topics::{NoTopic, Topic, Topics},
};
use crate::stream::{Cut, Peer};

/// The largest event that can be published, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The largest `count`.
const MAX_COUNT: u64 = 100_000;

pub(super) fn events() -> MethodRouter<Shared> {
    get(
        async |State(topics): State<Arc<Topics>>,
               connection: Connection,
               Query(query): Query<Events>,
               request: EventRequest|
               -> Response { query.answer(&topics, &connection, request) },
    )
}

/// The query of a log's route.
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
    #[serde(default)]
    fail: u64,
    cut_upstream: Option<u64>,
}

/// The use of events that come over the WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Upstream {
    /// Appends them under their keys.
    Append,
    /// Appends them, once for each call of the handler.
    Log,
}

impl Events {
    pub(super) fn answer(
        &self,
        topics: &Topics,
        connection: &Connection,
        request: EventRequest,
    ) -> Response {
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
            topic.count(n.min(MAX_COUNT), interval, &connection.server);
        }
        topic.connected(&connection.cut);
        if let Some(events) = self.drop_after {
            return self.answer_cut(events, &topic, connection, request);
        }
        let route = topics.route.clone().replay(self.replays());
        let route = route.retry(self.retry_ms.map(Duration::from_millis));
        let mut route = match self.heartbeat_ms {
            Some(interval) => route.heartbeat(Duration::from_millis(interval)),
            None => route,
        };
        if let Some(upstream) = self.upstream {
            let handler = UpstreamHandler {
                topic: topic.clone(),
                upstream,
                fail: self.fail,
                cut: self
                    .cut_upstream
                    .map(|after| (after, connection.cut.clone())),
                handled: Arc::default(),
            };
            route = route.on_event(move |event| handler.clone().handle(event));
        }
        route.answer(&topic.log, request)
    }

    /// Returns whether a client without an id is sent all events that are kept.
    fn replays(&self) -> bool {
        self.replay || self.count.is_some()
    }

    /// Cuts the connection after so many events.
    fn answer_cut(
        &self,
        events: u64,
        topic: &Topic,
        connection: &Connection,
        request: EventRequest,
    ) -> Response {
        let options = FeedOptions::new().replay(self.replays());
        let options = options.retry(self.retry_ms.map(Duration::from_millis));
        let options = match self.heartbeat_ms {
            Some(interval) => options.heartbeat(Duration::from_millis(interval)),
            None => options,
        };
        let feed = options.open(&topic.log, request.last_event_id());
        if feed.is_over() {
            return request.refuse(StatusCode::NO_CONTENT, None);
        }
        let feed = feed.until(connection.server.shutting_down()).limit(events);
        let upstream = self.upstream.map(|_| topic.log.clone());
        cut::answer(feed, connection.cut.clone(), upstream, request)
    }
}

/// Handles the events that come over one WebSocket.
#[derive(Debug, Clone)]
struct UpstreamHandler {
    topic: Topic,
    upstream: Upstream,
    /// How many calls fail first, over all connections.
    fail: u64,
    /// After how many events the connection is cut, before the last of them is confirmed.
    cut: Option<(u64, Cut)>,
    handled: Arc<AtomicU64>,
}

impl UpstreamHandler {
    async fn handle(self, upstream: UpstreamEvent) -> Result<(), AppendError> {
        if self.topic.fails(self.fail) {
            return Err(AppendError::refused(StoreError::new("so it was asked for")));
        }
        let UpstreamEvent { event, key, .. } = upstream;
        let appended = match self.upstream {
            Upstream::Append => self.topic.log.append_once(&key, event).await,
            Upstream::Log => self.topic.log.append(event).await,
        };
        match appended {
            // It would come again for ever.
            Err(error) if error.is_too_large() => tracing::debug!(%error, "not appended"),
            appended => {
                appended?;
            }
        }
        let handled = self.handled.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((after, cut)) = &self.cut
            && *after == handled
        {
            cut.now();
        }
        Ok(())
    }
}

/// The connection of a request.
#[derive(Debug)]
pub(super) struct Connection {
    server: ServerHandle,
    cut: Cut,
}

impl<S: Send + Sync> FromRequestParts<S> for Connection {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let server = Extension::from_request_parts(parts, state).await;
        let Extension(server) = server.map_err(IntoResponse::into_response)?;
        let peer = ConnectInfo::<Peer>::from_request_parts(parts, state).await;
        let ConnectInfo(Peer { cut, .. }) = peer.map_err(IntoResponse::into_response)?;
        Ok(Self { server, cut })
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
            let id = match topic.log.append(event).await {
                Ok(id) => id,
                Err(error) => {
                    return (StatusCode::PAYLOAD_TOO_LARGE, format!("{error}\n")).into_response();
                }
            };
            if query.end
                && let Err(error) = topic.log.end().await
            {
                tracing::error!(%error, "a log is not ended");
            }
            id.to_string().into_response()
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
