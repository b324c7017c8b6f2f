//! Routes that tell how a connection ended, as the server saw it.

use std::time::Duration;

use axum::{
    extract::{Query, State},
    response::Response,
    routing::{MethodRouter, any},
};
use futures::{SinkExt, StreamExt};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use wsio::{WsMeta, WsStream};
use wsio_axum::{UpgradeRejection, WsUpgrade};

use super::{
    Shared,
    registry::{answer, id_refused},
};

/// The time `/watched` waits for the end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn watch() -> MethodRouter<Shared> {
    any(start)
}

pub(super) fn watched() -> MethodRouter<Shared> {
    any(tell)
}

/// The connections with one id.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// The number of all of them so far.
    connections: u64,
    /// The number of those that are open.
    open: u64,
    /// The end of the last one that ended.
    last: Option<Ended>,
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Ended {
    /// The number of messages received.
    messages: u64,
    /// And how many bytes in them.
    bytes: u64,
    code: u16,
    reason: String,
    clean: bool,
}

/// The answer of `/watched`.
#[derive(Debug, Serialize)]
struct Told {
    connections: u64,
    #[serde(flatten)]
    last: Ended,
}

#[derive(Debug, Deserialize)]
struct Watch {
    id: String,
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Echo,
    Read,
}

async fn start(
    State(shared): State<Shared>,
    Query(query): Query<Watch>,
    upgrade: WsUpgrade,
) -> Response {
    let Some(slot) = shared.watched.slot(&query.id) else {
        return id_refused();
    };
    slot.send_modify(|watched| {
        watched.connections += 1;
        watched.open += 1;
    });
    upgrade.on_upgrade(move |meta, stream| async move {
        let ended = follow(meta, stream, query.mode).await;
        slot.send_modify(|watched| {
            watched.open -= 1;
            watched.last = Some(ended);
        });
    })
}

async fn follow(meta: WsMeta, mut stream: WsStream, mode: Mode) -> Ended {
    let (mut messages, mut bytes) = (0, 0);
    while let Some(item) = stream.next().await {
        let Ok(message) = item else { break };
        messages += 1;
        bytes += message.len() as u64;
        if mode == Mode::Echo {
            // A client that takes nothing more may still have sent something.
            let _ = stream.send(message).await;
        }
    }
    let end = meta.closed().await;
    Ended {
        messages,
        bytes,
        code: end.code.into(),
        reason: end.reason,
        clean: end.was_clean,
    }
}

#[derive(Debug, Deserialize)]
struct Which {
    id: String,
}

async fn tell(
    State(shared): State<Shared>,
    Query(query): Query<Which>,
    headers: HeaderMap,
    upgrade: Result<WsUpgrade, UpgradeRejection>,
) -> Response {
    let Some(slot) = shared.watched.slot(&query.id) else {
        return id_refused();
    };
    let mut slot = slot.subscribe();
    let end = async move {
        let all_ended = |watched: &Watched| watched.open == 0 && watched.last.is_some();
        let watched = timeout(PATIENCE, slot.wait_for(all_ended))
            .await
            .ok()?
            .ok()?;
        let told = Told {
            connections: watched.connections,
            last: watched.last.clone()?,
        };
        serde_json::to_string(&told).ok()
    };
    answer(end, NO_END, &headers, upgrade).await
}

const NO_END: &str = "no connection with this id has ended";
