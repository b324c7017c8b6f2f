//! One transaction: what is appended and remembered in it, and what is dropped for it.

use std::{collections::HashMap, time::Duration};

use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    failure::DiskFailure,
    memory::{Remembered, RememberedKind, RememberedLimits},
    schema::{
        BATCH, BIRTH, EVENTS, EventRow, FLOORS, LOGS, LogRecord, MEMORIES, MEMORY_ORDER, META,
        NEXT_LOG, bucket,
    },
};
use crate::{EventId, Limits, LogName, NewEvent, StoredEvent};

/// The tables of a database in a transaction that writes.
pub(super) struct StoreTables<'t> {
    pub(super) meta: Table<'t, &'static str, u64>,
    pub(super) floors: Table<'t, u8, u64>,
    pub(super) logs: Table<'t, &'static str, &'static [u8]>,
    pub(super) events: Table<'t, (u64, u64, u64), &'static [u8]>,
    pub(super) remembered: Remembered<'t>,
}

impl<'t> StoreTables<'t> {
    pub(super) fn open(tx: &'t WriteTransaction) -> Result<Self, DiskFailure> {
        Ok(Self {
            meta: tx.open_table(META)?,
            floors: tx.open_table(FLOORS)?,
            logs: tx.open_table(LOGS)?,
            events: tx.open_table(EVENTS)?,
            remembered: Remembered {
                memories: tx.open_table(MEMORIES)?,
                order: tx.open_table(MEMORY_ORDER)?,
            },
        })
    }

    pub(super) fn record(&self, name: &LogName) -> Result<Option<LogRecord>, DiskFailure> {
        let row = self.logs.get(name.as_str())?;
        row.map(|row| LogRecord::decode(name, row.value()))
            .transpose()
    }

    pub(super) fn write_record(
        &mut self,
        name: &LogName,
        record: &LogRecord,
    ) -> Result<(), DiskFailure> {
        self.logs.insert(name.as_str(), &record.encode(name)[..])?;
        Ok(())
    }

    /// Drops the oldest events over the limits, and those from before `too_old`. Of events that are
    /// not too old the newest stays.
    pub(super) fn trim(
        &mut self,
        record: &mut LogRecord,
        limits: &Limits,
        too_old: u64,
    ) -> Result<(), DiskFailure> {
        let mut dropped = Vec::new();
        for row in self.events.range((record.log, 0, 0)..=newest_key(record))? {
            let (key, row) = row?;
            let (_, epoch, number) = key.value();
            let row = EventRow::decode(row.value())?;
            let is_over =
                record.events > limits.events as u64 || record.bytes > limits.bytes as u64;
            if !(is_over && record.events > 1 || row.time < too_old) {
                break;
            }
            dropped.push(key.value());
            let len = row.block_len(EventId::new(epoch, number)) as u64;
            record.events = record.events.saturating_sub(1);
            record.bytes = record.bytes.saturating_sub(len);
        }
        for key in dropped {
            self.events.remove(key)?;
        }
        Ok(())
    }
}

fn newest_key(record: &LogRecord) -> (u64, u64, u64) {
    (record.log, record.newest.epoch, record.newest.number)
}

/// Returns the time before which events are too old, in microseconds since 1970.
pub(super) fn too_old(now: u64, limits: &Limits) -> u64 {
    limits.age.map_or(0, |age| now.saturating_sub(micros(age)))
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A batch of changes in one transaction.
pub(super) struct WriteBatch<'t> {
    pub(super) tables: StoreTables<'t>,
    pub(super) limits: Limits,
    /// The time, in microseconds since 1970.
    pub(super) now: u64,
    /// The opening of the store.
    pub(super) run: u64,
    logs: HashMap<LogName, BatchedLog>,
}

/// A log that changes in a batch.
struct BatchedLog {
    record: LogRecord,
    appended: Vec<StoredEvent>,
}

impl<'t> WriteBatch<'t> {
    pub(super) fn new(tables: StoreTables<'t>, limits: Limits, now: u64, run: u64) -> Self {
        Self {
            tables,
            limits,
            now,
            run,
            logs: HashMap::new(),
        }
    }

    /// Returns whether there is nothing to commit.
    pub(super) fn is_unchanged(&self) -> bool {
        self.logs.is_empty()
    }

    /// Appends an event. `empty` is the place at which an unused log was opened.
    pub(super) fn append(
        &mut self,
        name: &LogName,
        event: &NewEvent,
        empty: Option<EventId>,
    ) -> Result<EventId, DiskFailure> {
        let kind = RememberedKind::Key;
        if let Some(key) = event.key()
            && let Some(record) = self.existing(name)?
            && let Some((epoch, number)) = self.recall(&record, kind, key)?
        {
            return Ok(EventId::new(epoch, number));
        }
        let (now, run) = (self.now, self.run);
        let Self { tables, limits, .. } = self;
        let log = batched(&mut self.logs, tables, name, empty, now)?;
        let record = &mut log.record;
        let last = record.newest;
        let next = last.next().filter(|_| record.run == run);
        let begun = || EventId::new(now.max(last.epoch.saturating_add(1)), 1);
        let id = next.unwrap_or_else(begun);
        let after = next.is_none().then_some(last);
        let row = EventRow::encode(record.log, id, after, now, event.body());
        tables
            .events
            .insert((record.log, id.epoch, id.number), &row[..])?;
        let stored = StoredEvent::new(id, after, event.body());
        record.run = run;
        record.newest = id;
        record.events += 1;
        record.bytes += stored.block().len() as u64;
        record.used = now;
        log.appended.push(stored);
        if let Some(key) = event.key() {
            let max = limits.events as u64;
            let memory = micros(limits.memory);
            let limits = RememberedLimits { now, max, memory };
            let value = (id.epoch, id.number);
            tables.remembered.put(record, kind, key, value, limits)?;
        }
        Ok(id)
    }

