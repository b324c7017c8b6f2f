//! The thread that writes: what waits goes into one transaction, and is synced once.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use redb::ReadableTable;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    DiskShared,
    batch::{StoreTables, WriteBatch},
    failure::DiskFailure,
    file::StoreDirectory,
    now,
    read::read_page,
    request::{DiskAnswer, DiskRequest, DiskWork},
    schema::{BATCH, META},
    sweep::Sweeper,
};
use crate::{LogName, LogTail, PageLimits, PendingWakes, SourceGrant, StoreError, StoredEvent};

/// The most requests in a transaction.
const BATCH_LEN: usize = 1024;

/// The time between attempts to open the database again after a failure.
const RETRY: Duration = Duration::from_millis(100);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// The longest wait for more requests, however slow the disk is.
const MAX_PATIENCE: Duration = Duration::from_micros(500);

/// The most that is read at a time for a tail that has missed events.
const CATCH_UP: PageLimits = PageLimits {
    events: 1000,
    bytes: 1 << 20,
};

/// One request of a batch.
struct BatchEntry {
    log: LogName,
    work: DiskWork,
    _room: OwnedSemaphorePermit,
}

/// A committed batch.
struct Committed {
    answers: Vec<DiskAnswer>,
    appended: Vec<(LogName, Vec<StoredEvent>)>,
}

/// The failure of a batch.
struct BatchFailure {
    failure: DiskFailure,
    /// The number that the batch would have had, if it may have been written.
    number: Option<u64>,
}

/// The thread that writes.
pub(super) struct Committer {
    shared: Arc<DiskShared>,
    directory: StoreDirectory,
    requests: Receiver<DiskRequest>,
    sweeper: Option<Sweeper>,
    /// The next attempt to open the database again, and the error until then.
    broken: Option<BrokenDatabase>,
    /// The length of the last batch, and how long to wait for as many.
    last_len: usize,
    patience: Duration,
    _closed: Sender<()>,
}

struct BrokenDatabase {
    error: StoreError,
    retry: Instant,
    delay: Duration,
}

impl Committer {
    pub(super) fn new(
        shared: Arc<DiskShared>,
        directory: StoreDirectory,
        requests: Receiver<DiskRequest>,
        closed: Sender<()>,
    ) -> Self {
        Self {
            sweeper: Sweeper::new(&shared.limits),
            shared,
            directory,
            requests,
            broken: None,
            last_len: 0,
            patience: Duration::ZERO,
            _closed: closed,
        }
    }

    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        loop {
            let mut batch = Vec::new();
            let is_closing = self.gather(&mut batch);
            self.mend();
            if !batch.is_empty() {
                let (len, start) = (batch.len(), Instant::now());
                self.commit(batch);
                self.last_len = len;
                self.patience = (start.elapsed() / 8).min(MAX_PATIENCE);
            }
            if is_closing {
                break;
            }
            self.sweep();
        }
        let database = self.shared.take_database();
        let closed = DiskFailure::guard(move || {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::error!(%error, "the file of the events was not closed in order");
        }
    }

