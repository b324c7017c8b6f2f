//! tokio's clock, and timers that also fire where no tokio runtime is running.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_timer::Delay;
use tokio::{
    runtime::{Handle, Id},
    time::{Instant, Sleep, sleep_until},
};

use crate::backend::{Alarm, Clock};

/// A delay that stands for "never" where the clock cannot represent the deadline: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

#[derive(Debug, Clone, Copy)]
pub(crate) struct NativeInstant(Instant);

impl Clock for NativeInstant {
    fn now() -> Self {
        Self(Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A timer of the tokio runtime in which it is made, as long as that runtime polls it.
///
/// tokio's timers fire only while their own runtime is running, and panic when they are polled
/// after it has shut down. Outside of a runtime, in another one, and after the shutdown, a thread
/// of `futures-timer` keeps the time instead.
pub(crate) struct NativeTimer {
    deadline: Instant,
    sleep: Option<(Id, Pin<Box<Sleep>>)>,
    fallback: Option<Delay>,
}

impl Alarm for NativeTimer {
    fn after(delay: Duration) -> Self {
        let now = Instant::now();
        let deadline = now.checked_add(delay).unwrap_or_else(|| now + FAR);
        let sleep = Handle::try_current().ok().map(|runtime| {
            let mut sleep = Box::pin(sleep_until(deadline));
            // Registers it. From here on `is_elapsed` tells of the runtime's shutdown.
            sleep.as_mut().reset(deadline);
            (runtime.id(), sleep)
        });
        Self {
            deadline,
            sleep,
            fallback: None,
        }
    }
}

impl NativeTimer {
    /// Returns tokio's timer if its runtime is the current one and has not shut down.
    fn running(&mut self) -> Option<Pin<&mut Sleep>> {
        let (id, sleep) = self.sleep.as_mut()?;
        let current = Handle::try_current().ok()?;
        // A runtime that shuts down fires all of its timers.
        (current.id() == *id && !sleep.is_elapsed()).then_some(sleep.as_mut())
    }
}

impl Future for NativeTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = self.running() {
            return sleep.poll(cx);
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            let delay = self.fallback.get_or_insert_with(|| Delay::new(left));
            ready!(Pin::new(delay).poll(cx));
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for NativeTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NativeTimer")
    }
}
