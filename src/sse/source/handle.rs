//! The handle of an event source.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use futures::task::AtomicWaker;

use super::SourceState;

/// A handle to an [`EventSource`](super::EventSource): closes it, also from another task, and
/// tells where it is in its life.
///
/// Cheap to clone; dropping it does nothing.
#[derive(Debug, Clone)]
pub struct SourceHandle {
    shared: Arc<Shared>,
}

impl SourceHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Ends the event source: its stream gives `None`, for ever, and sending fails. The connection
    /// is closed when the source is next polled, which this causes, or dropped.
    pub fn close(&self) {
        self.shared.set(SourceState::Closed);
        self.shared.reader.wake();
        self.shared.sender.wake();
    }

    /// Where the event source is in its life. It is closed once it was dropped.
    #[must_use]
    pub fn ready_state(&self) -> SourceState {
        self.shared.state()
    }
}

const CONNECTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// What an event source and its handles have in common. It begins as connecting.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: AtomicU8,
    /// Of the task that polls the stream.
    pub(super) reader: AtomicWaker,
    /// Of the task that sends.
    pub(super) sender: AtomicWaker,
}

impl Shared {
    pub(super) fn state(&self) -> SourceState {
        match self.state.load(Ordering::Acquire) {
            CONNECTING => SourceState::Connecting,
            OPEN => SourceState::Open,
            _ => SourceState::Closed,
        }
    }

    /// Closed is for ever.
    pub(super) fn set(&self, state: SourceState) {
        let state = match state {
            SourceState::Connecting => CONNECTING,
            SourceState::Open => OPEN,
            SourceState::Closed => CLOSED,
        };
        let change = |before| (before != CLOSED).then_some(state);
        // That it was closed already is no failure.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state() == SourceState::Closed
    }
}
