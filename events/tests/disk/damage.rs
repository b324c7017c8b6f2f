//! Files that are not what the store has written.

use std::{env, fs};

use wsio::sse::SseEvent;
use wsio_events::{DiskStore, EventId, EventLogs, Limits};

use crate::support::{TestDir, append, causes, kept, open};

/// Writes a store, and returns what is in it.
async fn written(dir: &TestDir) -> Vec<(EventId, String)> {
    let logs = open(dir, Limits::new());
    let log = logs.open("job").await.unwrap();
    for number in 0..300 {
        let event = SseEvent::new(format!("{number} {}", "x".repeat(number)));
        log.append_once(&number.to_string(), event).await.unwrap();
    }
    for name in ["a", "b", "c"] {
        append(&logs.open(name).await.unwrap(), name).await;
    }
    kept(&log).await
}

/// Opens a file that may be damaged: it is refused for good, or nothing is missing.
/// Returns whether it is refused.
async fn is_refused(
    dir: &TestDir,
    content: &[u8],
    events: &[(EventId, String)],
    how: &str,
) -> bool {
    fs::write(dir.file(), content).unwrap();
    match DiskStore::open(dir.store(), Limits::new()) {
        Err(error) => {
            let causes = causes(&error);
            assert!(causes.contains("damaged"), "{how}: {causes}");
            // Not repaired by forgetting something.
            let again = DiskStore::open(dir.store(), Limits::new());
            assert!(again.is_err(), "{how}: refused once: {causes}");
            true
        }
        Ok(store) => {
            let logs = EventLogs::with_store(store);
            let log = logs.open("job").await.unwrap();
            let found = kept(&log).await;
            assert!(found == events, "{how}: {} events", found.len());
            append(&log, "one more").await;
            assert_eq!(kept(&log).await.len(), events.len() + 1, "{how}");
            false
        }
    }
}

#[tokio::test]
async fn d2_a_file_that_is_cut_off_is_refused() {
    let dir = TestDir::new();
    let events = written(&dir).await;
    let file = fs::read(dir.file()).unwrap();
    let len = file.len();
    for cut in [
        0,
        1,
        8,
        100,
        511,
        512,
        4095,
        4096,
        4097,
        len / 4,
        len / 2,
        len - 4096,
        len - 1,
    ] {
        let how = format!("cut to {cut} of {len}");
        assert!(is_refused(&dir, &file[..cut], &events, &how).await, "{how}");
    }
    assert!(!is_refused(&dir, &file, &events, "whole").await);
}

#[tokio::test]
async fn d2_a_file_of_another_program_is_refused() {
    let dir = TestDir::new();
    let events = written(&dir).await;
    let mut numbers = Numbers(7);
    let noise: Vec<u8> = (0..100_000).map(|_| numbers.next() as u8).collect();
    let text = "All work and no play makes Jack a dull boy.\n".repeat(5000);
    let zeros = vec![0; 1 << 20];
    for (how, content) in [
        ("noise", &noise[..]),
        ("text", text.as_bytes()),
        ("zeros", &zeros),
    ] {
        assert!(is_refused(&dir, content, &events, how).await, "{how}");
    }
    // A database, but not of events.
    fs::remove_file(dir.file()).unwrap();
    drop(redb::Database::create(dir.file()).unwrap());
    let error = DiskStore::open(dir.store(), Limits::new()).unwrap_err();
    assert!(!causes(&error).is_empty());
}

#[tokio::test]
async fn d2_no_flipped_bit_goes_unnoticed() {
    let dir = TestDir::new();
    let events = written(&dir).await;
    let file = fs::read(dir.file()).unwrap();
    let mut numbers = Numbers(11);
    let mut refused = 0;
    let used: Vec<usize> = (0..file.len()).filter(|at| file[*at] != 0).collect();
    let rounds = rounds();
    for round in 0..rounds {
        let mut content = file.clone();
        // The header, anywhere, and where there is something.
        let at = match round % 3 {
            0 => numbers.below(320),
            1 => numbers.below(file.len()),
            _ => used[numbers.below(used.len())],
        };
        content[at] ^= 1 << numbers.below(8);
        let how = format!("byte {at} is {} instead of {}", content[at], file[at]);
        refused += usize::from(is_refused(&dir, &content, &events, &how).await);
    }
    // Most of a file is free room.
    assert!(refused > rounds / 20, "{refused} of {rounds} were refused");
}

#[tokio::test]
async fn d2_pages_of_rubbish_are_noticed() {
    let dir = TestDir::new();
    let events = written(&dir).await;
    let file = fs::read(dir.file()).unwrap();
    let mut numbers = Numbers(13);
    let mut refused = 0;
    for _ in 0..rounds() {
        let page = numbers.below(file.len() / 4096);
        let mut content = file.clone();
        for byte in &mut content[page * 4096..][..4096] {
            *byte = numbers.next() as u8;
        }
        let how = format!("page {page} is noise");
        refused += usize::from(is_refused(&dir, &content, &events, &how).await);
    }
    assert!(refused > 0);
}

/// Returns how many files to damage; 40 by default.
fn rounds() -> usize {
    env::var("WSIO_DISK_DAMAGES").map_or(40, |rounds| rounds.parse().unwrap())
}

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 8) as usize % limit
    }
}
