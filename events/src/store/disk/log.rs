//! One log of a store on disk.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    task::unconstrained,
};

use super::{
    DiskShared, StoreOwner,
    read::{LogSnapshot, read_page},
    request::{DiskRequest, DiskWork, request_units},
};
use crate::{
    AppendError, EventId, LogName, LogTail, NewEvent, OpenedLog, Page, PageLimits, SourceClaim,
    SourceGrant, StoreError, StoredLog, WindowLimits,
};

/// The most that a log has in memory.
const WINDOW: WindowLimits = WindowLimits {
    events: 1024,
    bytes: 1 << 20,
};

/// An open log. Events are pushed to its tail until it is dropped.
#[derive(Debug)]
pub(super) struct DiskLog {
    owner: Arc<StoreOwner>,
    name: LogName,
    token: u64,
}

impl DiskLog {
    pub(super) async fn open(
        owner: Arc<StoreOwner>,
        name: LogName,
        tail: LogTail,
    ) -> Result<OpenedLog, StoreError> {
        let shared = Arc::clone(&owner.shared);
        let limits = shared.limits;
        // Before reading: what the snapshot does not hold is pushed.
        let token = shared.open_logs.add(&name, tail);
        let log = Self { owner, name, token };
        let name = log.name.clone();
        let read = move |shared: &DiskShared| {
            shared.read_database(|database| LogSnapshot::read(database, &name, &limits))
        };
        let snapshot = Arc::clone(&shared).read(read).await?;
        let newest = if snapshot.is_used {
            snapshot.newest
        } else {
            shared.open_logs.set_empty(&log.name, snapshot.newest)
        };
        Ok(OpenedLog {
            log: Box::new(log),
            newest,
            recent: snapshot.recent,
            window: WindowLimits {
                events: WINDOW.events.min(limits.events),
                bytes: WINDOW.bytes.min(limits.bytes),
            },
        })
    }

    fn shared(&self) -> Arc<DiskShared> {
        Arc::clone(&self.owner.shared)
    }
}

impl StoredLog for DiskLog {
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>> {
        let (shared, name) = (self.shared(), self.name.clone());
        async move {
            let refused = || AppendError::refused(closed());
            let units = request_units(event.body().len());
            let room = room(&shared, units).await.ok_or_else(refused)?;
            let (reply, replied) = oneshot::channel();
            let work = DiskWork::Append { event, reply };
            send(&shared, name, work, room).ok_or_else(refused)?;
            drop(shared);
            let lost = |_| AppendError::uncertain(closed());
            replied.await.map_err(lost)?
        }
        .boxed()
    }

    fn page(
        &self,
        after: EventId,
        limits: PageLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>> {
        let name = self.name.clone();
        let read = move |shared: &DiskShared| {
            let empty = shared.open_logs.empty(&name);
            shared.read_database(|database| {
                read_page(database, &name, &shared.limits, empty, after, limits)
            })
        };
        self.shared().read(read).boxed()
    }

    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>> {
        let (shared, name) = (self.shared(), self.name.clone());
        request(shared, name, |reply| DiskWork::Claim { claim, reply }).boxed()
    }

    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        let (shared, name) = (self.shared(), self.name.clone());
        request(shared, name, move |reply| DiskWork::Advance {
            claim,
            seen,
            reply,
        })
        .boxed()
    }

    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>> {
        let (shared, name) = (self.shared(), self.name.clone());
        request(shared, name, |reply| DiskWork::Release { claim, reply }).boxed()
    }
}

impl Drop for DiskLog {
    fn drop(&mut self) {
        self.owner.shared.open_logs.remove(&self.name, self.token);
    }
}

/// Hands a request to the committer, and waits for its answer.
async fn request<T>(
    shared: Arc<DiskShared>,
    name: LogName,
    work: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> DiskWork,
) -> Result<T, StoreError> {
    let room = room(&shared, request_units(0)).await.ok_or_else(closed)?;
    let (reply, replied) = oneshot::channel();
    send(&shared, name, work(reply), room).ok_or_else(closed)?;
    drop(shared);
    replied.await.map_err(|_| closed())?
}

/// Waits for room in the queue; `None` if the store is closed.
///
/// Appends that are polled one after the other are appended in that order, also by one task that
/// polls many: the runtime's budget for a task would shuffle them.
async fn room(shared: &DiskShared, units: u32) -> Option<OwnedSemaphorePermit> {
    let room = Arc::clone(&shared.room).acquire_many_owned(units);
    unconstrained(room).await.ok()
}

fn send(
    shared: &DiskShared,
    log: LogName,
    work: DiskWork,
    room: OwnedSemaphorePermit,
) -> Option<()> {
    let request = DiskRequest::Work { log, work, room };
    shared.requests.send(request).ok()
}

fn closed() -> StoreError {
    StoreError::new("the store is closed")
}
