//! Texts that a log remembers for a time: the keys of events, and sources of events.

use redb::{ReadableTable, Table};

use super::{
    failure::DiskFailure,
    schema::{LogRecord, memory_key},
};

/// The kind of a text that a log remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RememberedKind {
    /// The key of an event, with its epoch and number.
    Key = 0,
    /// A source of events, with how far it has been handled.
    Source = 1,
}

/// The value that is remembered for a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct RememberedValue {
    /// The time of the last use, in microseconds since 1970, made unique within the log.
    used: u64,
    pub(super) value: (u64, u64),
}

impl RememberedValue {
    pub(super) fn is_fresh(&self, now: u64, memory: u64) -> bool {
        now.saturating_sub(self.used) <= memory
    }
}

/// The limits of what a log remembers, at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct RememberedLimits {
    /// The time, in microseconds since 1970.
    pub(super) now: u64,
    /// The number of texts.
    pub(super) max: u64,
    /// The time since their last use, in microseconds.
    pub(super) memory: u64,
}

/// The tables of what is remembered.
pub(super) struct Remembered<'t> {
    pub(super) memories: Table<'t, &'static [u8], (u64, u64, u64)>,
    pub(super) order: Table<'t, (u64, u8, u64), &'static str>,
}

impl Remembered<'_> {
    pub(super) fn find(
        &self,
        log: u64,
        kind: RememberedKind,
        text: &str,
    ) -> Result<Option<RememberedValue>, DiskFailure> {
        let found = self.memories.get(&memory_key(log, kind as u8, text)[..])?;
        Ok(found.map(|it| {
            let (used, first, second) = it.value();
            RememberedValue {
                used,
                value: (first, second),
            }
        }))
    }

    /// Remembers a text as used now. Forgets at most two texts over the limits, so that they go
    /// faster than new ones come.
    pub(super) fn put(
        &mut self,
        record: &mut LogRecord,
        kind: RememberedKind,
        text: &str,
        value: (u64, u64),
        limits: RememberedLimits,
    ) -> Result<(), DiskFailure> {
        let RememberedLimits { now, max, memory } = limits;
        let (log, code) = (record.log, kind as u8);
        let last = self.order.range(in_log(log, code))?.next_back();
        let last = last.transpose()?.map_or(0, |(key, _)| key.value().2);
        let used = now.max(last.saturating_add(1));
        let before = self
            .memories
            .insert(&memory_key(log, code, text)[..], (used, value.0, value.1))?
            .map(|it| it.value().0);
        match before {
            Some(before) => {
                self.order.remove((log, code, before))?;
            }
            None => *count(record, kind) += 1,
        }
        self.order.insert((log, code, used), text)?;
        for _ in 0..2 {
            let oldest = self.order.range(in_log(log, code))?.next().transpose()?;
            let Some(used) = oldest.map(|(key, _)| key.value().2) else {
                break;
            };
            let is_old = now.saturating_sub(used) > memory;
            if *count(record, kind) <= max && !is_old {
                break;
            }
            self.forget(record, kind, used)?;
        }
        Ok(())
    }

    fn forget(
        &mut self,
        record: &mut LogRecord,
        kind: RememberedKind,
        used: u64,
    ) -> Result<(), DiskFailure> {
        let (log, code) = (record.log, kind as u8);
        let text = self.order.remove((log, code, used))?;
        if let Some(text) = text {
            self.memories
                .remove(&memory_key(log, code, text.value())[..])?;
            let count = count(record, kind);
            *count = count.saturating_sub(1);
        }
        Ok(())
    }

    /// Forgets everything of a log.
    pub(super) fn clear(&mut self, log: u64) -> Result<(), DiskFailure> {
        for kind in [RememberedKind::Key, RememberedKind::Source] {
            let code = kind as u8;
            let (first, end) = (memory_key(log, code, ""), memory_key(log, code + 1, ""));
            self.memories
                .retain_in(&first[..]..&end[..], |_, _| false)?;
            self.order.retain_in(in_log(log, code), |_, _| false)?;
        }
        Ok(())
    }
}

fn in_log(log: u64, code: u8) -> std::ops::RangeInclusive<(u64, u8, u64)> {
    (log, code, 0)..=(log, code, u64::MAX)
}

fn count(record: &mut LogRecord, kind: RememberedKind) -> &mut u64 {
    let [keys, sources] = &mut record.remembered;
    match kind {
        RememberedKind::Key => keys,
        RememberedKind::Source => sources,
    }
}
