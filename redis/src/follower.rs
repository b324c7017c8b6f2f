//! One open log, and whether it has all events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use wsio_events::{EventId, LogTail, Page, PendingWakes};

use crate::{keys::LogKeys, reply::TailMessage};

/// An open log. Messages push events to it; what they leave out is read.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) keys: Arc<LogKeys>,
    pub(crate) tail: LogTail,
    readings: mpsc::UnboundedSender<Arc<Follower>>,
    state: Mutex<FollowState>,
}

#[derive(Debug, Default)]
struct FollowState {
    /// The newest event when the log was opened; `None` while it is being opened.
    opened: Option<EventId>,
    /// Events are missing, or may be.
    is_behind: bool,
    /// The missing events are being read, or are about to be.
    is_reading: bool,
    is_closed: bool,
}

impl Follower {
    pub(crate) fn new(
        keys: Arc<LogKeys>,
        tail: LogTail,
        readings: mpsc::UnboundedSender<Arc<Self>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            keys,
            tail,
            readings,
            state: Mutex::default(),
        })
    }

    /// Takes what a message brings.
    pub(crate) fn receive(self: &Arc<Self>, message: &TailMessage) -> PendingWakes {
        let mut state = self.lock();
        // A log that is being opened takes everything; so it gets nothing behind a gap.
        let is_in_order = state.opened.is_some() || !state.is_behind;
        if let TailMessage::Event(event) = message
            && is_in_order
            && let Ok(wakes) = self.tail.push([event.clone()])
        {
            return wakes;
        }
        self.fall_behind(&mut state);
        PendingWakes::default()
    }

    /// Reports that events may be missing.
    pub(crate) fn miss(self: &Arc<Self>) {
        self.fall_behind(&mut self.lock());
    }

    fn fall_behind(self: &Arc<Self>, state: &mut FollowState) {
        state.is_behind = true;
        if state.opened.is_some() && !state.is_reading && !state.is_closed {
            state.is_reading = true;
            // Without a reader there is nobody to read for.
            let _ = self.readings.send(Arc::clone(self));
        }
    }

    /// Reports that the log is open, up to this event.
    pub(crate) fn open(self: &Arc<Self>, newest: EventId) {
        let mut state = self.lock();
        state.opened = Some(newest);
        if state.is_behind {
            self.fall_behind(&mut state);
        }
    }

    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Begins to read what is missing, if anything; ends the reading if nothing is.
    pub(crate) fn begin_reading(&self) -> bool {
        let mut state = self.lock();
        state.is_reading = state.is_behind && !state.is_closed;
        state.is_behind = false;
        state.is_reading
    }

    /// Returns the id after which to read; `None` for a log that is not open.
    pub(crate) fn newest(&self) -> Option<EventId> {
        let state = self.lock();
        let opened = state.opened.filter(|_| !state.is_closed)?;
        Some(opened.max(self.tail.newest()))
    }

    /// Takes a page that was read after this id; returns whether there may be more.
    pub(crate) fn take(&self, after: EventId, page: Page) -> bool {
        if page.events.is_empty() {
            return false;
        }
        match self.tail.push(page.events.clone()) {
            Ok(wakes) => drop(wakes),
            // Redis has nothing that follows, or something else.
            Err(gap) if gap.newest() == after => drop(self.tail.push_after_gap(page.events)),
            // Others have pushed meanwhile.
            Err(_) => {}
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, FollowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
