//! The places where events are kept: the seam between a log and its engine.

#[cfg(feature = "disk")]
mod disk;
mod memory;
mod sources;

use std::fmt;

use futures::future::BoxFuture;

#[cfg(feature = "disk")]
#[cfg_attr(docsrs, doc(cfg(feature = "disk")))]
pub use self::disk::DiskStore;
pub(crate) use self::memory::MemoryLog;
pub use self::{
    memory::MemoryStore,
    sources::{SourceClaim, SourceGrant, SourceTable},
};
use crate::{
    AppendError, EventId, Limits, LogName, LogTail, NewEvent, StoreError, StoredEvent, WindowLimits,
};

/// Keeps the events of any number of logs: [`MemoryStore`] by default, `DiskStore` with the feature
/// `disk`, or `RedisStore` of the crate `wsio-redis`.
///
/// A store numbers events, keeps them, returns those that are older than the window that a log has
/// in memory, and reports those that are appended, by whomever, in their order.
///
/// # Ids
///
/// Within a log ids grow ([`EventId`]). An event names its predecessor: by its number within an
/// epoch, explicitly for the first of an epoch ([`StoredEvent::new`]). A store begins a new epoch
/// whenever its history may be another than the one that was read before: memory at each start, disk
/// at each start, Redis whenever the server is another process. Subscribers at the predecessor go
/// on and notice nothing; all others are told that they lagged.
pub trait EventStore: Send + Sync + fmt::Debug + 'static {
    /// Returns the limits of each log.
    fn limits(&self) -> Limits;

    /// Opens a log, which may be one that has never been used.
    ///
    /// From then on every event after [`OpenedLog::newest`] is pushed to `tail`, once and in order,
    /// until the returned [`StoredLog`] is dropped.
    fn open(
        &self,
        name: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>>;
}

/// A log as [`EventStore::open`] found it.
#[derive(Debug)]
pub struct OpenedLog {
    /// The log.
    pub log: Box<dyn StoredLog>,
    /// The id of the newest event, or of the place before the first (number 0).
    pub newest: EventId,
    /// The newest events, oldest first, for the window in memory; may be empty.
    pub recent: Vec<StoredEvent>,
    /// How much the window holds.
    pub window: WindowLimits,
}

/// Some events of a log, oldest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// The events. They are empty only if none is kept after the place that was asked for.
    pub events: Vec<StoredEvent>,
    /// The id of the newest event of the log at that time, or of the place before the first.
    pub newest: EventId,
}

/// The most that [`StoredLog::page`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// The number of events.
    pub events: usize,
    /// The bytes of all events together; the first event is returned whatever its size.
    pub bytes: usize,
}

/// One log in a store.
///
/// The futures are spawned or dropped at any time; dropping the future of an append leaves it
/// undecided whether the event is appended.
pub trait StoredLog: Send + Sync + fmt::Debug + 'static {
    /// Appends an event, and returns its id when it is as safe as the store promises.
    ///
    /// If an event with the same [key](NewEvent::key) was appended within [`Limits::memory`], it
    /// returns the id of that one, and appends nothing. The store, not the caller, pushes the event
    /// to the tail of the log, before the future resolves.
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>>;

    /// Returns the oldest events that are kept whose id is larger than `after`. The caller looks
    /// whether they follow.
    fn page(
        &self,
        after: EventId,
        limits: PageLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>>;

    /// Claims a source of events from a client for one connection; see [`SourceTable`], which does
    /// this in memory.
    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>>;

    /// Records that the source has been handled up to and including the event `seen`, and renews the
    /// claim. Returns whether the connection may go on: `false` if another has claimed the source.
    /// The record is kept in either case, unless another connection already holds the source.
    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>>;

    /// Ends a claim, so that the next connection of the source does not have to wait.
    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>>;
}
