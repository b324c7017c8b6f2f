//! What is asked of the thread that writes, and its answers.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::failure::DiskFailure;
use crate::{AppendError, EventId, LogName, NewEvent, SourceClaim, SourceGrant, StoreError};

/// A request to the committer.
#[derive(Debug)]
pub(super) enum DiskRequest {
    Work {
        log: LogName,
        work: DiskWork,
        /// Held until the request has been dealt with.
        room: OwnedSemaphorePermit,
    },
    /// Do what was requested before, and close the database.
    Close,
}

/// What is to be done with a log.
#[derive(Debug)]
pub(super) enum DiskWork {
    Append {
        event: NewEvent,
        reply: oneshot::Sender<Result<EventId, AppendError>>,
    },
    Claim {
        claim: SourceClaim,
        reply: oneshot::Sender<Result<SourceGrant, StoreError>>,
    },
    Advance {
        claim: SourceClaim,
        seen: u64,
        reply: oneshot::Sender<Result<bool, StoreError>>,
    },
    Release {
        claim: SourceClaim,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
}

impl DiskWork {
    /// Answers a request. It does not matter if nobody waits for the answer any more.
    pub(super) fn answer(self, answer: DiskAnswer) {
        match (self, answer) {
            (Self::Append { reply, .. }, DiskAnswer::Id(id)) => drop(reply.send(Ok(id))),
            (Self::Claim { reply, .. }, DiskAnswer::Grant(grant)) => drop(reply.send(Ok(grant))),
            (Self::Advance { reply, .. }, DiskAnswer::GoOn(go_on)) => drop(reply.send(Ok(go_on))),
            (Self::Release { reply, .. }, DiskAnswer::Released) => drop(reply.send(Ok(()))),
            (work, DiskAnswer::Failed(failure)) => {
                let error = failure.into_store_error("the events cannot be written");
                work.refuse(&error, false);
            }
            (work, _) => work.refuse(&StoreError::new("the request was mistaken"), true),
        }
    }

    pub(super) fn refuse(self, error: &StoreError, is_uncertain: bool) {
        let error = error.clone();
        match self {
            Self::Append { reply, .. } if is_uncertain => {
                drop(reply.send(Err(AppendError::uncertain(error))));
            }
            Self::Append { reply, .. } => drop(reply.send(Err(AppendError::refused(error)))),
            Self::Claim { reply, .. } => drop(reply.send(Err(error))),
            Self::Advance { reply, .. } => drop(reply.send(Err(error))),
            // The claim is in memory.
            Self::Release { reply, .. } => drop(reply.send(Ok(()))),
        }
    }
}

/// The answer to a request, given when the batch is committed.
pub(super) enum DiskAnswer {
    Id(EventId),
    Grant(SourceGrant),
    GoOn(bool),
    Released,
    /// What concerns only this request. Nothing of it is written.
    Failed(DiskFailure),
}

/// The room in the queue: 16 MiB, or 4096 small requests.
pub(super) const QUEUE_UNITS: usize = 16 << 10;

/// Returns the room that a request takes in the queue.
pub(super) fn request_units(body: usize) -> u32 {
    let units = (body >> 10).saturating_add(4).min(QUEUE_UNITS);
    u32::try_from(units).unwrap_or(u32::MAX)
}
