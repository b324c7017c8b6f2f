//! The clock of the silence since the last chunk.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

/// The time until a comment is due.
///
/// The timer is not reset for each chunk: when it fires, it looks when the last one was, and goes on.
/// Neither is it polled again before that, unless by another task.
pub(super) struct Heartbeat {
    interval: Duration,
    /// The time of the last chunk; `None` if it has not been looked at since.
    quiet_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// The waker that the timer has.
    waker: Waker,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            quiet_since: None,
            timer: Box::pin(sleep(interval)),
            waker: Waker::noop().clone(),
        }
    }

    /// Notes that there is a chunk.
    pub(super) fn put_off(&mut self) {
        self.quiet_since = None;
    }

    /// Ready when nothing has been yielded for the interval.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let since = *self.quiet_since.get_or_insert(now);
        if now < self.timer.deadline() && self.waker.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        self.waker.clone_from(cx.waker());
        loop {
            ready!(self.timer.as_mut().poll(cx));
            // A time too far off for the clock never comes.
            let Some(due) = since.checked_add(self.interval) else {
                return Poll::Pending;
            };
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}
