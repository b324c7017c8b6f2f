//! Opening a store: directories, locks, many logs.

use std::{fs, time::Instant};

use wsio_events::{DiskStore, EventLogs, Limits};

use crate::support::{TestDir, append, causes, kept, next_data, open};

#[tokio::test]
async fn d6_a_second_store_is_refused_until_the_first_is_dropped() {
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let refused = DiskStore::open(dir.store(), Limits::new()).unwrap_err();
    assert!(causes(&refused).contains("in use"), "{}", causes(&refused));
    let log = logs.open("job").await.unwrap();
    drop(logs);
    // A log is a handle to the store as well.
    DiskStore::open(dir.store(), Limits::new()).unwrap_err();
    append(&log, "one").await;
    drop(log);
    let logs = open(&dir, Limits::new());
    assert_eq!(kept(&logs.open("job").await.unwrap()).await.len(), 1);
}

#[test]
fn d6_a_directory_that_cannot_be_used_is_an_error() {
    let dir = TestDir::new();
    let missing = dir.path().join("missing").join("events");
    let error = DiskStore::open(&missing, Limits::new()).unwrap_err();
    assert!(
        causes(&error).contains("cannot be created"),
        "{}",
        causes(&error)
    );
    assert!(!missing.exists());

    let file = dir.path().join("file");
    fs::write(&file, "text").unwrap();
    let error = DiskStore::open(&file, Limits::new()).unwrap_err();
    assert!(causes(&error).contains("directory"), "{}", causes(&error));

    for name in ["lock", "events.redb", "events.new"] {
        fs::create_dir_all(dir.store().join(name)).unwrap();
        let error = DiskStore::open(dir.store(), Limits::new()).unwrap_err();
        assert!(
            causes(&error).contains("irectory"),
            "{name}: {}",
            causes(&error)
        );
        fs::remove_dir_all(dir.store()).unwrap();
    }
}

/// Root may do everything: the kernel's own files are what it cannot write.
#[cfg(target_os = "linux")]
#[test]
fn d6_a_directory_without_permission_is_an_error() {
    let error = DiskStore::open("/proc/wsio-events", Limits::new()).unwrap_err();
    assert!(
        causes(&error).contains("cannot be created"),
        "{}",
        causes(&error)
    );
    let error = DiskStore::open("/proc/self", Limits::new()).unwrap_err();
    assert!(
        causes(&error).contains("cannot be used"),
        "{}",
        causes(&error)
    );
}

#[test]
fn d6_a_store_that_was_not_completely_created_is_created_again() {
    let dir = TestDir::new();
    fs::create_dir(dir.store()).unwrap();
    for rubbish in [&b""[..], b"redb", &[0; 10_000]] {
        fs::write(dir.store().join("events.new"), rubbish).unwrap();
        let _ = fs::remove_file(dir.file());
        drop(open(&dir, Limits::new()));
        assert!(dir.file().exists());
        assert!(!dir.store().join("events.new").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_ten_thousand_logs_are_opened_at_little_cost() {
    const LOGS: usize = 10_000;
    let dir = TestDir::new();
    let logs = open(&dir, Limits::new());
    let before = fs::metadata(dir.file()).unwrap().len();
    let start = Instant::now();
    let mut open_logs = Vec::with_capacity(LOGS);
    for number in 0..LOGS {
        open_logs.push(logs.open(&format!("job-{number}")).await.unwrap());
    }
    let opened = start.elapsed();
    assert_eq!(fs::metadata(dir.file()).unwrap().len(), before);

    let start = Instant::now();
    let appends = open_logs.iter().map(|log| append(log, "one"));
    futures::future::join_all(appends).await;
    let appended = start.elapsed();
    drop((open_logs, logs));
    let file = fs::metadata(dir.file()).unwrap().len();

    let logs = open(&dir, Limits::new());
    let start = Instant::now();
    for number in 0..LOGS {
        let log = logs.open(&format!("job-{number}")).await.unwrap();
        assert_eq!(log.newest().number, 1);
    }
    let reopened = start.elapsed();
    println!(
        "{LOGS} logs: opened in {opened:?}, an event for each in {appended:?}, opened again in \
         {reopened:?}, the file has {} KiB",
        file >> 10
    );
}

#[tokio::test]
async fn d1_a_log_that_is_opened_twice_is_one() {
    let dir = TestDir::new();
    let store = DiskStore::open(dir.store(), Limits::new()).unwrap();
    let one = EventLogs::with_store(store.clone());
    let other = EventLogs::with_store(store);
    let one = one.open("job").await.unwrap();
    let place = one.newest();
    let log = other.open("job").await.unwrap();
    assert_eq!(log.newest(), place);
    let mut at_one = one.subscribe(None);
    let mut at_other = log.subscribe(Some(&place.to_string()));
    let id = append(&log, "a").await;
    assert_eq!(one.newest(), id);
    append(&one, "b").await;
    drop((log, other));
    append(&one, "c").await;
    for expected in ["a", "b", "c"] {
        assert_eq!(next_data(&mut at_one).await, expected);
        assert_eq!(next_data(&mut at_other).await, expected);
    }
}
