//! Logs in a file, for a single server.

mod batch;
mod committer;
mod failure;
mod file;
mod log;
mod memory;
mod open_logs;
#[cfg(test)]
mod power;
mod read;
mod request;
mod schema;
mod sweep;

use std::{
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, SystemTime},
};

use futures::{FutureExt, future::BoxFuture};
use redb::Database;
use tokio::sync::Semaphore;

use self::{
    batch::micros,
    committer::Committer,
    failure::DiskFailure,
    file::{OpenDatabase, StoreDirectory},
    log::DiskLog,
    open_logs::OpenLogs,
    read::ReadJob,
    request::{DiskRequest, QUEUE_UNITS},
};
use crate::{EventStore, Limits, LogName, LogTail, OpenedLog, StoreError};

/// The number of threads that read.
const READERS: usize = 2;

/// The longest time for which dropping the last handle waits for what was accepted to be written.
const CLOSING: Duration = Duration::from_secs(2);

/// A store on the disk of a single server: logs outlive the process.
///
/// An event is synced to the disk before [`append`](crate::EventLog::append) resolves. Events that
/// are appended at the same time, to any logs, are written and synced together. It is a handle: a
/// clone is the same store.
///
/// # Restarts
///
/// Subscribers resume where they were, also after a crash. If the directory is replaced by an older
/// copy of it, those that had seen more are told that they lagged.
///
/// # Errors
///
/// While the disk is full or fails, appends are refused, and subscribers wait; the store tries again
/// by itself. An append during which the disk fails [may be
/// uncertain](crate::AppendError::is_uncertain).
///
/// The file has checksums. A file of up to 1 GiB is verified whenever it is opened; a larger one
/// after a crash, and event by event when they are read. This takes about 2 s for 1 GiB.
///
/// # Drop
///
/// Dropping the last handle, including those of open logs, writes what was accepted, and waits up to
/// 2 s for it.
///
/// ```no_run
/// use wsio::sse::SseEvent;
/// use wsio_events::{DiskStore, EventLogs, Limits};
///
/// # futures::executor::block_on(async {
/// let store = DiskStore::open("/var/lib/my-server/events", Limits::new().events(1000))?;
/// let logs = EventLogs::with_store(store);
/// let log = logs.open("job-42").await?;
/// log.append(SseEvent::new("started")).await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct DiskStore(Arc<StoreOwner>);

impl DiskStore {
    /// Opens the store in a directory, which it locks, and creates if its parent is there.
    ///
    /// The limits hold for each log; those of an earlier opening do not matter.
    ///
    /// This blocks the thread. It is quick, unless the server crashed or the file is large.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, read or written, another store uses it, or the file in it is
    /// damaged or of another program.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self, StoreError> {
        let directory = StoreDirectory::open(path.as_ref())?;
        let database = directory
            .open_database(now())
            .map_err(|failure| failure.into_store_error("the events cannot be opened"))?;
        let (requests, accepted) = channel();
        let (reads, jobs) = channel();
        let shared = Arc::new(DiskShared {
            limits,
            run: RandomState::new().hash_one(SystemTime::now()) | 1,
            database: RwLock::new(Some(database)),
            open_logs: OpenLogs::default(),
            requests,
            room: Arc::new(Semaphore::new(QUEUE_UNITS)),
            reads: Mutex::new(Some(reads)),
        });
        let (closed, is_closed) = channel();
        let owner = Self(Arc::new(StoreOwner {
            shared: Arc::clone(&shared),
            is_closed: Mutex::new(is_closed),
        }));
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..READERS {
            let (shared, jobs) = (Arc::clone(&shared), Arc::clone(&jobs));
            spawn("wsio-events-read", move || read::work(&shared, &jobs))?;
        }
        let committer = Committer::new(shared, directory, accepted, closed);
        spawn("wsio-events-write", move || committer.run())?;
        Ok(owner)
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    match thread {
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::new("a thread cannot be started").with_source(error)),
    }
}

impl EventStore for DiskStore {
    fn limits(&self) -> Limits {
        self.0.shared.limits
    }

    fn open(
        &self,
        name: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>> {
        DiskLog::open(Arc::clone(&self.0), name.clone(), tail).boxed()
    }
}

/// The handles to a store together. The last one closes it.
#[derive(Debug)]
struct StoreOwner {
    shared: Arc<DiskShared>,
    /// Disconnected when the committer has closed the database and released the directory.
    is_closed: Mutex<Receiver<()>>,
}

impl Drop for StoreOwner {
    fn drop(&mut self) {
        self.shared.room.close();
        let reads = self.shared.reads.lock();
        reads.unwrap_or_else(PoisonError::into_inner).take();
        if self.shared.requests.send(DiskRequest::Close).is_ok() {
            let is_closed = self.is_closed.get_mut();
            let is_closed = is_closed.unwrap_or_else(PoisonError::into_inner);
            // An error either way: there is nothing to receive.
            let _ = is_closed.recv_timeout(CLOSING);
        }
    }
}

/// The state of a store that its threads, its logs and their futures share.
#[derive(Debug)]
struct DiskShared {
    limits: Limits,
    /// A random number of this opening: an epoch belongs to one.
    run: u64,
    /// `None` after a failure, until it is opened again, and when the store is closed.
    database: RwLock<Option<OpenDatabase>>,
    open_logs: OpenLogs,
    requests: Sender<DiskRequest>,
    /// The room in the queue to the committer.
    room: Arc<Semaphore>,
    reads: Mutex<Option<Sender<ReadJob>>>,
}

impl DiskShared {
    /// Calls the database, which stays open meanwhile.
    fn with_database<T>(
        &self,
        call: impl FnOnce(&OpenDatabase) -> Result<T, DiskFailure>,
    ) -> Result<T, DiskFailure> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(DiskFailure::Unavailable)?;
        DiskFailure::guard(|| call(database))
    }

    fn take_database(&self) -> Option<OpenDatabase> {
        let database = self.database.write();
        database.unwrap_or_else(PoisonError::into_inner).take()
    }

    fn read_database<T>(
        &self,
        call: impl FnOnce(&Database) -> Result<T, DiskFailure>,
    ) -> Result<T, DiskFailure> {
        self.with_database(|open| call(&open.database))
    }
}

/// Returns the time in microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, micros)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{env, fs, time::Instant};

    use tokio::time::sleep;
    use wsio::sse::SseEvent;

    use super::*;
    use crate::EventLogs;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn d2_dropped_appends_give_their_room_back() {
        let path = env::temp_dir().join(format!("wsio-disk-room-{}", std::process::id()));
        let store = DiskStore::open(&path, Limits::new()).unwrap();
        let log = EventLogs::with_store(store.clone()).open("job").await;
        let log = log.unwrap();
        let large = "x".repeat(1 << 20);
        for round in 0..3 {
            let mut appends: Vec<_> = (0..40)
                .map(|_| log.append(SseEvent::new(&*large)).boxed())
                .collect();
            for append in &mut appends[round..] {
                assert!(append.now_or_never().is_none());
            }
            assert!(store.0.shared.room.available_permits() < QUEUE_UNITS);
        }
        let start = Instant::now();
        while store.0.shared.room.available_permits() < QUEUE_UNITS {
            assert!(start.elapsed() < Duration::from_secs(20));
            sleep(Duration::from_millis(5)).await;
        }
        drop((log, store));
        fs::remove_dir_all(path).unwrap();
    }
}
