//! The places of sources of events from clients, in memory.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::Limits;

/// The claim of one connection on a source of events from a client.
///
/// A source belongs to one connection at a time. A connection renews its claim by each event that it
/// has handled, and while it handles one; it releases the source when it has been idle. When it is
/// lost without releasing the source, the claim expires after [`LEASE`](Self::LEASE).
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
///
/// It remembers a source for [`Limits::memory`] after its last use, and [`Limits::sources`] of them:
/// beyond that, the one that has been silent for longest is forgotten.
pub struct SourceTable {
    memory: Duration,
    max: usize,
    state: Mutex<SourceRecords>,
}

#[derive(Default)]
struct SourceRecords {
    by_id: HashMap<Arc<str>, SourceRecord>,
    /// The ids, by the number of their last use.
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
}

struct SourceRecord {
    seen: Option<u64>,
    owner: Option<(u64, Instant)>,
    /// Whether a later connection waits for the source.
    is_wanted: bool,
    used_at: Instant,
    /// The number of the last use.
    used: u64,
}

impl SourceTable {
    /// Creates an empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            memory: limits.memory,
            max: limits.sources.max(1),
            state: Mutex::default(),
        }
    }

    /// Claims a source for a connection; see [`StoredLog::claim_source`](crate::StoredLog::claim_source).
    #[must_use]
    pub fn claim(&self, claim: &SourceClaim) -> SourceGrant {
        self.claim_at(claim, Instant::now())
    }

    /// Records how far the source has been handled, and returns whether the connection may go on;
    /// see [`StoredLog::advance_source`](crate::StoredLog::advance_source).
    #[must_use]
    pub fn advance(&self, claim: &SourceClaim, seen: u64) -> bool {
        self.advance_at(claim, seen, Instant::now())
    }

    /// Ends a claim.
    pub fn release(&self, claim: &SourceClaim) {
        let mut state = self.lock();
        if let Some(record) = state.by_id.get_mut(&claim.source)
            && record.owner.is_some_and(|(owner, _)| owner == claim.owner)
        {
            record.owner = None;
            record.is_wanted = false;
        }
    }

    fn claim_at(&self, claim: &SourceClaim, now: Instant) -> SourceGrant {
        let mut state = self.lock();
        let record = state.touch(&claim.source, now);
        let is_held = record
            .owner
            .is_some_and(|(owner, until)| owner != claim.owner && until > now);
        let grant = if is_held {
            record.is_wanted = true;
            SourceGrant::Held
        } else {
            record.owner = Some((claim.owner, now + SourceClaim::LEASE));
            record.is_wanted = false;
            SourceGrant::Granted(record.seen)
        };
        state.forget(self.max, self.memory, now);
        grant
    }

    fn advance_at(&self, claim: &SourceClaim, seen: u64, now: Instant) -> bool {
        let mut state = self.lock();
        // A source that was forgotten meanwhile is nobody else's.
        let record = state.touch(&claim.source, now);
        if record.owner.is_some_and(|(owner, _)| owner != claim.owner) {
            return false;
        }
        record.seen = record.seen.max(Some(seen));
        record.owner = Some((claim.owner, now + SourceClaim::LEASE));
        let may_go_on = !record.is_wanted;
        state.forget(self.max, self.memory, now);
        may_go_on
    }

    fn lock(&self) -> MutexGuard<'_, SourceRecords> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceRecords {
    /// Returns the record of a source, a new one if there is none, as the last one used.
    fn touch(&mut self, source: &Arc<str>, now: Instant) -> &mut SourceRecord {
        self.uses += 1;
        let record = self
            .by_id
            .entry(Arc::clone(source))
            .or_insert_with(|| SourceRecord {
                seen: None,
                owner: None,
                is_wanted: false,
                used_at: now,
                used: 0,
            });
        self.by_use.remove(&record.used);
        self.by_use.insert(self.uses, Arc::clone(source));
        record.used = self.uses;
        record.used_at = now;
        record
    }

    /// Forgets what is too old, or too much.
    fn forget(&mut self, max: usize, memory: Duration, now: Instant) {
        while let Some(oldest) = self.by_use.first_entry() {
            let record = self.by_id.get(oldest.get());
            let age = record.map(|it| now.saturating_duration_since(it.used_at));
            if self.by_id.len() <= max && age.is_some_and(|age| age <= memory) {
                return;
            }
            self.by_id.remove(&oldest.remove());
        }
    }
}

