//! R8. Events from a client while the store or the handler takes its time.
#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt, SinkExt, StreamExt, TryStreamExt,
    future::{BoxFuture, pending, ready},
};
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, advance, sleep},
};
use wsio::{
    WsMessage, WsMeta, WsSender, WsStream,
    native::{Acceptor, Role},
    sse::{SseEvent, SseItem, SseReader, upstream},
};
use wsio_events::{
    AppendError, EventId, EventLog, EventLogs, EventSocket, EventStore, FeedOptions, Limits,
    LogName, LogTail, NewEvent, OpenedLog, Page, PageLimits, SourceClaim, SourceGrant, SourceTable,
    StoreError, StoredEvent, StoredLog, UpstreamEvent, WindowLimits,
};

/// A call of a store, and when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Claim,
    Advance(u64),
    Release,
}

/// A store that fails so many times for each of its calls.
#[derive(Debug, Clone)]
struct Failing(Arc<FailingState>);

#[derive(Debug)]
struct FailingState {
    sources: SourceTable,
    calls: Mutex<Vec<(Duration, Call)>>,
    /// Whether each of the next calls fails.
    fails: Mutex<VecDeque<bool>>,
    /// How many records are lost on the way, and never answered.
    lost: AtomicU32,
    begun: Instant,
}

impl Failing {
    fn new(fails: impl IntoIterator<Item = bool>) -> Self {
        Self(Arc::new(FailingState {
            sources: SourceTable::new(Limits::new()),
            calls: Mutex::default(),
            fails: Mutex::new(fails.into_iter().collect()),
            lost: AtomicU32::new(0),
            begun: Instant::now(),
        }))
    }

    /// A store that loses the first record.
    fn losing() -> Self {
        let store = Self::new([]);
        store.0.lost.store(1, Ordering::Relaxed);
        store
    }

    async fn log(&self) -> EventLog {
        let logs = EventLogs::with_store(self.clone());
        logs.open("log").await.unwrap()
    }

    /// The calls so far, and the time of each in milliseconds.
    fn calls(&self) -> Vec<(u128, Call)> {
        let calls = self.0.calls.lock().unwrap();
        calls.iter().map(|(at, it)| (at.as_millis(), *it)).collect()
    }

    fn call<T: Send + 'static>(
        &self,
        call: Call,
        answer: impl FnOnce(&SourceTable) -> T,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let entry = (self.0.begun.elapsed(), call);
        self.0.calls.lock().unwrap().push(entry);
        let fails = self.0.fails.lock().unwrap().pop_front();
        let answer = match fails {
            Some(true) => Err(StoreError::new("it is away")),
            _ => Ok(answer(&self.0.sources)),
        };
        ready(answer).boxed()
    }
}

impl EventStore for Failing {
    fn limits(&self) -> Limits {
        Limits::new()
    }

    fn open(
        &self,
        _: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>> {
        let opened = OpenedLog {
            log: Box::new(FailingLog(self.clone(), tail)),
            newest: EventId::new(1, 0),
            recent: Vec::new(),
            window: WindowLimits {
                events: 100,
                bytes: usize::MAX,
            },
        };
        ready(Ok(opened)).boxed()
    }
}

#[derive(Debug)]
struct FailingLog(Failing, LogTail);

impl StoredLog for FailingLog {
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>> {
        let id = self.1.newest().next().unwrap();
        drop(self.1.push([StoredEvent::new(id, None, event.body())]));
        ready(Ok(id)).boxed()
    }

    fn page(&self, _: EventId, _: PageLimits) -> BoxFuture<'static, Result<Page, StoreError>> {
        ready(Err(StoreError::new("there are no pages"))).boxed()
    }

    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>> {
        self.0.call(Call::Claim, |sources| sources.claim(&claim))
    }

    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        let (order, now) = (Ordering::Relaxed, Ordering::Relaxed);
        let lost = &self.0.0.lost;
        if lost
            .fetch_update(order, now, |it| it.checked_sub(1))
            .is_ok()
        {
            return pending().boxed();
        }
        let advance = |sources: &SourceTable| sources.advance(&claim, seen);
        self.0.call(Call::Advance(seen), advance)
    }

    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>> {
        self.0
            .call(Call::Release, |sources| sources.release(&claim))
    }
}

