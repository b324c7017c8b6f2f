//! tokio's clock.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, Sleep},
};

use crate::backend::{Alarm, Clock};

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

/// A timer of the tokio runtime that is current when it is made. Where there is none, as when a
/// connection is closed from a plain thread, time does not pass: a library must not panic for it.
pub(crate) struct NativeTimer(Option<Pin<Box<Sleep>>>);

impl Alarm for NativeTimer {
    fn after(delay: Duration) -> Self {
        let in_runtime = Handle::try_current().is_ok();
        Self(in_runtime.then(|| Box::pin(tokio::time::sleep(delay))))
    }
}

impl Future for NativeTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for NativeTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NativeTimer")
    }
}

/// Returns a number that differs from call to call.
#[cfg(feature = "event-source")]
pub(crate) fn random_seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};

    RandomState::new().build_hasher().finish()
}