    /// Waits for requests, and takes those that wait. Returns whether the store is closed.
    fn gather(&mut self, batch: &mut Vec<BatchEntry>) -> bool {
        let mut next = match self.wait() {
            None => self.requests.recv().ok(),
            Some(wait) => match self.requests.recv_timeout(wait) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => None,
            },
        };
        loop {
            match next {
                None | Some(DiskRequest::Close) => return true,
                Some(DiskRequest::Work { log, work, room }) => batch.push(BatchEntry {
                    log,
                    work,
                    _room: room,
                }),
            }
            if batch.len() >= BATCH_LEN {
                return false;
            }
            next = match self.next_request(batch.len()) {
                Ok(request) => Some(request),
                Err(TryRecvError::Empty) => return false,
                Err(TryRecvError::Disconnected) => None,
            };
        }
    }

    /// Takes the next request that waits.
    ///
    /// Those who were answered after the last batch are likely to be about to ask again: it gives
    /// them a moment, which is short beside a sync, so that they do not just miss this one.
    fn next_request(&self, gathered: usize) -> Result<DiskRequest, TryRecvError> {
        let mut patience = None;
        loop {
            let next = self.requests.try_recv();
            if !matches!(next, Err(TryRecvError::Empty)) || gathered >= self.last_len {
                return next;
            }
            let now = Instant::now();
            if *patience.get_or_insert(now + self.patience) <= now {
                return next;
            }
            thread::yield_now();
        }
    }

    /// Returns the time until there is something to do without a request.
    fn wait(&self) -> Option<Duration> {
        let retry = self.broken.as_ref().map(|broken| broken.retry);
        let sweep = self.sweeper.as_ref().map(Sweeper::next);
        let next = retry.into_iter().chain(sweep).min();
        next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn commit(&mut self, batch: Vec<BatchEntry>) {
        if let Some(broken) = &self.broken {
            for entry in batch {
                entry.work.refuse(&broken.error, false);
            }
            return;
        }
        match self.write(&batch) {
            Ok(committed) => {
                for (name, events) in committed.appended {
                    self.push(&name, &events);
                }
                for (entry, answer) in batch.into_iter().zip(committed.answers) {
                    entry.work.answer(answer);
                }
            }
            Err(failed) => self.fail(batch, failed),
        }
    }

    fn write(&self, batch: &[BatchEntry]) -> Result<Committed, BatchFailure> {
        let mut number = None;
        let written = self.shared.with_database(|open| {
            let tx = open.database.begin_write()?;
            let tables = StoreTables::open(&tx)?;
            let last = tables.meta.get(BATCH)?.map_or(0, |it| it.value());
            let mut writes = WriteBatch::new(tables, self.shared.limits, now(), self.shared.run);
            let mut answers = Vec::with_capacity(batch.len());
            for entry in batch {
                answers.push(match self.apply(&mut writes, entry) {
                    Err(failure @ DiskFailure::Damaged(_)) => DiskAnswer::Failed(failure),
                    answer => answer?,
                });
            }
            if writes.is_unchanged() {
                drop(writes);
                tx.abort()?;
                let appended = Vec::new();
                return Ok(Committed { answers, appended });
            }
            let appended = writes.finish()?;
            number = Some(last.wrapping_add(1));
            tx.commit()?;
            Ok(Committed { answers, appended })
        });
        written.map_err(|failure| BatchFailure { failure, number })
    }

    fn apply(
        &self,
        writes: &mut WriteBatch<'_>,
        entry: &BatchEntry,
    ) -> Result<DiskAnswer, DiskFailure> {
        let BatchEntry { log, work, .. } = entry;
        let open_logs = &self.shared.open_logs;
        Ok(match work {
            DiskWork::Append { event, .. } => {
                DiskAnswer::Id(writes.append(log, event, open_logs.empty(log))?)
            }
            DiskWork::Claim { claim, .. } => {
                if open_logs.claim(log, claim, self.shared.limits.sources) {
                    let seen = writes.seen(log, &claim.source)?;
                    DiskAnswer::Grant(SourceGrant::Granted(seen))
                } else {
                    DiskAnswer::Grant(SourceGrant::Held)
                }
            }
            DiskWork::Advance { claim, seen, .. } => match open_logs.renew(log, claim) {
                Some(go_on) => {
                    writes.see(log, &claim.source, *seen, open_logs.empty(log))?;
                    DiskAnswer::GoOn(go_on)
                }
                None => DiskAnswer::GoOn(false),
            },
            DiskWork::Release { claim, .. } => {
                open_logs.release(log, claim);
                DiskAnswer::Released
            }
        })
    }

    /// Pushes events to the tails of their log.
    fn push(&self, name: &LogName, events: &[StoredEvent]) {
        for tail in self.shared.open_logs.tails(name) {
            if tail.push(events.iter().cloned()).is_err() {
                self.catch_up(name, &tail);
            }
        }
    }

    /// Pushes what a tail has missed.
    fn catch_up(&self, name: &LogName, tail: &LogTail) {
        loop {
            let after = tail.newest();
            let page = self.shared.read_database(|database| {
                let limits = &self.shared.limits;
                read_page(database, name, limits, None, after, CATCH_UP)
            });
            match page {
                Ok(page) if page.events.is_empty() => return,
                Ok(page) => {
                    let pushed = tail.push(page.events.iter().cloned());
                    let _: PendingWakes =
                        pushed.unwrap_or_else(|_| tail.push_after_gap(page.events));
                    if tail.newest() == after {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(log = %name, %error, "events could not be read again");
                    return;
                }
            }
        }
    }

    /// Opens the database again, and answers the requests by what is found there.
    fn fail(&mut self, batch: Vec<BatchEntry>, failed: BatchFailure) {
        let BatchFailure { failure, number } = failed;
        let error = failure.into_store_error("the events cannot be written");
        tracing::error!(%error, cause = ?error, "a batch of events was not written");
        let sync_failed = self.close_broken(error.clone());
        self.mend();
        let is_there = match number {
            None => false,
            Some(number) if self.broken.is_none() => {
                let last = self.shared.read_database(|database| {
                    let meta = database.begin_read()?.open_table(META)?;
                    Ok(meta.get(BATCH)?.map_or(0, |it| it.value()))
                });
                last.map_or(true, |last| last == number)
            }
            Some(_) => true,
        };
        // What the disk did not take may still be in the memory of the operating system, where it
        // can be read, but not relied on.
        let is_uncertain = is_there || (sync_failed && number.is_some());
        let mut logs: Vec<LogName> = Vec::new();
        for entry in batch {
            entry.work.refuse(&error, is_uncertain);
            logs.push(entry.log);
        }
        if is_there {
            logs.sort_unstable();
            logs.dedup();
            for name in logs {
                for tail in self.shared.open_logs.tails(&name) {
                    self.catch_up(&name, &tail);
                }
            }
        }
    }

    /// Closes the database after a failure. Returns whether a sync has failed.
    fn close_broken(&mut self, error: StoreError) -> bool {
        let database = self.shared.take_database();
        let sync_failed = database
            .as_ref()
            .is_some_and(|it| it.sync_failed.load(Ordering::Acquire));
        let closed = DiskFailure::guard(move || {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::debug!(%error, "the file was not closed in order");
        }
        self.broken = Some(BrokenDatabase {
            error,
            retry: Instant::now(),
            delay: RETRY,
        });
        sync_failed
    }

    /// Opens the database again, if it is time to.
    fn mend(&mut self) {
        let Some(broken) = &mut self.broken else {
            return;
        };
        if broken.retry > Instant::now() {
            return;
        }
        match self.directory.reopen_database() {
            Ok(database) => {
                let slot = self.shared.database.write();
                *slot.unwrap_or_else(PoisonError::into_inner) = Some(database);
                self.broken = None;
                tracing::info!("the file of the events is open again");
            }
            Err(failure) => {
                broken.error = failure.into_store_error("the events cannot be written");
                broken.delay = (broken.delay * 2).min(MAX_RETRY);
                broken.retry = Instant::now() + broken.delay;
            }
        }
    }

    fn sweep(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let Some(sweeper) = &mut self.sweeper else {
            return;
        };
        if sweeper.next() > Instant::now() {
            return;
        }
        if let Err(failure) = sweeper.sweep(&self.shared) {
            let error = failure.into_store_error("idle logs cannot be dropped");
            tracing::error!(%error, cause = ?error, "idle logs were not dropped");
            self.close_broken(error);
        }
    }
}