impl fmt::Debug for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTable")
            .field("sources", &self.lock().by_id.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(600);

    fn table() -> SourceTable {
        SourceTable::new(Limits::new().memory(MEMORY).sources(3))
    }

    fn claim(source: &str, owner: u64) -> SourceClaim {
        let source = source.into();
        SourceClaim { source, owner }
    }

    fn known(table: &SourceTable) -> usize {
        let state = table.lock();
        assert_eq!(state.by_id.len(), state.by_use.len());
        state.by_id.len()
    }

    #[test]
    fn r8_a_source_belongs_to_one_connection_at_a_time() {
        let (table, now) = (table(), Instant::now());
        let (old, new) = (claim("a", 1), claim("a", 2));
        assert_eq!(table.claim_at(&old, now), SourceGrant::Granted(None));
        assert_eq!(table.claim_at(&old, now), SourceGrant::Granted(None));
        assert!(table.advance_at(&old, 5, now));
        assert_eq!(table.claim_at(&new, now), SourceGrant::Held);
        assert!(!table.advance_at(&new, 9, now));
        // The old connection is to stop. What it has handled counts.
        assert!(!table.advance_at(&old, 6, now));
        assert_eq!(table.claim_at(&new, now), SourceGrant::Held);
        table.release(&new);
        assert_eq!(table.claim_at(&new, now), SourceGrant::Held);
        table.release(&old);
        assert_eq!(table.claim_at(&new, now), SourceGrant::Granted(Some(6)));
        // And what it still says does not.
        assert!(!table.advance_at(&old, 7, now));
        table.release(&old);
        assert!(table.advance_at(&new, 6, now));
        assert_eq!(table.claim_at(&new, now), SourceGrant::Granted(Some(6)));
    }

    #[test]
    fn r8_the_claim_of_a_lost_connection_expires() {
        let (table, begun) = (table(), Instant::now());
        let (old, new) = (claim("a", 1), claim("a", 2));
        assert_eq!(table.claim_at(&old, begun), SourceGrant::Granted(None));
        let renewed = begun + Duration::from_secs(2);
        assert!(table.advance_at(&old, 5, renewed));
        let expired = renewed + SourceClaim::LEASE;
        let before = expired - Duration::from_millis(1);
        assert_eq!(table.claim_at(&new, before), SourceGrant::Held);
        assert_eq!(table.claim_at(&new, expired), SourceGrant::Granted(Some(5)));
        assert!(!table.advance_at(&old, 6, expired));
    }

    #[test]
    fn r8_the_place_of_a_source_never_moves_back() {
        let (table, now) = (table(), Instant::now());
        let claim = claim("a", 1);
        assert!(table.advance_at(&claim, u64::MAX, now));
        assert!(table.advance_at(&claim, 1, now));
        let granted = SourceGrant::Granted(Some(u64::MAX));
        assert_eq!(table.claim_at(&claim, now), granted);
    }

    #[test]
    fn r8_sources_are_bounded_and_the_silent_one_is_forgotten() {
        let (table, now) = (table(), Instant::now());
        for (number, source) in ["a", "b", "c"].into_iter().enumerate() {
            assert!(table.advance_at(&claim(source, 1), number as u64, now));
        }
        // One that says something is not silent.
        assert!(table.advance_at(&claim("a", 1), 7, now));
        assert!(table.advance_at(&claim("d", 1), 8, now));
        assert_eq!(known(&table), 3);
        let seen = |source| table.claim_at(&claim(source, 1), now);
        assert_eq!(seen("a"), SourceGrant::Granted(Some(7)));
        assert_eq!(seen("c"), SourceGrant::Granted(Some(2)));
        assert_eq!(seen("d"), SourceGrant::Granted(Some(8)));
        assert_eq!(seen("b"), SourceGrant::Granted(None));
        for number in 0..1000 {
            let _ = table.claim_at(&claim(&number.to_string(), 1), now);
        }
        assert_eq!(known(&table), 3);
        // A connection whose source was forgotten goes on.
        assert!(table.advance_at(&claim("a", 1), 9, now));
        assert_eq!(seen("a"), SourceGrant::Granted(Some(9)));
    }

    #[test]
    fn r8_sources_are_forgotten_after_a_time() {
        let (table, begun) = (table(), Instant::now());
        assert!(table.advance_at(&claim("a", 1), 1, begun));
        let later = begun + MEMORY;
        assert!(table.advance_at(&claim("b", 1), 2, later));
        assert_eq!(known(&table), 2);
        let after = later + Duration::from_millis(1);
        assert!(table.advance_at(&claim("c", 1), 3, after));
        assert_eq!(known(&table), 2);
        let granted = table.claim_at(&claim("a", 1), after);
        assert_eq!(granted, SourceGrant::Granted(None));
    }

    #[test]
    fn r8_limits_of_nothing_keep_the_source_in_use() {
        let table = SourceTable::new(Limits::new().memory(Duration::ZERO).sources(0));
        let now = Instant::now();
        assert!(table.advance_at(&claim("a", 1), 1, now));
        assert_eq!(known(&table), 1);
    }
}
