//! The request for an event stream.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Query},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header, request::Parts};
use tokio::sync::Semaphore;
use wsio::{CloseCode, native::Acceptor};

use crate::{
    ServerHandle, UpgradeRejection, WsUpgrade, connection::ConnectionHandle, upgrade::tokens,
};

/// The header with the last event id over HTTP (WHATWG HTML § 9.2.4).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The query parameter with the last event id of a client that cannot set headers: a WebSocket in a
/// browser.
const LAST_EVENT_ID_PARAMETER: &str = "lastEventId";

/// The time a refused WebSocket waits for the client's Close frame.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The refused WebSockets of this process that may wait for their clients at the same time.
static REFUSALS: Semaphore = Semaphore::const_new(256);

/// An axum extractor for a request for an event stream, over either transport: a request for a
/// WebSocket, or any other.
///
/// Use it in handlers that choose the log of an [`EventRoute`](crate::EventRoute) for each request.
/// Route them for GET and CONNECT, the method of a WebSocket over HTTP/2:
///
/// ```
/// use std::{collections::HashMap, sync::Arc};
///
/// use axum::{
///     Router,
///     extract::{Path, State},
///     http::StatusCode,
///     response::Response,
///     routing::any,
/// };
/// use wsio_axum::{EventRequest, EventRoute};
/// use wsio_events::EventLog;
///
/// #[derive(Clone)]
/// struct Jobs {
///     logs: Arc<HashMap<u32, EventLog>>,
///     route: EventRoute,
/// }
///
/// async fn progress(
///     State(jobs): State<Jobs>,
///     Path(id): Path<u32>,
///     request: EventRequest,
/// ) -> Response {
///     match jobs.logs.get(&id) {
///         Some(log) => jobs.route.answer(log, request),
///         None => request.refuse(StatusCode::NOT_FOUND, None),
///     }
/// }
///
/// let jobs = Jobs { logs: Arc::default(), route: EventRoute::new().replay(true) };
/// let router: Router = Router::new().route("/jobs/{id}", any(progress)).with_state(jobs);
/// ```
#[derive(Debug)]
#[must_use = "a request has to be answered"]
pub struct EventRequest {
    pub(crate) upgrade: Option<WsUpgrade>,
    pub(crate) server: Option<ServerHandle>,
    pub(crate) connection: Option<ConnectionHandle>,
    pub(crate) version: Version,
    last_event_id: Option<String>,
}

impl EventRequest {
    /// Returns the id of the last event that the client has seen, if any: from the header
    /// `Last-Event-ID` or the query parameter `lastEventId`. The header takes precedence, since a
    /// browser keeps it up to date.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Sets the id of the last event that the client has seen, for clients that send it in another
    /// way; `None` and the empty id for a client that has seen nothing.
    pub fn with_last_event_id(mut self, id: impl Into<Option<String>>) -> Self {
        self.last_event_id = id.into().filter(|it| !it.is_empty());
        self
    }

    /// Returns whether the client asks for a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.upgrade.is_some()
    }

    /// Refuses the request with this HTTP status.
    ///
    /// A WebSocket is accepted and closed with [the code that stands for the
    /// status](CloseCode::from_http_status), 4000 plus the status, since no browser shows a page the
    /// status of a refused handshake. The answer is plain HTTP if no code stands for the status, or
    /// if 256 refused WebSockets in this process wait for their clients already; each waits for a
    /// second at most.
    ///
    /// `retry_after`, rounded up to seconds, is sent in the header `Retry-After`, or in the reason
    /// of the Close frame, as in `Service Unavailable; Retry-After: 5`.
    #[must_use = "the answer has to be sent"]
    pub fn refuse(self, status: StatusCode, retry_after: Option<Duration>) -> Response {
        let Some(upgrade) = self.upgrade else {
            return refusal(status, retry_after);
        };
        let (Some(code), Ok(slot)) = (
            CloseCode::from_http_status(status.as_u16()),
            REFUSALS.try_acquire(),
        ) else {
            let is_error = status.is_client_error() || status.is_server_error();
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            return refusal(if is_error { status } else { unavailable }, retry_after);
        };
        let reason = close_reason(status, retry_after);
        let acceptor = Acceptor::new().close_timeout(REFUSAL_TIMEOUT);
        let upgrade = upgrade.acceptor(acceptor).closes_itself();
        upgrade.on_upgrade(async move |meta, _stream| {
            let _slot = slot;
            if let Err(error) = meta.close_reason(code, &reason).await {
                tracing::debug!(%error, "not closed");
            }
        })
    }

    /// Returns the upgrade, if the client asks for a WebSocket.
    #[must_use]
    pub fn into_upgrade(self) -> Option<WsUpgrade> {
        self.upgrade
    }
}

fn refusal(status: StatusCode, retry_after: Option<Duration>) -> Response {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = retry_after {
        headers.insert(header::RETRY_AFTER, delay_seconds(after).into());
    }
    response
}

/// Returns the reason of the Close frame that refuses with this status.
fn close_reason(status: StatusCode, retry_after: Option<Duration>) -> String {
    let phrase = status.canonical_reason();
    let retry_after = retry_after.map(|after| format!("Retry-After: {}", delay_seconds(after)));
    let parts = phrase.map(str::to_owned).into_iter().chain(retry_after);
    parts.collect::<Vec<_>>().join("; ")
}

/// Returns the time in whole seconds, rounded up (RFC 9110 § 10.2.3).
fn delay_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl<S: Sync> FromRequestParts<S> for EventRequest {
    type Rejection = UpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let last_event_id = last_event_id(parts);
        let server = parts.extensions.get().cloned();
        let upgrade = if asks_for_websocket(parts) {
            Some(WsUpgrade::from_request_parts(parts, state).await?)
        } else {
            None
        };
        Ok(Self {
            upgrade,
            server,
            connection: parts.extensions.get().cloned(),
            version: parts.version,
            last_event_id,
        })
    }
}

/// A client that would like HTTP/2 offers other upgrades, which can be ignored (RFC 9110 § 7.8).
fn asks_for_websocket(parts: &Parts) -> bool {
    parts.method == Method::CONNECT
        || tokens(&parts.headers, header::UPGRADE).any(|it| it.eq_ignore_ascii_case("websocket"))
}

fn last_event_id(parts: &Parts) -> Option<String> {
    let header = parts.headers.get(LAST_EVENT_ID);
    // The value is UTF-8 (WHATWG HTML § 9.2.3), which is more than `to_str` takes. What is not
    // is no id that a log has given, and is told so.
    let header = header.map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned());
    let in_query = || {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let parameters = query.map(|it| it.0).unwrap_or_default().into_iter();
        let mut ids = parameters.filter(|(name, _)| name == LAST_EVENT_ID_PARAMETER);
        // An address that had one already has got the newer one behind it.
        ids.next_back().map(|(_, id)| id)
    };
    let some = |id: &String| !id.is_empty();
    header.filter(some).or_else(|| in_query().filter(some))
}
