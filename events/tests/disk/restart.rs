//! What outlives a process.

use std::fs;

use wsio::sse::SseEvent;
use wsio_events::{EventId, Limits};

use crate::support::{TestDir, append, kept, next, next_data, open, texts};

#[tokio::test]
async fn d3_a_subscriber_resumes_after_a_restart_without_lag() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let one = append(&log, "one").await;
    let two = append(&log, "two").await;
    assert_eq!(two, one.next().unwrap());
    drop((log, logs));

    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    assert_eq!(log.newest(), two);
    let mut at_end = log.subscribe(Some(&two.to_string()));
    let mut behind = log.subscribe(Some(&one.to_string()));
    let three = append(&log, "three").await;
    assert!(three.epoch > two.epoch, "a process begins an epoch");
    assert_eq!(three.number, 1);
    assert_eq!(append(&log, "four").await, three.next().unwrap());
    for expected in ["two", "three", "four"] {
        assert_eq!(next_data(&mut behind).await, expected);
    }
    for expected in ["three", "four"] {
        assert_eq!(next_data(&mut at_end).await, expected);
    }
    assert_eq!(texts(&kept(&log).await), ["one", "two", "three", "four"]);
}

#[tokio::test]
async fn d3_a_client_of_an_unused_log_resumes_after_a_restart() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let place = log.newest();
    assert_eq!(place.number, 0);
    assert_ne!(place, EventId::ZERO);
    drop((log, logs));

    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    assert_eq!(log.newest(), place);
    let first = append(&log, "first").await;
    assert!(first.epoch > place.epoch);
    drop((log, logs));

    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let mut client = log.subscribe(Some(&place.to_string()));
    assert_eq!(next_data(&mut client).await, "first");
}

#[tokio::test]
async fn d5_a_client_is_told_when_the_store_is_replaced_by_an_older_copy() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let one = append(&log, "one").await;
    drop((log, logs));
    let copy = dir.path().join("copy");
    fs::copy(dir.file(), &copy).unwrap();

    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let lost = append(&log, "lost").await;
    drop((log, logs));
    fs::copy(&copy, dir.file()).unwrap();

    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let mut behind = log.subscribe(Some(&one.to_string()));
    append(&log, "two").await;
    let mut beyond = log.subscribe(Some(&lost.to_string()));
    let told = next(&mut beyond).await.unwrap();
    assert!(told.is_err(), "{told:?}");
    assert_eq!(next_data(&mut behind).await, "two");
}

#[tokio::test]
async fn d5_a_client_is_told_when_the_store_is_a_new_one() {
    let dir = TestDir::new();
    let mut places: Vec<String> = Vec::new();
    for round in 0..2 {
        let logs = open(&dir, Limits::new());
        let log = logs.open("job").await.unwrap();
        for place in &places {
            let mut client = log.subscribe(Some(place));
            append(&log, "new").await;
            let told = next(&mut client).await.unwrap();
            assert!(told.is_err(), "{place} {told:?}");
        }
        places.push(log.newest().to_string());
        places.push(append(&log, "old").await.to_string());
        drop((log, logs));
        if round == 0 {
            fs::remove_dir_all(dir.store()).unwrap();
        }
    }
}

#[tokio::test]
async fn d2_a_key_is_remembered_over_a_restart() {
    let dir = TestDir::new();
    let limits = Limits::new();
    let logs = open(&dir, limits);
    let log = logs.open("job").await.unwrap();
    let id = log.append_once("17", SseEvent::new("paid")).await.unwrap();
    let again = log.append_once("17", SseEvent::new("paid")).await.unwrap();
    assert_eq!(id, again);
    drop((log, logs));

    let logs = open(&dir, limits);
    let log = logs.open("job").await.unwrap();
    let again = log.append_once("17", SseEvent::new("paid")).await.unwrap();
    assert_eq!(id, again);
    let other = log.append_once("18", SseEvent::new("paid")).await.unwrap();
    assert_ne!(id, other);
    let elsewhere = logs.open("other").await.unwrap();
    let there = elsewhere.append_once("17", SseEvent::new("paid")).await;
    assert_ne!(id, there.unwrap());
    assert_eq!(kept(&log).await.len(), 2);
}

#[tokio::test]
async fn d2_keys_appended_at_the_same_time_are_one_event() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let appends = (0..100).map(|_| log.append_once("one", SseEvent::new("once")));
    let ids: Vec<_> = futures::future::join_all(appends).await;
    let first = *ids[0].as_ref().unwrap();
    assert!(ids.iter().all(|id| *id.as_ref().unwrap() == first));
    assert_eq!(kept(&log).await.len(), 1);
}

#[tokio::test]
async fn d3_the_end_of_a_log_outlives_a_restart() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let one = append(&log, "one").await;
    log.end().await.unwrap();
    assert!(log.is_ended());
    drop((log, logs));

    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    assert!(log.is_ended());
    let mut client = log.subscribe(Some(&one.to_string()));
    assert!(next(&mut client).await.is_none());
}

#[tokio::test]
async fn d6_a_log_may_have_any_name() {
    let dir = TestDir::new();
    let names = [
        "a",
        "A",
        "ä/..\\\0",
        "../../etc/passwd",
        &"x".repeat(255),
        "🦀",
        " ",
    ];
    let logs = open(&dir, Limits::new());
    for name in names {
        append(&logs.open(name).await.unwrap(), name).await;
    }
    drop(logs);
    let logs = open(&dir, Limits::new());
    for name in names {
        let log = logs.open(name).await.unwrap();
        let data = name.to_owned();
        assert_eq!(texts(&kept(&log).await), [&*data]);
    }
}

#[tokio::test]
async fn d2_events_of_any_size_come_back_as_they_were() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let sizes = [0, 1, 4000, 4096, 65_536, 1 << 20];
    for size in sizes {
        append(&log, &"x".repeat(size)).await;
    }
    let too_large = log.append(SseEvent::new("x".repeat((1 << 20) + 1))).await;
    assert!(too_large.unwrap_err().is_too_large());
    drop((log, logs));
    let logs = open(&dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    let lens: Vec<_> = kept(&log)
        .await
        .iter()
        .map(|(_, data)| data.len())
        .collect();
    assert_eq!(lens, sizes);
}
