//! The browser's clock and timers.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use gloo_timers::future::TimeoutFuture;
use js_sys::{Date, Reflect};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use web_sys::Performance;

use crate::backend::{Alarm, Clock};

/// A time of the page's clock, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageInstant(f64);

impl Clock for PageInstant {
    /// Reads `performance.now()`, which exists in windows and workers and does not follow changes of
    /// the system's clock.
    fn now() -> Self {
        let performance = Reflect::get(&js_sys::global(), &"performance".into());
        let performance = performance.ok().and_then(|it| it.dyn_into().ok());
        Self(performance.map_or_else(Date::now, |it: Performance| it.now()))
    }

    fn elapsed(&self) -> Duration {
        let milliseconds = (Self::now().0 - self.0).max(0.0);
        Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
    }
}

/// A timer by `setTimeout`. In a background tab it may fire up to a minute late.
pub(crate) struct PageTimer {
    timeout: SendWrapper<TimeoutFuture>,
    /// The remaining delay after this timeout, which is limited to 2³¹ − 1 ms, some 24 days.
    rest: Duration,
}

impl Alarm for PageTimer {
    fn after(delay: Duration) -> Self {
        let longest = Duration::from_millis(i32::MAX as u64);
        let now = delay.min(longest);
        // Rounded up, because a timer must not fire early.
        let milliseconds = now.as_nanos().div_ceil(1_000_000);
        let milliseconds = u32::try_from(milliseconds).unwrap_or(i32::MAX as u32);
        Self {
            timeout: SendWrapper::new(TimeoutFuture::new(milliseconds.min(i32::MAX as u32))),
            rest: delay - now,
        }
    }
}

impl Future for PageTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut *self.timeout).poll(cx) {
                Poll::Ready(()) if self.rest.is_zero() => return Poll::Ready(()),
                Poll::Ready(()) => *self = Self::after(self.rest),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for PageTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageTimer")
    }
}
