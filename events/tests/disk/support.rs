//! A directory for a test, and what is in its logs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures::StreamExt;
use tokio::time::timeout;
use wsio::sse::SseEvent;
use wsio_events::{DiskStore, EventId, EventLog, EventLogs, Lagged, Limits};

/// A directory that is removed in the end.
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wsio-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("events")
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.store().join("events.redb")
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn open(dir: &TestDir, limits: Limits) -> EventLogs {
    EventLogs::with_store(DiskStore::open(dir.store(), limits).unwrap())
}

pub(crate) async fn append(log: &EventLog, data: &str) -> EventId {
    log.append(SseEvent::new(data)).await.unwrap()
}

/// Returns all that is kept, as a subscriber who begins with the oldest sees it.
pub(crate) async fn kept(log: &EventLog) -> Vec<(EventId, String)> {
    let newest = log.newest();
    let mut events = Vec::new();
    if log.oldest().await.unwrap().is_none() {
        return events;
    }
    let mut subscription = log.subscribe_from_oldest();
    while let Some(event) = next(&mut subscription).await {
        let event = event.expect("nothing is missing between the oldest and the newest");
        let id: EventId = event.id.as_deref().unwrap().parse().unwrap();
        events.push((id, event.data.clone()));
        if id == newest {
            break;
        }
    }
    events
}

pub(crate) async fn next(
    subscription: &mut wsio_events::Subscription,
) -> Option<Result<SseEvent, Lagged>> {
    let next = timeout(Duration::from_secs(20), subscription.next());
    next.await.expect("an event within 20 s")
}

/// Returns the data of the next event, which is one.
pub(crate) async fn next_data(subscription: &mut wsio_events::Subscription) -> String {
    let event = next(subscription).await.expect("the log has not ended");
    event.expect("no lag").data.clone()
}

pub(crate) fn texts(events: &[(EventId, String)]) -> Vec<&str> {
    events.iter().map(|(_, data)| &**data).collect()
}

/// Returns the messages of an error and its causes.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}
