//! Power failures: of what was written since the last sync, any part is on the disk.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;
use wsio::sse::SseEvent;

use super::{
    batch::{StoreTables, WriteBatch},
    file::OpenDatabase,
    read::read_page,
};
use crate::{EventId, Limits, LogName, NewEvent, PageLimits};

/// A disk that remembers in which order it was written.
#[derive(Debug, Clone, Default)]
struct RecordedDisk(Arc<Mutex<Recording>>);

#[derive(Debug, Default)]
struct Recording {
    image: Vec<u8>,
    steps: Vec<DiskStep>,
}

#[derive(Debug, Clone)]
enum DiskStep {
    Write(usize, Vec<u8>),
    Resize(usize),
    Sync,
}

impl DiskStep {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => {
                let end = at + data.len();
                image.resize(image.len().max(end), 0);
                image[*at..end].copy_from_slice(data);
            }
            Self::Resize(len) => image.resize(*len, 0),
            Self::Sync => {}
        }
    }
}

impl RecordedDisk {
    fn of(image: Vec<u8>) -> Self {
        let steps = Vec::new();
        Self(Arc::new(Mutex::new(Recording { image, steps })))
    }

    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.0.lock().unwrap()
    }

    fn step(&self, step: DiskStep) {
        let mut recording = self.lock();
        step.apply(&mut recording.image);
        recording.steps.push(step);
    }
}

impl StorageBackend for RecordedDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().image.len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let recording = self.lock();
        let read = recording.image.get(offset as usize..offset as usize + len);
        Ok(read.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(DiskStep::Resize(len as usize));
        Ok(())
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        self.step(DiskStep::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step(DiskStep::Write(offset as usize, data.to_vec()));
        Ok(())
    }
}

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) as usize % limit
    }
}

fn limits() -> Limits {
    Limits::new().events(250)
}

fn log() -> LogName {
    LogName::new("job").unwrap()
}

/// Appends batches to a new store. Returns the disk as it was before, the steps, and the newest event
/// after each number of them.
fn written(numbers: &mut Numbers) -> (Vec<u8>, Vec<DiskStep>, BTreeMap<usize, EventId>) {
    let disk = RecordedDisk::default();
    OpenDatabase::open(disk.clone()).unwrap().create(1).unwrap();
    let before = disk.lock().image.clone();
    disk.lock().steps.clear();
    let open = OpenDatabase::open(disk.clone()).unwrap();
    let mut acknowledged = BTreeMap::new();
    for batch in 0..60_u64 {
        let tx = open.database.begin_write().unwrap();
        let tables = StoreTables::open(&tx).unwrap();
        let mut writes = WriteBatch::new(tables, limits(), batch, 1);
        let mut newest = EventId::ZERO;
        for number in 0..=numbers.below(20) {
            let event = SseEvent::new("x".repeat(numbers.below(12_000)));
            let event = NewEvent::encode(event).with_key(&format!("{batch} {number}"));
            newest = writes.append(&log(), &event, None).unwrap();
        }
        writes.finish().unwrap();
        tx.commit().unwrap();
        acknowledged.insert(disk.lock().steps.len(), newest);
    }
    let steps = disk.lock().steps.clone();
    (before, steps, acknowledged)
}

/// Checks that a store opens after a power failure, and has what was acknowledged.
fn check(image: Vec<u8>, acknowledged: EventId) {
    let mut open = OpenDatabase::open(RecordedDisk::of(image)).unwrap();
    open.verify().unwrap();
    let all = PageLimits {
        events: 1000,
        bytes: 1 << 30,
    };
    let page = read_page(&open.database, &log(), &limits(), None, EventId::ZERO, all);
    let page = page.unwrap();
    assert!(page.newest >= acknowledged, "{acknowledged} is lost");
    assert!(page.events.len() <= 250);
    let mut newest = page.events.first().map(crate::StoredEvent::after);
    for event in &page.events {
        assert_eq!(Some(event.after()), newest);
        newest = Some(event.id());
    }
    assert_eq!(newest.unwrap_or(page.newest), page.newest);
}

#[test]
fn d2_what_was_acknowledged_survives_a_power_failure_at_any_time() {
    let mut failures = 0;
    for seed in 1..=2 {
        let mut numbers = Numbers(seed * 12_345);
        let (mut synced, steps, acknowledged) = written(&mut numbers);
        let mut pending = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            if matches!(step, DiskStep::Sync) {
                pending
                    .drain(..)
                    .for_each(|it: &DiskStep| it.apply(&mut synced));
                continue;
            }
            pending.push(step);
            // What makes the file larger is rare.
            let is_resized = pending.iter().any(|it| matches!(it, DiskStep::Resize(_)));
            if numbers.below(60) != 0 && !is_resized {
                continue;
            }
            // Any part of it, nearly all of it, or the header and little else.
            let kind = numbers.below(3);
            let mut image = synced.clone();
            for step in &pending {
                let is_written = match kind {
                    0 => numbers.below(2) == 0,
                    1 => numbers.below(8) != 0,
                    _ => matches!(step, DiskStep::Write(0, _)) || numbers.below(4) == 0,
                };
                if is_written {
                    step.apply(&mut image);
                }
            }
            let newest = acknowledged.range(..=at).next_back();
            check(image, newest.map_or(EventId::ZERO, |(_, newest)| *newest));
            failures += 1;
        }
    }
    assert!(failures > 50, "{failures}");
}
