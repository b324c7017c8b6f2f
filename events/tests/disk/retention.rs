//! What is kept, and for how long.

use std::time::{Duration, Instant};

use redb::{ReadableTableMetadata, TableHandle};
use tokio::time::sleep;
use wsio::sse::SseEvent;
use wsio_events::{EventId, EventLog, Limits};

use crate::support::{TestDir, append, kept, next, next_data, open, texts};

async fn append_all(log: &EventLog, count: usize) -> Vec<EventId> {
    let appends = (0..count).map(|number| async move { append(log, &number.to_string()).await });
    futures::future::join_all(appends).await
}

#[tokio::test]
async fn d6_the_newest_events_are_kept_over_restarts() {
    let dir = TestDir::new();
    let limits = Limits::new().events(100);
    for _ in 0..3 {
        let logs = open(&dir, limits);
        let log = logs.open("job").await.unwrap();
        append_all(&log, 150).await;
        append(&log, "last").await;
        let events = kept(&log).await;
        assert_eq!(events.len(), 100);
        assert_eq!(events[98].1, "149");
        assert_eq!(events[99].1, "last");
    }
    let logs = open(&dir, Limits::new().events(10));
    let log = logs.open("job").await.unwrap();
    append(&log, "one more").await;
    assert_eq!(
        kept(&log).await.len(),
        10,
        "the limits of this opening hold"
    );
}

#[tokio::test]
async fn d6_bytes_are_counted_exactly_over_restarts() {
    let dir = TestDir::new();
    let limits = Limits::new().bytes(10_000);
    let mut number = 0;
    for _ in 0..5 {
        let logs = open(&dir, limits);
        let log = logs.open("job").await.unwrap();
        for _ in 0..80 {
            number += 1;
            let data = "x".repeat(number * 7 % 400);
            append(&log, &data).await;
        }
        let blocks = kept(&log).await.into_iter();
        let blocks = blocks.map(|(id, data)| format!("id: {id}\ndata: {data}\n\n"));
        let bytes: usize = blocks.map(|block| block.len()).sum();
        assert!(bytes <= 10_000, "{bytes}");
        assert!(bytes > 10_000 - 500, "{bytes}");
    }
    // One that is larger than all is kept alone.
    let logs = open(&dir, limits);
    let log = logs.open("job").await.unwrap();
    append(&log, &"x".repeat(20_000)).await;
    assert_eq!(kept(&log).await.len(), 1);
    append(&log, "small").await;
    assert_eq!(texts(&kept(&log).await), ["small"]);
}

#[tokio::test]
async fn d6_a_subscriber_older_than_what_is_kept_is_told() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new().events(10));
    let log = logs.open("job").await.unwrap();
    let ids = append_all(&log, 30).await;
    let mut late = log.subscribe(Some(&ids[0].to_string()));
    let lagged = next(&mut late).await.unwrap().unwrap_err();
    assert_eq!(lagged.oldest(), Some(&*ids[20].to_string()));
    assert_eq!(next_data(&mut late).await, "20");
    let mut just = log.subscribe(Some(&ids[19].to_string()));
    assert_eq!(next_data(&mut just).await, "20");
}

#[tokio::test]
async fn d4_pages_are_read_from_the_middle_and_followed_without_a_seam() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let ids = append_all(&log, 5000).await;
    for from in [0, 1, 99, 100, 2500, 3976, 4899, 4998] {
        let mut reader = log.subscribe(Some(&ids[from].to_string()));
        for expected in from + 1..5000 {
            assert_eq!(next_data(&mut reader).await, expected.to_string());
        }
    }
    let mut readers: Vec<_> = (0..5)
        .map(|part| log.subscribe(Some(&ids[part * 1000].to_string())))
        .collect();
    append(&log, "next").await;
    for (part, reader) in readers.iter_mut().enumerate() {
        for expected in part * 1000 + 1..5000 {
            assert_eq!(next_data(reader).await, expected.to_string());
        }
        assert_eq!(next_data(reader).await, "next");
    }
}

