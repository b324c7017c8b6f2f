//! Notices that nothing has been received for too long.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::backend::{Alarm as _, Timer};

/// A timer that is set once and, when it fires, set again for the time that is left: receiving
/// costs no more than noting the time.
#[derive(Debug)]
pub(crate) struct Idle {
    limit: Duration,
    timer: Timer,
}

impl Idle {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            timer: Timer::after(limit),
        }
    }

    /// Ready when it is time to look at how long the silence has lasted.
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx)
    }

    /// Waits for the rest of the limit; returns `false` if the silence has lasted for all of it.
    pub(crate) fn restart(&mut self, silence: Duration) -> bool {
        let left = self.limit.saturating_sub(silence);
        self.timer = Timer::after(left);
        !left.is_zero()
    }
}
