//! The handle of an event source.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::Wake,
};

use futures::task::AtomicWaker;

use super::SourceState;

/// A cloneable handle to an [`EventSource`](super::EventSource). Use it to close the source from
/// another task, or to query its state.
///
/// Cloning is cheap. Dropping a handle has no effect on the source.
#[derive(Debug, Clone)]
pub struct SourceHandle {
    shared: Arc<SharedSourceState>,
}

impl SourceHandle {
    pub(super) fn new(shared: Arc<SharedSourceState>) -> Self {
        Self { shared }
    }

    /// Closes the event source: its stream ends, and sending fails. This wakes the task that polls
    /// the source; the connection is closed when the source is polled or dropped.
    pub fn close(&self) {
        self.shared.set(SourceState::Closed);
        self.shared.reader.wake();
        self.shared.sender.wake();
    }

    /// Returns the state of the event source. A dropped source is closed.
    #[must_use]
    pub fn ready_state(&self) -> SourceState {
        self.shared.state()
    }
}

const CONNECTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// The state that an event source shares with its handles. It begins as connecting.
#[derive(Debug, Default)]
pub(super) struct SharedSourceState {
    state: AtomicU8,
    /// Wakes the task that polls the stream.
    pub(super) reader: AtomicWaker,
    /// Wakes the task that sends.
    pub(super) sender: AtomicWaker,
}

impl SharedSourceState {
    pub(super) fn state(&self) -> SourceState {
        match self.state.load(Ordering::Acquire) {
            CONNECTING => SourceState::Connecting,
            OPEN => SourceState::Open,
            _ => SourceState::Closed,
        }
    }

    /// Changes the state, unless it is closed.
    pub(super) fn set(&self, state: SourceState) {
        let state = match state {
            SourceState::Connecting => CONNECTING,
            SourceState::Open => OPEN,
            SourceState::Closed => CLOSED,
        };
        let change = |before| (before != CLOSED).then_some(state);
        // It does not matter if the source was closed already.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state() == SourceState::Closed
    }
}

/// Wakes both tasks, for what either of them may drive.
impl Wake for SharedSourceState {
    fn wake(self: Arc<Self>) {
        self.reader.wake();
        self.sender.wake();
    }
}
