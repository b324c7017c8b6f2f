//! The logs of a store that are open in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use crate::{EventId, LogName, LogTail, SourceClaim};

/// The open logs: where events are pushed to, and who has claimed their sources.
#[derive(Debug, Default)]
pub(super) struct OpenLogs(Mutex<OpenState>);

#[derive(Debug, Default)]
struct OpenState {
    logs: HashMap<LogName, OpenedState>,
    next_token: u64,
}

#[derive(Debug, Default)]
struct OpenedState {
    tails: Vec<(u64, LogTail)>,
    /// The place at which the log was opened, if it had never been used.
    empty: Option<EventId>,
    leases: HashMap<Arc<str>, SourceLease>,
}

#[derive(Debug)]
struct SourceLease {
    owner: u64,
    until: Instant,
    /// Whether a later connection waits for the source.
    wanted: bool,
}

impl OpenLogs {
    /// Adds a tail, to which events are pushed from now on.
    pub(super) fn add(&self, name: &LogName, tail: LogTail) -> u64 {
        let mut state = self.lock();
        let token = state.next_token;
        state.next_token += 1;
        let log = state.logs.entry(name.clone()).or_default();
        log.tails.push((token, tail));
        token
    }

    pub(super) fn remove(&self, name: &LogName, token: u64) {
        let mut state = self.lock();
        let Some(log) = state.logs.get_mut(name) else {
            return;
        };
        log.tails.retain(|(other, _)| *other != token);
        if log.tails.is_empty() {
            state.logs.remove(name);
        }
    }

    pub(super) fn is_open(&self, name: &LogName) -> bool {
        self.lock().logs.contains_key(name)
    }

    pub(super) fn tails(&self, name: &LogName) -> Vec<LogTail> {
        let state = self.lock();
        let tails = state.logs.get(name).map(|log| &log.tails[..]);
        let tails = tails.unwrap_or_default().iter();
        tails.map(|(_, tail)| tail.clone()).collect()
    }

    /// Returns the place at which an unused log was opened.
    pub(super) fn empty(&self, name: &LogName) -> Option<EventId> {
        self.lock().logs.get(name)?.empty
    }

    /// Sets the place at which an unused log is opened, unless it is open already; returns it.
    pub(super) fn set_empty(&self, name: &LogName, empty: EventId) -> EventId {
        let mut state = self.lock();
        let log = state.logs.get_mut(name);
        log.map_or(empty, |log| *log.empty.get_or_insert(empty))
    }

    /// Claims a source. Returns whether it is granted.
    pub(super) fn claim(&self, name: &LogName, claim: &SourceClaim, max: usize) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let Some(log) = state.logs.get_mut(name) else {
            return false;
        };
        if log.leases.len() > max {
            log.leases.retain(|_, lease| lease.until > now);
        }
        let lease = log.leases.get_mut(&claim.source);
        if let Some(lease) = lease
            && lease.owner != claim.owner
            && lease.until > now
        {
            lease.wanted = true;
            return false;
        }
        let lease = SourceLease {
            owner: claim.owner,
            until: now + SourceClaim::LEASE,
            wanted: false,
        };
        log.leases.insert(Arc::clone(&claim.source), lease);
        true
    }

    /// Renews a claim. Returns whether the connection may go on, or `None` if another one has the
    /// source.
    pub(super) fn renew(&self, name: &LogName, claim: &SourceClaim) -> Option<bool> {
        let mut state = self.lock();
        let leases = state.logs.get_mut(name).map(|log| &mut log.leases);
        let Some(lease) = leases.and_then(|leases| leases.get_mut(&claim.source)) else {
            return Some(false);
        };
        if lease.owner != claim.owner {
            return None;
        }
        lease.until = Instant::now() + SourceClaim::LEASE;
        Some(!lease.wanted)
    }

    pub(super) fn release(&self, name: &LogName, claim: &SourceClaim) {
        let mut state = self.lock();
        if let Some(log) = state.logs.get_mut(name)
            && log
                .leases
                .get(&claim.source)
                .is_some_and(|lease| lease.owner == claim.owner)
        {
            log.leases.remove(&claim.source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, OpenState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