/// A client of a socket in memory.
struct Client {
    meta: WsMeta,
    sink: WsSender,
    items: SseReader<futures::stream::BoxStream<'static, Result<bytes::Bytes, wsio::Error>>>,
    served: JoinHandle<()>,
    /// The keys that the handler was called with.
    keys: Arc<Mutex<Vec<String>>>,
}

async fn adopt(stream: DuplexStream, role: Role) -> (WsMeta, WsStream) {
    let adopted = Acceptor::new().adopt(stream, role, "/", "").await;
    adopted.unwrap()
}

impl Client {
    /// Connects to a handler that takes so long for each event.
    async fn new(log: &EventLog, takes: Duration) -> Self {
        let (near, far) = duplex(1 << 20);
        let (meta, stream) = adopt(near, Role::Server).await;
        let keys = Arc::<Mutex<Vec<_>>>::default();
        let called = Arc::clone(&keys);
        let socket = EventSocket::new().on_event(move |upstream: UpstreamEvent| {
            called.lock().unwrap().push(upstream.key);
            sleep(takes).map(Ok::<(), Infallible>)
        });
        let feed = FeedOptions::new().heartbeat(None).open(log, None);
        let served = tokio::spawn(async move { socket.serve(meta, stream, feed).await });
        let (meta, stream) = adopt(far, Role::Client).await;
        let (sink, messages) = stream.split();
        let items = SseReader::new(messages.map_ok(WsMessage::into_bytes).boxed());
        Self {
            meta,
            sink,
            items,
            served,
            keys,
        }
    }

    async fn send(&mut self, first: u64, last: u64) {
        let mut text = format!(": {}\n\n", upstream::source_comment("abc", first));
        for number in first..=last {
            text += &format!("data: {number}\n\n");
        }
        self.more(&text).await;
    }

    async fn more(&mut self, text: &str) {
        let message = WsMessage::Binary(text.to_owned().into());
        self.sink.send(message).await.unwrap();
    }

