//! How a connection ended, as the server saw it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
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

use super::Shared;
use crate::{UpgradeRejection, WsUpgrade};

/// How many ids are remembered; beyond that the oldest are forgotten.
const REMEMBERED: usize = 1024;

/// How long an id may be.
const MAX_ID: usize = 128;

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
    State(registry): State<Shared>,
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
    State(registry): State<Shared>,
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
    let reason = format!("the id has to have 1 to {MAX_ID} bytes\n");
    (StatusCode::BAD_REQUEST, reason).into_response()
}

type End = watch::Sender<Option<Ended>>;

/// How the connections that were watched last ended.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    ends: HashMap<String, End>,
    oldest_first: VecDeque<String>,
}

impl Registry {
    /// The place for the end of a connection that begins; what was there is forgotten.
    fn begin(&self, id: &str) -> Option<End> {
        let slot = self.lock().entry(id)?;
        slot.send_replace(None);
        Some(slot)
    }

    /// The end of a connection, which need not have begun yet.
    fn find(&self, id: &str) -> Option<watch::Receiver<Option<Ended>>> {
        Some(self.lock().entry(id)?.subscribe())
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn entry(&mut self, id: &str) -> Option<End> {
        if id.is_empty() || id.len() > MAX_ID {
            return None;
        }
        if let Some(end) = self.ends.get(id) {
            return Some(end.clone());
        }
        if self.oldest_first.len() >= REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.ends.remove(&oldest);
        }
        let end = End::default();
        self.ends.insert(id.to_owned(), end.clone());
        self.oldest_first.push_back(id.to_owned());
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_bounded_and_forgets_the_oldest() {
        let registry = Registry::default();
        let first = registry.begin("first").unwrap();
        let waiting = registry.find("first").unwrap();
        for n in 0..REMEMBERED {
            registry.begin(&n.to_string()).unwrap();
        }
        let entries = registry.lock();
        assert_eq!(entries.ends.len(), REMEMBERED);
        assert_eq!(entries.oldest_first.len(), REMEMBERED);
        assert!(!entries.ends.contains_key("first"));
        drop(entries);
        // Who waits for one that was forgotten learns that nothing will come any more.
        drop(first);
        assert!(waiting.has_changed().is_err());
    }

    #[test]
    fn an_id_has_to_be_short_and_not_empty() {
        let registry = Registry::default();
        assert!(registry.begin("").is_none());
        assert!(registry.find(&"x".repeat(MAX_ID + 1)).is_none());
        assert!(registry.find(&"x".repeat(MAX_ID)).is_some());
    }
}
