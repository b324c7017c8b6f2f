//! Dropping what is too old from logs that are idle.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::{
    DiskShared,
    batch::{StoreTables, count_batch, floor, micros, too_old},
    failure::DiskFailure,
    now,
    schema::{LOGS, LogRecord, bucket},
};
use crate::{Limits, LogName};

/// The most logs that are looked at in one step.
const STEP: usize = 1000;

/// The most logs that are changed in one step.
const CHANGES: usize = 20;

/// Looks after idle logs, a few at a time.
#[derive(Debug)]
pub(super) struct Sweeper {
    interval: Duration,
    next: Instant,
    /// The name after which to go on.
    after: String,
}

/// A log to change.
struct IdleLog {
    name: LogName,
    is_dropped: bool,
}

impl Sweeper {
    /// Creates it, if events have an age.
    pub(super) fn new(limits: &Limits) -> Option<Self> {
        let interval = limits.age? / 4;
        let interval = interval.clamp(Duration::from_millis(10), Duration::from_secs(1));
        Some(Self {
            interval,
            next: Instant::now() + interval,
            after: String::new(),
        })
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn sweep(&mut self, shared: &DiskShared) -> Result<(), DiskFailure> {
        self.next = Instant::now() + self.interval;
        let now = now();
        let idle = self.find_idle(shared, now)?;
        if idle.is_empty() {
            return Ok(());
        }
        let too_old = too_old(now, &shared.limits);
        shared.with_database(|open| {
            let tx = open.database.begin_write()?;
            {
                let mut tables = StoreTables::open(&tx)?;
                for IdleLog { name, is_dropped } in idle {
                    let Some(mut record) = tables.record(&name)? else {
                        continue;
                    };
                    if is_dropped {
                        drop_log(&mut tables, &name, &record, now)?;
                    } else {
                        tables.trim(&mut record, &shared.limits, too_old)?;
                        tables.write_record(&name, &record)?;
                    }
                }
                count_batch(&mut tables)?;
            }
            tx.commit()?;
            Ok(())
        })
    }

    /// Returns the next logs that hold what is too old.
    fn find_idle(&mut self, shared: &DiskShared, now: u64) -> Result<Vec<IdleLog>, DiskFailure> {
        let limits = &shared.limits;
        let too_old = too_old(now, limits);
        let memory = micros(limits.memory);
        shared.read_database(|database| {
            let logs = database.begin_read()?.open_table(LOGS)?;
            let after = mem::take(&mut self.after);
            let mut idle = Vec::new();
            let mut seen = 0;
            for row in logs.range(&*after..)? {
                let (key, row) = row?;
                if key.value() == after {
                    continue;
                }
                seen += 1;
                if seen > STEP || idle.len() >= CHANGES {
                    // The next step goes on here, at once if there is much to do.
                    if idle.len() >= CHANGES {
                        self.next = Instant::now();
                    }
                    break;
                }
                key.value().clone_into(&mut self.after);
                let Ok(name) = LogName::new(key.value()) else {
                    continue;
                };
                // What is damaged is reported to who reads it.
                let Ok(record) = LogRecord::decode(&name, row.value()) else {
                    continue;
                };
                if record.used >= too_old {
                    continue;
                }
                // Keys and sources are remembered for as long as was promised.
                let is_dropped =
                    now.saturating_sub(record.used) > memory && !shared.open_logs.is_open(&name);
                if is_dropped || record.events > 0 {
                    idle.push(IdleLog { name, is_dropped });
                }
            }
            if seen <= STEP && idle.len() < CHANGES {
                self.after.clear();
            }
            Ok(idle)
        })
    }
}

/// Drops a log. The epoch of logs that are not there grows beyond those it had.
fn drop_log(
    tables: &mut StoreTables<'_>,
    name: &LogName,
    record: &LogRecord,
    now: u64,
) -> Result<(), DiskFailure> {
    let floor = floor(&tables.floors, &tables.meta, name)?;
    let above = floor.max(record.newest.epoch).saturating_add(1);
    tables.floors.insert(bucket(name), now.max(above))?;
    let events = (record.log, 0, 0)..(record.log + 1, 0, 0);
    tables.events.retain_in(events, |_, _| false)?;
    tables.remembered.clear(record.log)?;
    tables.logs.remove(name.as_str())?;
    Ok(())
}
