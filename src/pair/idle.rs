//! Notices that nothing has been received for too long.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::backend::{Alarm as _, Clock as _, Moment, Timer};

/// A timer that is set once and, when it fires, set again for what is left: receiving costs no
/// more than noting the time.
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

    /// Ready when nothing was received for the whole limit.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, last_activity: Moment) -> Poll<()> {
        loop {
            ready!(Future::poll(Pin::new(&mut self.timer), cx));
            let left = self.limit.saturating_sub(last_activity.elapsed());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Timer::after(left);
        }
    }
}
