//! The connections that routes remember under an id.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
};

use axum::response::{IntoResponse, Response};
use futures::SinkExt;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;
use wsio_axum::{UpgradeRejection, WsUpgrade};

use super::remembered::{self, Remembered};

/// The values under ids, each for one to write and for others to wait for.
#[derive(Debug)]
pub(super) struct Registry<T>(Mutex<Remembered<watch::Sender<T>>>);

impl<T: Default> Registry<T> {
    /// The place for what is remembered under `id`; `None` for what is no id.
    pub(super) fn slot(&self, id: &str) -> Option<watch::Sender<T>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(id).cloned()
    }
}

impl<T: Default> Default for Registry<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Answers with `json` as soon as it is there, over a WebSocket or over plain HTTP; if it will
/// not be there, with `otherwise`.
pub(super) async fn answer(
    json: impl Future<Output = Option<String>> + Send + 'static,
    otherwise: &'static str,
    headers: &HeaderMap,
    upgrade: Result<WsUpgrade, UpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(move |meta, mut stream| async move {
            let told = match json.await {
                Some(json) => stream.send(json.into()).await.is_ok(),
                None => false,
            };
            let closed = if told {
                meta.close_code(1000).await
            } else {
                meta.close_reason(4408, otherwise).await
            };
            if let Err(error) = closed {
                tracing::debug!(%error, "not closed");
            }
        }),
        Err(_) if !headers.contains_key(header::UPGRADE) => match json.await {
            Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            None => (StatusCode::REQUEST_TIMEOUT, otherwise).into_response(),
        },
        Err(rejection) => rejection.into_response(),
    }
}

/// The answer to what is no id.
pub(super) fn id_refused() -> Response {
    (StatusCode::BAD_REQUEST, remembered::id_refused()).into_response()
}

#[cfg(test)]
mod tests {
    use super::{super::remembered::REMEMBERED, *};

    #[test]
    fn who_waits_for_what_was_forgotten_learns_that_nothing_will_come() {
        let registry = Registry::<u8>::default();
        let first = registry.slot("first").unwrap();
        let waiting = registry.slot("first").unwrap().subscribe();
        for n in 0..REMEMBERED {
            registry.slot(&n.to_string()).unwrap();
        }
        drop(first);
        assert!(waiting.has_changed().is_err());
    }
}
