//! Routes over plain HTTP.

use std::{collections::BTreeMap, io, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Query},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use futures::{SinkExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use wsio::WsMessage;
use wsio_axum::EventRequest;

use super::{Shared, content};

/// The largest body that `/echo-headers` sends back, in bytes.
const MAX_BODY: usize = 1 << 20;

#[derive(Debug, Deserialize)]
struct Redirect {
    #[serde(default = "found")]
    status: u16,
    to: Option<String>,
}

fn found() -> u16 {
    StatusCode::FOUND.as_u16()
}

pub(super) fn redirect() -> MethodRouter<Shared> {
    any(
        async |Query(query): Query<Redirect>, uri: Uri| -> Response {
            let status = StatusCode::from_u16(query.status).ok();
            let Some(status) = status.filter(StatusCode::is_redirection) else {
                return (StatusCode::BAD_REQUEST, "the status has to be 300 to 399\n")
                    .into_response();
            };
            let to = query.to.unwrap_or_else(|| uri.to_string());
            match HeaderValue::from_str(&to) {
                Ok(to) => (status, [(header::LOCATION, to)]).into_response(),
                Err(_) => (StatusCode::BAD_REQUEST, "this is no address\n").into_response(),
            }
        },
    )
}

#[derive(Debug, Deserialize)]
struct Teapot {
    #[serde(default = "second")]
    ms: u64,
}

fn second() -> u64 {
    1000
}

pub(super) fn teapot() -> MethodRouter<Shared> {
    any(async |Query(query): Query<Teapot>| -> Response {
        let pause = Duration::from_millis(query.ms);
        let bytes = stream::iter(b"12345").then(move |byte| async move {
            sleep(pause).await;
            Ok::<_, io::Error>(std::slice::from_ref(byte))
        });
        let headers = [
            ("the-answer-you-are-looking-for", "42"),
            ("content-type", "text/plain"),
            ("cache-control", "no-store"),
            ("x-accel-buffering", "no"),
        ];
        (StatusCode::IM_A_TEAPOT, headers, Body::from_stream(bytes)).into_response()
    })
}

/// A request, as it arrived.
#[derive(Debug, Serialize)]
struct Asked {
    method: String,
    uri: String,
    headers: BTreeMap<String, String>,
    body: String,
}

pub(super) fn echo_headers() -> MethodRouter<Shared> {
    any(
        async |method: Method,
               uri: Uri,
               headers: HeaderMap,
               request: EventRequest,
               body: Bytes|
               -> Response {
            let asked = Asked {
                method: method.to_string(),
                uri: uri.to_string(),
                headers: content::joined(&headers),
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            let json = serde_json::to_string(&asked).unwrap_or_default();
            // JSON on one line is one line of data.
            let event = format!("data: {json}\n\n");
            if let Some(upgrade) = request.into_upgrade() {
                return upgrade.on_upgrade(|meta, mut stream| async move {
                    if let Err(error) = stream.send(WsMessage::from(event.into_bytes())).await {
                        tracing::debug!(%error, "not sent");
                    }
                    if let Err(error) = meta.close_code(1000).await {
                        tracing::debug!(%error, "not closed");
                    }
                });
            }
            let accepted = headers.get(header::ACCEPT);
            let accepted = accepted.map(HeaderValue::as_bytes).unwrap_or_default();
            if accepted.starts_with(b"text/event-stream") {
                ([(header::CONTENT_TYPE, "text/event-stream")], event).into_response()
            } else {
                ([(header::CONTENT_TYPE, "application/json")], json).into_response()
            }
        },
    )
    .layer(DefaultBodyLimit::max(MAX_BODY))
}