#[tokio::test]
async fn d6_old_events_go_when_the_log_is_used_or_idle() {
    let dir = TestDir::new();
    let age = Duration::from_millis(400);
    let limits = Limits::new().age(age).memory(Duration::from_millis(1));
    let logs = open(&dir, limits).idle_after(Duration::from_millis(20));
    let log = logs.open("open").await.unwrap();
    let old = append(&log, "old").await;
    let idle = logs.open("idle").await.unwrap();
    let gone = append(&idle, "gone").await;
    drop(idle);
    let start = Instant::now();
    while log.oldest().await.unwrap().is_some() {
        assert!(start.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() >= age / 2, "{:?}", start.elapsed());
    // An open log stays where it is: who has seen everything missed nothing.
    assert_eq!(log.newest(), old);
    let mut at_end = log.subscribe(Some(&old.to_string()));
    append(&log, "new").await;
    assert_eq!(next_data(&mut at_end).await, "new");

    // An idle one is dropped, and its clients are told when it is used again.
    loop {
        let idle = logs.open("idle").await.unwrap();
        if idle.newest() != gone {
            assert_eq!(idle.newest().number, 0);
            assert!(idle.newest() > gone);
            let mut client = idle.subscribe(Some(&gone.to_string()));
            append(&idle, "again").await;
            let told = next(&mut client).await.unwrap();
            assert!(told.is_err(), "{told:?}");
            break;
        }
        drop(idle);
        assert!(start.elapsed() < Duration::from_secs(10));
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn d2_keys_are_forgotten_after_their_time_and_over_their_number() {
    let dir = TestDir::new();
    let limits = Limits::new().events(10).memory(Duration::from_millis(300));
    let logs = open(&dir, limits);
    let log = logs.open("job").await.unwrap();
    let once = |key: String| {
        let log = log.clone();
        async move { log.append_once(&key, SseEvent::new("x")).await.unwrap() }
    };
    let first = once("0".to_owned()).await;
    for number in 1..=10 {
        once(number.to_string()).await;
    }
    assert_ne!(
        once("0".to_owned()).await,
        first,
        "the eleventh is one too many"
    );
    let last = once("10".to_owned()).await;
    assert_eq!(once("10".to_owned()).await, last);
    sleep(Duration::from_millis(400)).await;
    assert_ne!(once("10".to_owned()).await, last);
}

#[tokio::test]
async fn d6_nothing_is_left_of_logs_that_were_idle_for_long_enough() {
    let dir = TestDir::new();
    let limits = Limits::new()
        .age(Duration::from_millis(100))
        .memory(Duration::from_millis(1));
    let logs = open(&dir, limits).idle_after(Duration::from_millis(10));
    for number in 0..50 {
        let log = logs.open(&format!("job-{number}")).await.unwrap();
        for key in ["a", "b", "c"] {
            log.append_once(key, SseEvent::new(key)).await.unwrap();
        }
    }
    let start = Instant::now();
    loop {
        sleep(Duration::from_millis(200)).await;
        assert!(start.elapsed() < Duration::from_secs(20));
        // The last one in the order of names.
        let last = logs.open("job-9").await.unwrap();
        if last.newest().number == 0 && logs.len() == 1 {
            break;
        }
    }
    drop(logs);
    let rows = |table: &str| {
        let database = redb::Database::open(dir.file()).unwrap();
        let tx = database.begin_read().unwrap();
        let mut tables = tx.list_tables().unwrap();
        let table = tables.find(|it| it.name() == table).unwrap();
        tx.open_untyped_table(table).unwrap().len().unwrap()
    };
    for table in ["logs", "events", "memories", "memory-order"] {
        assert_eq!(rows(table), 0, "{table}");
    }
    assert!(rows("floors") > 0);
}
