//! Reading events, on threads of their own: a disk may take its time.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc::Receiver},
};

use redb::{Database, ReadOnlyTable};
use tokio::sync::oneshot;

use super::{
    DiskShared,
    batch::{floor, too_old},
    failure::DiskFailure,
    now,
    schema::{EVENTS, EventRow, FLOORS, LOGS, LogRecord, META},
};
use crate::{EventId, Limits, LogName, Page, PageLimits, StoreError, StoredEvent};

/// The most that is read when a log is opened.
const RECENT: PageLimits = PageLimits {
    events: 100,
    bytes: 64 << 10,
};

/// Work for a thread that reads.
pub(super) struct ReadJob(Box<dyn FnOnce(&DiskShared) + Send>);

impl fmt::Debug for ReadJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadJob")
    }
}

/// Works off the jobs until the store is closed.
pub(super) fn work(shared: &DiskShared, jobs: &Mutex<Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(ReadJob(job)) => job(shared),
            Err(_) => return,
        }
    }
}

impl DiskShared {
    /// Reads on a thread of the store.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, DiskFailure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, replied) = oneshot::channel();
        let job = ReadJob(Box::new(move |shared| {
            // Nobody waits any more for what is not received.
            let _ = reply.send(read(shared));
        }));
        let closed = || StoreError::new("the store is closed");
        let is_sent = {
            let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
            reads.as_ref().is_some_and(|reads| reads.send(job).is_ok())
        };
        drop(self);
        if !is_sent {
            return Err(closed());
        }
        let result = replied.await.map_err(|_| closed())?;
        result.map_err(|failure| failure.into_store_error("the events cannot be read"))
    }
}

/// The state of a log when it is opened.
pub(super) struct LogSnapshot {
    /// Whether the log has been used.
    pub(super) is_used: bool,
    pub(super) newest: EventId,
    pub(super) recent: Vec<StoredEvent>,
}

impl LogSnapshot {
    pub(super) fn read(
        database: &Database,
        name: &LogName,
        limits: &Limits,
    ) -> Result<Self, DiskFailure> {
        let reader = LogReader::new(database, name)?;
        let Some(record) = reader.record else {
            return Ok(Self {
                is_used: false,
                newest: EventId::new(reader.floor, 0),
                recent: Vec::new(),
            });
        };
        let mut page = PageBuilder::new(RECENT);
        let too_old = too_old(now(), limits);
        let range = key(&record, EventId::ZERO)..=key(&record, record.newest);
        for row in reader.events.range(range)?.rev() {
            let (key, row) = row?;
            let (_, epoch, number) = key.value();
            let row = EventRow::decode(row.value())?;
            if row.time < too_old || !page.add(row.event(record.log, EventId::new(epoch, number))?)
            {
                break;
            }
        }
        page.events.reverse();
        Ok(Self {
            is_used: true,
            newest: record.newest,
            recent: page.events,
        })
    }
}

/// Reads a page of a log.
pub(super) fn read_page(
    database: &Database,
    name: &LogName,
    limits: &Limits,
    empty: Option<EventId>,
    after: EventId,
    page_limits: PageLimits,
) -> Result<Page, DiskFailure> {
    let reader = LogReader::new(database, name)?;
    let Some(record) = reader.record else {
        return Ok(Page {
            events: Vec::new(),
            newest: empty.unwrap_or(EventId::new(reader.floor, 0)),
        });
    };
    let newest = record.newest;
    let mut page = PageBuilder::new(page_limits);
    let too_old = too_old(now(), limits);
    let mut is_any_old = false;
    if after < newest {
        let first = EventId::new(after.epoch, after.number.saturating_add(1));
        for row in reader
            .events
            .range(key(&record, first)..=key(&record, newest))?
        {
            let (key, row) = row?;
            let (_, epoch, number) = key.value();
            let row = EventRow::decode(row.value())?;
            if row.time < too_old {
                is_any_old = true;
                continue;
            }
            if !page.add(row.event(record.log, EventId::new(epoch, number))?) {
                break;
            }
        }
    }
    if page.events.is_empty() && after < newest && record.events > 0 && !is_any_old {
        return Err(DiskFailure::Damaged("the newest events are lost"));
    }
    Ok(Page {
        events: page.events,
        newest,
    })
}

fn key(record: &LogRecord, id: EventId) -> (u64, u64, u64) {
    (record.log, id.epoch, id.number)
}

/// One log in a transaction that reads.
struct LogReader {
    record: Option<LogRecord>,
    /// The epoch of the log if it has no record.
    floor: u64,
    events: ReadOnlyTable<(u64, u64, u64), &'static [u8]>,
}

impl LogReader {
    fn new(database: &Database, name: &LogName) -> Result<Self, DiskFailure> {
        let tx = database.begin_read()?;
        let row = tx.open_table(LOGS)?.get(name.as_str())?;
        let record = row.map(|row| LogRecord::decode(name, row.value()));
        Ok(Self {
            record: record.transpose()?,
            floor: floor(&tx.open_table(FLOORS)?, &tx.open_table(META)?, name)?,
            events: tx.open_table(EVENTS)?,
        })
    }
}

/// Consecutive events up to the limits of a page.
struct PageBuilder {
    limits: PageLimits,
    bytes: usize,
    events: Vec<StoredEvent>,
}

impl PageBuilder {
    fn new(limits: PageLimits) -> Self {
        Self {
            limits,
            bytes: 0,
            events: Vec::new(),
        }
    }

    /// Adds an event, unless the page is full.
    fn add(&mut self, event: StoredEvent) -> bool {
        let bytes = self.bytes + event.block().len();
        let is_full = self.events.len() >= self.limits.events.max(1) || bytes > self.limits.bytes;
        if is_full && !self.events.is_empty() {
            return false;
        }
        self.bytes = bytes;
        self.events.push(event);
        true
    }
}
