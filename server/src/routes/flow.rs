//! Much data, early data, and data that nobody reads.

use std::time::Duration;

use axum::{
    extract::Query,
    response::Response,
    routing::{MethodRouter, get},
};
use futures::{SinkExt, StreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use wsio::{WsMessage, WsMeta, WsStream};

use super::{
    Pattern, Shared, echo,
    peer::{adopt, numbers, send_all},
};
use crate::WsUpgrade;

/// The largest message of `/flood`, in bytes.
const MAX_CHUNK: usize = 64 << 20;

/// How long `/stall` holds on to a client of which nothing is seen: one that went away behind
/// what it could not send does not show.
const STALLED: Duration = Duration::from_secs(3600);

#[derive(Debug, Deserialize)]
struct Early {
    #[serde(default = "one")]
    n: u16,
}

fn one() -> u16 {
    1
}

pub(super) fn early() -> MethodRouter<Shared> {
    get(
        async |Query(query): Query<Early>, upgrade: WsUpgrade| -> Response {
            upgrade.corked().on_raw(async move |mut conn| {
                conn.uncork(&numbers(query.n)).await?;
                let (meta, stream) = adopt(conn).await?;
                echo::messages(meta, stream).await;
                Ok(())
            })
        },
    )
}

#[derive(Debug, Deserialize)]
struct Flood {
    bytes: usize,
    #[serde(default = "chunk")]
    chunk: usize,
}

fn chunk() -> usize {
    64 * 1024
}

pub(super) fn flood() -> MethodRouter<Shared> {
    get(
        async |Query(query): Query<Flood>, upgrade: WsUpgrade| -> Response {
            let chunk = query.chunk.clamp(1, MAX_CHUNK).min(query.bytes.max(1));
            let pattern = Pattern::new(chunk);
            let messages = stream::iter((0..query.bytes).step_by(chunk)).map(move |offset| {
                let len = chunk.min(query.bytes - offset);
                WsMessage::Binary(pattern.at(offset, len))
            });
            upgrade.on_upgrade(|meta, stream| send_all(meta, stream, messages))
        },
    )
}

/// What `/sink` has received.
#[derive(Debug, Serialize)]
struct Received {
    messages: u64,
    bytes: u64,
    sha256: String,
}

pub(super) fn sink() -> MethodRouter<Shared> {
    get(async |upgrade: WsUpgrade| -> Response { upgrade.on_upgrade(count) })
}

async fn count(_: WsMeta, mut stream: WsStream) {
    let (mut messages, mut bytes, mut hash) = (0, 0, Sha256::new());
    while let Some(Ok(message)) = stream.next().await {
        match message {
            WsMessage::Binary(message) => {
                messages += 1;
                bytes += message.len() as u64;
                hash.update(&message);
            }
            WsMessage::Text(text) if text == "done" => {
                let received = Received {
                    messages,
                    bytes,
                    sha256: hex(&hash.clone().finalize()),
                };
                let Ok(json) = serde_json::to_string(&received) else {
                    return;
                };
                if stream.send(json.into()).await.is_err() {
                    return;
                }
            }
            WsMessage::Text(_) => {}
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

pub(super) fn stall() -> MethodRouter<Shared> {
    get(async |upgrade: WsUpgrade| -> Response {
        upgrade.on_raw(async |conn| timeout(STALLED, conn.client_gone()).await.unwrap_or(Ok(())))
    })
}