    /// Waits until this number is confirmed, and returns the keys of what has been handled.
    async fn confirmed(&mut self, last: u64) -> Vec<String> {
        let confirmation = SseItem::Comment(upstream::handled_comment(last));
        while self.items.next().await.unwrap().unwrap() != confirmation {}
        std::mem::take(&mut self.keys.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn r8_a_store_that_fails_holds_back_events_and_nothing_else() {
    // Two claims fail, and two records.
    let store = Failing::new([true, true, false, true, true]);
    let log = store.log().await;
    let mut client = Client::new(&log, Duration::ZERO).await;
    client.send(1, 2).await;
    // The stream goes on.
    log.append(SseEvent::new("down")).await.unwrap();
    loop {
        match client.items.next().await.unwrap().unwrap() {
            SseItem::Event(_) => break,
            item => assert_ne!(item, SseItem::Comment(upstream::handled_comment(2))),
        }
    }
    // Each is handled once.
    assert_eq!(client.confirmed(2).await, ["abc-1", "abc-2"]);
    let calls: Vec<_> = store.calls().into_iter().map(|(_, call)| call).collect();
    assert_eq!(
        calls,
        [
            Call::Claim,
            Call::Claim,
            Call::Claim,
            Call::Advance(1),
            Call::Advance(1),
            Call::Advance(1),
            Call::Advance(2)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn r8_what_is_not_recorded_is_not_confirmed() {
    let store = Failing::new([false].into_iter().chain([true; 1000]));
    let log = store.log().await;
    let mut client = Client::new(&log, Duration::ZERO).await;
    client.send(1, 2).await;
    let mut rest = Box::pin(client.confirmed(1));
    assert!(
        tokio::time::timeout(Duration::from_secs(60), &mut rest)
            .await
            .is_err()
    );
    drop(rest);
    // When the client is gone the server gives up, and leaves the event to another connection.
    let begun = Instant::now();
    drop(client.meta);
    drop(client.sink);
    drop(client.items);
    client.served.await.unwrap();
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(10), "{waited:?}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
    // The handler was called for the first, once.
    assert_eq!(*client.keys.lock().unwrap(), ["abc-1"]);
}

#[tokio::test(start_paused = true)]
async fn r8_a_claim_is_renewed_while_an_event_is_handled() {
    let store = Failing::new([false, true]);
    let log = store.log().await;
    let mut client = Client::new(&log, Duration::from_millis(4500)).await;
    client.send(7, 7).await;
    assert_eq!(client.confirmed(7).await, ["abc-7"]);
    let expected = [
        (0, Call::Claim),
        // This one fails, which does not end the handler.
        (1000, Call::Advance(6)),
        (2000, Call::Advance(6)),
        (3000, Call::Advance(6)),
        (4000, Call::Advance(6)),
        (4500, Call::Advance(7)),
    ];
    let calls: Vec<_> = store.calls();
    assert_eq!(calls.len(), expected.len(), "{calls:?}");
    for ((at, call), (expected_at, expected)) in calls.into_iter().zip(expected) {
        assert_eq!(call, expected);
        assert!(at.abs_diff(expected_at) < 10, "{at} {call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn r8_an_idle_connection_leaves_its_source_to_others() {
    let store = Failing::new([]);
    let log = store.log().await;
    let mut client = Client::new(&log, Duration::ZERO).await;
    client.send(1, 2).await;
    client.confirmed(2).await;
    sleep(Duration::from_millis(900)).await;
    client.more("data: 3\n\n").await;
    assert_eq!(client.confirmed(3).await, ["abc-3"]);
    sleep(Duration::from_secs(60)).await;
    let mut other = Client::new(&log, Duration::ZERO).await;
    other.send(2, 5).await;
    assert_eq!(other.confirmed(5).await, ["abc-4", "abc-5"]);
    sleep(Duration::from_secs(60)).await;
    // What comes late over the first connection has been handled.
    client.more("data: 4\n\ndata: 5\n\ndata: 6\n\n").await;
    assert_eq!(client.confirmed(6).await, ["abc-6"]);
    let calls: Vec<_> = store.calls().into_iter().map(|(_, call)| call).collect();
    let [one, two, three] = [1, 2, 3].map(Call::Advance);
    let [four, five, six] = [4, 5, 6].map(Call::Advance);
    let (claim, release) = (Call::Claim, Call::Release);
    let expected = [
        claim, one, two, three, release, claim, four, five, release, claim, six,
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn r8_a_source_that_another_connection_has_is_asked_for_until_it_is_free() {
    let store = Failing::new([]);
    let log = store.log().await;
    let held = SourceClaim {
        source: "abc".into(),
        owner: 1,
    };
    assert_eq!(store.0.sources.claim(&held), SourceGrant::Granted(None));
    let mut client = Client::new(&log, Duration::ZERO).await;
    client.send(1, 3).await;
    for _ in 0..10 {
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    // It is told to stop, and what it has handled is not handled again.
    assert!(!store.0.sources.advance(&held, 2));
    store.0.sources.release(&held);
    assert_eq!(client.confirmed(3).await, ["abc-3"]);
    let claims = store.calls();
    let claims = claims.iter().filter(|(_, call)| *call == Call::Claim);
    assert!((10..30).contains(&claims.count()));
}

#[tokio::test]
async fn r8_after_a_server_was_killed_before_the_record_the_event_has_the_same_key() {
    let store = Failing::losing();
    let log = store.log().await;
    let mut client = Client::new(&log, Duration::ZERO).await;
    client.send(1, 2).await;
    while store.0.lost.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
    // The process is gone before the record is.
    client.served.abort();
    let mut other = Client::new(&log, Duration::ZERO).await;
    other.send(1, 2).await;
    // The claim of the lost connection expires.
    assert_eq!(other.confirmed(2).await, ["abc-1", "abc-2"]);
    assert_eq!(*client.keys.lock().unwrap(), ["abc-1"]);
    let waited = store.0.begun.elapsed();
    assert!(waited >= SourceClaim::LEASE, "{waited:?}");
    assert!(waited < SourceClaim::LEASE * 3, "{waited:?}");
}
