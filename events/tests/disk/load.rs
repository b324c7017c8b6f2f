//! Many appends: room, memory, dropped futures.

use std::{env, fs, process::Command, sync::Arc, time::Instant};

use futures::{FutureExt, StreamExt, future::join_all, stream};
use wsio::sse::SseEvent;
use wsio_events::{EventLog, Limits};

use crate::support::{TestDir, append, kept, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_large_events_wait_for_room_and_are_all_appended() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new().bytes(1 << 30));
    let log = logs.open("job").await.unwrap();
    // More than twice the room of the queue.
    let data: Arc<str> = "x".repeat(1 << 20).into();
    let appends = (0..40).map(|_| log.append(SseEvent::new(&*data)));
    for id in join_all(appends).await {
        id.unwrap();
    }
    assert_eq!(kept(&log).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_dropped_appends_leave_the_queue_as_it_was() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let large = "x".repeat(1 << 20);
    for _ in 0..3 {
        let mut appends: Vec<_> = (0..40)
            .map(|_| log.append(SseEvent::new(&*large)).boxed())
            .collect();
        for append in &mut appends {
            let _ = append.now_or_never();
        }
    }
    // There is room for all that fits, at once.
    let appends = (0..15).map(|_| append(&log, &large));
    join_all(appends).await;
}

#[tokio::test]
async fn d2_dropping_the_store_writes_what_was_accepted() {
    let dir = TestDir::new();
    for round in 1..=5 {
        let logs = open(&dir, Limits::new());
        let log = logs.open("job").await.unwrap();
        let mut appends: Vec<_> = (0..100)
            .map(|number| log.append(SseEvent::new(number.to_string())).boxed())
            .collect();
        for append in &mut appends {
            let _ = append.now_or_never();
        }
        drop(appends);
        drop((log, logs));
        let logs = open(&dir, Limits::new());
        let log = logs.open("job").await.unwrap();
        assert_eq!(kept(&log).await.len(), round * 100);
    }
}

const CHILD: &str = "WSIO_DISK_LOAD_CHILD";

/// In a process of its own, whose memory is that of the store.
#[cfg(target_os = "linux")]
#[test]
fn d6_memory_stays_while_a_million_events_are_appended() {
    let dir = TestDir::new();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "load::child_appends_many_events", "--nocapture"])
        .env(CHILD, dir.store())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    println!("{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_appends_many_events() {
    let Some(path) = env::var_os(CHILD) else {
        return;
    };
    const EVENTS: usize = if cfg!(debug_assertions) {
        100_000
    } else {
        1_000_000
    };
    let store = wsio_events::DiskStore::open(path, Limits::new()).unwrap();
    let logs = wsio_events::EventLogs::with_store(store);
    let log = logs.open("job").await.unwrap();
    fill(&log, EVENTS / 10).await;
    let before = resident();
    let start = Instant::now();
    fill(&log, EVENTS).await;
    let took = start.elapsed();
    let after = resident();
    println!("{EVENTS} events in {took:?}; {before} KiB of memory before, {after} KiB after");
    assert!(
        after < before + (16 << 10),
        "{before} KiB before, {after} KiB after"
    );
    assert!(after < 96 << 10, "{after} KiB");
}

async fn fill(log: &EventLog, events: usize) {
    let appends = (0..events).map(|number| append(log, "100 bytes").map(move |_| number));
    let mut appends = stream::iter(appends).buffer_unordered(1000);
    while appends.next().await.is_some() {}
}

/// Returns the memory of this process, in KiB.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
