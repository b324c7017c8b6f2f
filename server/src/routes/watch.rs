//! How a connection ended, as the server saw it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::timeout};
use wsio::{WsMeta, WsStream};

use super::{
    Shared,
    remembered::{self, Remembered},
};
use crate::{UpgradeRejection, WsUpgrade};

/// How long `/watched` waits for the end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn watch() -> MethodRouter<Shared> {
    get(start)
}

pub(super) fn watched() -> MethodRouter<Shared> {
    get(tell)
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Ended {
    /// How many messages were received.
    messages: u64,
    /// And how many bytes in them.
    bytes: u64,
    code: u16,
    reason: String,
    clean: bool,
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
    State(registry): State<Arc<Registry>>,
    Query(query): Query<Watch>,
    upgrade: WsUpgrade,
) -> Response {
    let Some(slot) = registry.begin(&query.id) else {
        return id_refused();
    };
    upgrade.on_upgrade(move |meta, stream| async move {
        slot.send_replace(Some(follow(meta, stream, query.mode).await));
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
struct Watched {
    id: String,
}

async fn tell(
    State(registry): State<Arc<Registry>>,
    Query(query): Query<Watched>,
    headers: HeaderMap,
    upgrade: Result<WsUpgrade, UpgradeRejection>,
) -> Response {
    let Some(mut slot) = registry.find(&query.id) else {
        return id_refused();
    };
    let end = async move {
        let ended = timeout(PATIENCE, slot.wait_for(Option::is_some)).await;
        let ended = ended.ok()?.ok()?.clone()?;
        serde_json::to_string(&ended).ok()
    };
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(|meta, mut stream| async move {
            let told = match end.await {
                Some(json) => stream.send(json.into()).await.is_ok(),
                None => false,
            };
            let closed = if told {
                meta.close_code(1000).await
            } else {
                meta.close_reason(4408, NO_END).await
            };
            if let Err(error) = closed {
                tracing::debug!(%error, "not closed");
            }
        }),
        Err(_) if !headers.contains_key(header::UPGRADE) => match end.await {
            Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            None => (StatusCode::REQUEST_TIMEOUT, NO_END).into_response(),
        },
        Err(rejection) => rejection.into_response(),
    }
}

const NO_END: &str = "no connection with this id has ended";

fn id_refused() -> Response {
    (StatusCode::BAD_REQUEST, remembered::id_refused()).into_response()
}

type End = watch::Sender<Option<Ended>>;

/// How the connections that were watched last ended.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Remembered<End>>);

impl Registry {
    /// The place for the end of a connection that begins; what was there is forgotten.
    fn begin(&self, id: &str) -> Option<End> {
        let slot = self.slot(id)?;
        slot.send_replace(None);
        Some(slot)
    }

    /// The end of a connection, which need not have begun yet.
    fn find(&self, id: &str) -> Option<watch::Receiver<Option<Ended>>> {
        Some(self.slot(id)?.subscribe())
    }

    fn slot(&self, id: &str) -> Option<End> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.entry(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::remembered::REMEMBERED, *};

    #[test]
    fn who_waits_for_one_that_was_forgotten_learns_that_nothing_will_come() {
        let registry = Registry::default();
        let first = registry.begin("first").unwrap();
        let waiting = registry.find("first").unwrap();
        for n in 0..REMEMBERED {
            registry.begin(&n.to_string()).unwrap();
        }
        drop(first);
        assert!(waiting.has_changed().is_err());
    }
}