    /// Returns how far a source of events has been handled.
    ///
    /// Asking for it is a use of it, which is recorded if the last one is long ago.
    pub(super) fn seen(
        &mut self,
        name: &LogName,
        source: &str,
    ) -> Result<Option<u64>, DiskFailure> {
        let Some(record) = self.existing(name)? else {
            return Ok(None);
        };
        let kind = RememberedKind::Source;
        let Some((seen, _)) = self.recall(&record, kind, source)? else {
            return Ok(None);
        };
        self.see(name, source, seen, None)?;
        Ok(Some(seen))
    }

    /// Records how far a source of events has been handled.
    pub(super) fn see(
        &mut self,
        name: &LogName,
        source: &str,
        seen: u64,
        empty: Option<EventId>,
    ) -> Result<(), DiskFailure> {
        let kind = RememberedKind::Source;
        let memory = micros(self.limits.memory);
        let known = match self.existing(name)? {
            Some(record) => self
                .tables
                .remembered
                .find(record.log, kind, source)?
                .filter(|known| known.is_fresh(self.now, memory)),
            None => None,
        };
        if known.is_some_and(|it| it.value.0 >= seen && it.is_fresh(self.now, memory / 4)) {
            return Ok(());
        }
        let seen = known.map_or(seen, |it| it.value.0.max(seen));
        let log = batched(&mut self.logs, &mut self.tables, name, empty, self.now)?;
        log.record.used = self.now;
        let limits = RememberedLimits {
            now: self.now,
            max: self.limits.sources as u64,
            memory,
        };
        let value = (seen, 0);
        self.tables
            .remembered
            .put(&mut log.record, kind, source, value, limits)
    }

    /// Trims the logs, and writes what has changed of them. Returns the events that were appended.
    pub(super) fn finish(mut self) -> Result<Vec<(LogName, Vec<StoredEvent>)>, DiskFailure> {
        let too_old = too_old(self.now, &self.limits);
        let mut appended = Vec::with_capacity(self.logs.len());
        for (name, mut log) in self.logs {
            self.tables.trim(&mut log.record, &self.limits, too_old)?;
            self.tables.write_record(&name, &log.record)?;
            if !log.appended.is_empty() {
                appended.push((name, log.appended));
            }
        }
        count_batch(&mut self.tables)?;
        Ok(appended)
    }

    fn existing(&self, name: &LogName) -> Result<Option<LogRecord>, DiskFailure> {
        match self.logs.get(name) {
            Some(log) => Ok(Some(log.record)),
            None => self.tables.record(name),
        }
    }

    fn recall(
        &self,
        record: &LogRecord,
        kind: RememberedKind,
        text: &str,
    ) -> Result<Option<(u64, u64)>, DiskFailure> {
        let found = self.tables.remembered.find(record.log, kind, text)?;
        let memory = micros(self.limits.memory);
        let fresh = found.filter(|it| it.is_fresh(self.now, memory));
        Ok(fresh.map(|it| it.value))
    }
}

/// Counts a batch, by which it is known after a failure whether it was written.
pub(super) fn count_batch(tables: &mut StoreTables<'_>) -> Result<(), DiskFailure> {
    let batch = tables.meta.get(BATCH)?.map_or(0, |it| it.value());
    tables.meta.insert(BATCH, batch.wrapping_add(1))?;
    Ok(())
}

/// Returns a log of the batch, with its record or a new one.
fn batched<'b>(
    logs: &'b mut HashMap<LogName, BatchedLog>,
    tables: &mut StoreTables<'_>,
    name: &LogName,
    empty: Option<EventId>,
    now: u64,
) -> Result<&'b mut BatchedLog, DiskFailure> {
    if !logs.contains_key(name) {
        let record = match tables.record(name)? {
            Some(record) => record,
            None => new_record(tables, name, empty, now)?,
        };
        let appended = Vec::new();
        logs.insert(name.clone(), BatchedLog { record, appended });
    }
    logs.get_mut(name).ok_or(DiskFailure::Unavailable)
}

fn new_record(
    tables: &mut StoreTables<'_>,
    name: &LogName,
    empty: Option<EventId>,
    now: u64,
) -> Result<LogRecord, DiskFailure> {
    let log = tables.meta.get(NEXT_LOG)?.map_or(1, |it| it.value());
    tables.meta.insert(NEXT_LOG, log + 1)?;
    let floor = match empty {
        Some(id) => id.epoch,
        None => floor(&tables.floors, &tables.meta, name)?,
    };
    Ok(LogRecord {
        log,
        run: 0,
        newest: EventId::new(floor, 0),
        events: 0,
        bytes: 0,
        used: now,
        remembered: [0; 2],
    })
}

/// Returns the epoch of a log without a record.
pub(super) fn floor(
    floors: &impl ReadableTable<u8, u64>,
    meta: &impl ReadableTable<&'static str, u64>,
    name: &LogName,
) -> Result<u64, DiskFailure> {
    if let Some(floor) = floors.get(bucket(name))? {
        return Ok(floor.value());
    }
    let birth = meta.get(BIRTH)?.map(|it| it.value());
    birth.ok_or(DiskFailure::Damaged("the epoch of the store is lost"))
}
