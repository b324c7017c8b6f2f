//! Much data, early data, and data that nobody reads.

use std::time::Duration;

use axum::{
    extract::{Query, State},
    response::Response,
    routing::{MethodRouter, any},
};
use futures::{SinkExt, StreamExt, future, stream};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::timeout};
use wsio::{WsMessage, WsMeta, WsStream};
use wsio_axum::{UpgradeRejection, WsUpgrade};

use super::{
    Pattern, Shared, echo,
    peer::{adopt, numbers, send_all},
    registry::{answer, id_refused},
};
use crate::raw::RawUpgrade;

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
    any(
        async |Query(query): Query<Early>, upgrade: RawUpgrade| -> Response {
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
    id: Option<String>,
}

fn chunk() -> usize {
    64 * 1024
}

/// The progress of a flood.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Flooded {
    /// The bytes written, to a connection that takes no more than its buffers hold.
    bytes: usize,
    over: bool,
}

pub(super) fn flood() -> MethodRouter<Shared> {
    any(start_flood)
}

async fn start_flood(
    State(shared): State<Shared>,
    Query(query): Query<Flood>,
    upgrade: WsUpgrade,
) -> Response {
    let slot = match &query.id {
        None => watch::Sender::default(),
        Some(id) => match shared.flooded.slot(id) {
            Some(slot) => slot,
            None => return id_refused(),
        },
    };
    let chunk = query.chunk.clamp(1, MAX_CHUNK).min(query.bytes.max(1));
    let pattern = Pattern::new(chunk);
    let progress = slot.clone();
    // The next one is only asked for when those before it are written.
    let offsets = (0..query.bytes).step_by(chunk).chain([query.bytes]);
    let messages = stream::iter(offsets).filter_map(move |offset| {
        progress.send_modify(|flooded| flooded.bytes = offset);
        let len = chunk.min(query.bytes - offset);
        let message = WsMessage::Binary(pattern.at(offset, len));
        future::ready((len > 0).then_some(message))
    });
    upgrade.on_upgrade(async move |meta, stream| {
        send_all(meta, stream, messages).await;
        slot.send_modify(|flooded| flooded.over = true);
    })
}

#[derive(Debug, Deserialize)]
struct Which {
    id: String,
    #[serde(default = "still_ms")]
    still_ms: u64,
}

fn still_ms() -> u64 {
    500
}

/// The time after which `/flooded` gives up on a flood.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn flooded() -> MethodRouter<Shared> {
    any(tell_flooded)
}

async fn tell_flooded(
    State(shared): State<Shared>,
    Query(query): Query<Which>,
    headers: HeaderMap,
    upgrade: Result<WsUpgrade, UpgradeRejection>,
) -> Response {
    let Some(slot) = shared.flooded.slot(&query.id) else {
        return id_refused();
    };
    let mut slot = slot.subscribe();
    let still = Duration::from_millis(query.still_ms);
    let moving = async move {
        while !slot.borrow_and_update().over {
            match timeout(still, slot.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
        let flooded = slot.borrow().clone();
        serde_json::to_string(&flooded).ok()
    };
    let settled = async { timeout(PATIENCE, moving).await.ok()? };
    answer(settled, "the flood goes on", &headers, upgrade).await
}

/// The messages that `/sink` has received.
#[derive(Debug, Serialize)]
struct Received {
    messages: u64,
    bytes: u64,
    sha256: String,
}

pub(super) fn sink() -> MethodRouter<Shared> {
    any(async |upgrade: WsUpgrade| -> Response { upgrade.on_upgrade(count) })
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
    any(async |upgrade: RawUpgrade| -> Response {
        upgrade.on_raw(async |conn| timeout(STALLED, conn.client_gone()).await.unwrap_or(Ok(())))
    })
}
