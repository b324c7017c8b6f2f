//! The places of sources of events from clients.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use tokio::time::sleep;
use wsio_events::{
    AppendError, DiskStore, EventId, EventLog, EventLogs, EventStore, Limits, LogName, LogTail,
    NewEvent, OpenedLog, Page, PageLimits, SourceClaim, SourceGrant, StoreError, StoredLog,
};

use crate::support::{TestDir, append};

/// A store of which the test has the open log as the store made it.
#[derive(Debug)]
struct Opened {
    store: DiskStore,
    log: Arc<Mutex<Option<Arc<dyn StoredLog>>>>,
}

impl EventStore for Opened {
    fn limits(&self) -> Limits {
        self.store.limits()
    }

    fn open(
        &self,
        name: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>> {
        let opening = self.store.open(name, tail);
        let log = Arc::clone(&self.log);
        async move {
            let mut opened = opening.await?;
            let shared: Arc<dyn StoredLog> = Arc::from(opened.log);
            *log.lock().unwrap() = Some(Arc::clone(&shared));
            opened.log = Box::new(SharedLog(shared));
            Ok(opened)
        }
        .boxed()
    }
}

#[derive(Debug)]
struct SharedLog(Arc<dyn StoredLog>);

impl StoredLog for SharedLog {
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>> {
        self.0.append(event)
    }

    fn page(
        &self,
        after: EventId,
        limits: PageLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>> {
        self.0.page(after, limits)
    }

    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>> {
        self.0.claim_source(claim)
    }

    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        self.0.advance_source(claim, seen)
    }

    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>> {
        self.0.release_source(claim)
    }
}

async fn open(dir: &TestDir, limits: Limits) -> (EventLog, Arc<dyn StoredLog>) {
    let store = DiskStore::open(dir.store(), limits).unwrap();
    let log = Arc::default();
    let opened = Opened {
        store,
        log: Arc::clone(&log),
    };
    let handle = EventLogs::with_store(opened).open("job").await.unwrap();
    let stored = log.lock().unwrap().take().unwrap();
    (handle, stored)
}

fn claim(source: &str, owner: u64) -> SourceClaim {
    SourceClaim {
        source: Arc::from(source),
        owner,
    }
}

async fn seen(log: &Arc<dyn StoredLog>, source: &str, owner: u64) -> Option<u64> {
    match log.claim_source(claim(source, owner)).await.unwrap() {
        SourceGrant::Granted(seen) => seen,
        SourceGrant::Held => panic!("{source} is held"),
    }
}

#[tokio::test]
async fn r8_what_was_seen_of_a_source_outlives_a_restart() {
    let dir = TestDir::new();
    let (handle, log) = open(&dir, Limits::new()).await;
    assert_eq!(seen(&log, "a", 1).await, None);
    assert!(log.advance_source(claim("a", 1), 5).await.unwrap());
    assert!(log.advance_source(claim("a", 1), 7).await.unwrap());
    assert!(log.advance_source(claim("a", 1), 6).await.unwrap());
    assert_eq!(seen(&log, "b", 1).await, None);
    let place = handle.newest();
    drop((handle, log));

    let (handle, log) = open(&dir, Limits::new()).await;
    assert_eq!(handle.newest(), place, "a source is no event");
    assert_eq!(seen(&log, "a", 2).await, Some(7));
    assert_eq!(seen(&log, "b", 2).await, None);
    append(&handle, "one").await;
    assert_eq!(seen(&log, "a", 2).await, Some(7));
}

#[tokio::test]
async fn r8_a_source_belongs_to_one_connection_at_a_time() {
    let dir = TestDir::new();
    let (_handle, log) = open(&dir, Limits::new()).await;
    assert_eq!(seen(&log, "a", 1).await, None);
    let start = Instant::now();
    let held = log.claim_source(claim("a", 2)).await.unwrap();
    assert_eq!(held, SourceGrant::Held);
    // What the first has handled meanwhile counts, and it is told to stop.
    assert!(!log.advance_source(claim("a", 1), 3).await.unwrap());
    log.release_source(claim("a", 2)).await.unwrap();
    let held = log.claim_source(claim("a", 2)).await.unwrap();
    assert_eq!(held, SourceGrant::Held, "only its own claim is released");
    log.release_source(claim("a", 1)).await.unwrap();
    assert_eq!(seen(&log, "a", 2).await, Some(3));
    assert!(start.elapsed() < SourceClaim::LEASE);
    // What the first reports now is too late.
    assert!(!log.advance_source(claim("a", 1), 4).await.unwrap());
    assert_eq!(seen(&log, "a", 2).await, Some(3));

    // A connection that is lost loses the source.
    let start = Instant::now();
    while log.claim_source(claim("a", 3)).await.unwrap() == SourceGrant::Held {
        assert!(start.elapsed() < SourceClaim::LEASE * 3);
        sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() > SourceClaim::LEASE / 2);
}

#[tokio::test]
async fn r8_a_report_and_a_release_are_in_order() {
    let dir = TestDir::new();
    let (_handle, log) = open(&dir, Limits::new()).await;
    for owner in 1..200 {
        let expected = (owner > 1).then_some(owner - 1);
        assert_eq!(seen(&log, "a", owner).await, expected);
        let mut advance = log.advance_source(claim("a", owner), owner);
        // Reported, but the connection is gone before the answer.
        assert!((&mut advance).now_or_never().is_none());
        drop(advance);
        log.release_source(claim("a", owner)).await.unwrap();
    }
}

#[tokio::test]
async fn r8_the_sources_that_are_remembered_are_bounded() {
    let dir = TestDir::new();
    let limits = Limits::new().sources(10).memory(Duration::from_millis(500));
    let (_handle, log) = open(&dir, limits).await;
    for source in 0..15_u64 {
        let name = source.to_string();
        assert_eq!(seen(&log, &name, 1).await, None);
        assert!(log.advance_source(claim(&name, 1), source).await.unwrap());
        // Used all the time, and so not forgotten.
        let _ = log.advance_source(claim("0", 1), source).await.unwrap();
    }
    assert_eq!(seen(&log, "0", 1).await, Some(14));
    assert_eq!(seen(&log, "1", 1).await, None);
    assert_eq!(seen(&log, "14", 1).await, Some(14));
    sleep(Duration::from_millis(700)).await;
    assert_eq!(seen(&log, "14", 1).await, None);
}
