//! Event streams as nobody should write them.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Query, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;
use futures::{FutureExt, SinkExt, Stream, StreamExt, future, stream};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::time::sleep;
use wsio::{WsMessage, WsMeta, WsStream};
use wsio_axum::EventRequest;

use super::{Shared, peer::drain, remembered::id_refused, visits::Visits};
use crate::stream::{Cut, Peer};

#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(default = "event_stream")]
    r#type: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    body: String,
    hex: Option<String>,
    then: Option<String>,
    #[serde(default)]
    id: String,
    chunk: Option<usize>,
    #[serde(default)]
    interval_ms: u64,
    #[serde(default)]
    end: End,
}

fn event_stream() -> String {
    "text/event-stream".to_owned()
}

fn ok() -> u16 {
    StatusCode::OK.as_u16()
}

/// The end after the last byte.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum End {
    /// An orderly end.
    #[default]
    Close,
    /// Nothing, for ever.
    Hold,
    /// The connection breaks off.
    Drop,
}

pub(super) fn sse_raw() -> MethodRouter<Shared> {
    get(
        async |State(visits): State<Arc<Visits>>,
               ConnectInfo(peer): ConnectInfo<Peer>,
               Query(query): Query<Raw>,
               request: EventRequest|
               -> Response {
            let before = match query.id.as_str() {
                "" => 0,
                id => match visits.count(id, &request) {
                    Some(before) => before,
                    None => return bad(id_refused()),
                },
            };
            let Some(bytes) = query.bytes(before) else {
                return bad("hex is two digits for each byte\n".to_owned());
            };
            let chunks = query.chunks(bytes);
            match request.into_upgrade() {
                Some(upgrade) => upgrade.on_upgrade(move |meta, stream| {
                    messages(meta, stream, chunks, query.end, peer.cut)
                }),
                None => query.response(chunks, peer.cut),
            }
        },
    )
}

fn bad(reason: String) -> Response {
    (StatusCode::BAD_REQUEST, reason).into_response()
}

impl Raw {
    /// Returns the bytes for the client that comes after so many others.
    fn bytes(&self, before: u64) -> Option<Bytes> {
        if let Some(then) = self.then.as_ref().filter(|_| before > 0) {
            return Some(then.clone().into());
        }
        match &self.hex {
            Some(hex) => HEXLOWER_PERMISSIVE
                .decode(hex.as_bytes())
                .ok()
                .map(Bytes::from),
            None => Some(self.body.clone().into()),
        }
    }

    fn chunks(&self, mut bytes: Bytes) -> impl Stream<Item = Bytes> + Send + use<> {
        let interval = Duration::from_millis(self.interval_ms);
        let size = self.chunk.unwrap_or(bytes.len()).max(1);
        let mut chunks = Vec::with_capacity(bytes.len().div_ceil(size));
        while !bytes.is_empty() {
            chunks.push(bytes.split_to(size.min(bytes.len())));
        }
        stream::iter(chunks)
            .enumerate()
            .then(move |(n, chunk)| async move {
                if n > 0 {
                    sleep(interval).await;
                }
                chunk
            })
    }

    fn response(&self, chunks: impl Stream<Item = Bytes> + Send + 'static, cut: Cut) -> Response {
        let Ok(status) = StatusCode::from_u16(self.status) else {
            return bad("this is no status\n".to_owned());
        };
        let end = self.end;
        let last = future::lazy(move |_| {
            if end == End::Drop {
                // The connection ends at the flush after this, before the orderly end of the body.
                cut.at_flush();
            }
        })
        .then(move |()| async move {
            if end != End::Close {
                future::pending::<()>().await;
            }
            Bytes::new()
        });
        let body = chunks
            .chain(last.into_stream())
            .map(Ok::<_, std::io::Error>);
        let mut response = (status, Body::from_stream(body)).into_response();
        let headers = response.headers_mut();
        if self.r#type.is_empty() {
            headers.remove(header::CONTENT_TYPE);
        } else if let Ok(value) = HeaderValue::from_str(&self.r#type) {
            headers.insert(header::CONTENT_TYPE, value);
        } else {
            return bad("this is no type\n".to_owned());
        }
        response
    }
}

/// Sends the chunks over a WebSocket, each as a message.
async fn messages(
    meta: WsMeta,
    stream: WsStream,
    chunks: impl Stream<Item = Bytes> + Send + 'static,
    end: End,
    cut: Cut,
) {
    let (mut sink, incoming) = stream.split();
    let sending = async {
        let mut chunks = std::pin::pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            if sink.send(WsMessage::Binary(chunk)).await.is_err() {
                return;
            }
        }
        match end {
            End::Close => {
                if let Err(error) = meta.close_code(1000).await {
                    tracing::debug!(%error, "not closed");
                }
            }
            End::Hold => future::pending().await,
            // All has been flushed.
            End::Drop => cut.now(),
        }
    };
    tokio::select! {
        () = sending => {}
        () = drain(incoming) => {}
    }
}
