//! The places of sources of events from clients, in memory.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::Limits;

/// The claim of one connection on a source of events from a client.
///
/// A source belongs to one connection at a time. A connection renews its claim by each event that it
/// has handled, and while it is idle; when it is lost without releasing the source, the claim
/// expires after [`LEASE`](Self::LEASE).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceClaim {
    /// The id of the source, which the client has chosen at random.
    pub source: Arc<str>,
    /// The connection: a random number.
    pub owner: u64,
}

impl SourceClaim {
    /// The time after which a claim that is not renewed expires.
    pub const LEASE: Duration = Duration::from_secs(3);
}

/// The answer to a [`SourceClaim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceGrant {
    /// The connection has the source, which has been handled up to and including the event of this
    /// number; `None` if the log does not know the source.
    Granted(Option<u64>),
    /// Another connection has it. It is told to stop at its next event or renewal; ask again.
    Held,
}

/// The places of the sources of one log in memory, with claims. A store that serves one process
/// uses it.
pub struct SourceTable {
    limits: Limits,
    sources: Mutex<HashMap<Arc<str>, SourceRecord>>,
}

struct SourceRecord {
    seen: Option<u64>,
    owner: Option<(u64, Instant)>,
    /// Whether a later connection waits for the source.
    wanted: bool,
    used: Instant,
}

impl SourceTable {
    /// Creates an empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            sources: Mutex::default(),
        }
    }

    /// Claims a source for a connection.
    #[must_use]
    pub fn claim(&self, claim: &SourceClaim) -> SourceGrant {
        let now = Instant::now();
        let mut sources = self.lock();
        let record = sources
            .entry(Arc::clone(&claim.source))
            .or_insert(SourceRecord {
                seen: None,
                owner: None,
                wanted: false,
                used: now,
            });
        record.used = now;
        let is_held = record
            .owner
            .is_some_and(|(owner, until)| owner != claim.owner && until > now);
        if is_held {
            record.wanted = true;
            return SourceGrant::Held;
        }
        record.owner = Some((claim.owner, now + SourceClaim::LEASE));
        record.wanted = false;
        SourceGrant::Granted(record.seen)
    }

    /// Records how far the source has been handled; returns whether the connection may go on.
    #[must_use]
    pub fn advance(&self, claim: &SourceClaim, seen: u64) -> bool {
        let now = Instant::now();
        let mut sources = self.lock();
        let Some(record) = sources.get_mut(&claim.source) else {
            return false;
        };
        if record.owner.is_none_or(|(owner, _)| owner != claim.owner) {
            return false;
        }
        record.seen = record.seen.max(Some(seen));
        record.owner = Some((claim.owner, now + SourceClaim::LEASE));
        record.used = now;
        !record.wanted
    }

    /// Ends a claim.
    pub fn release(&self, claim: &SourceClaim) {
        let mut sources = self.lock();
        if let Some(record) = sources.get_mut(&claim.source)
            && record.owner.is_some_and(|(owner, _)| owner == claim.owner)
        {
            record.owner = None;
            record.wanted = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, SourceRecord>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTable")
            .field("sources", &self.lock().len())
            .finish_non_exhaustive()
    }
}
