//! Asks a silent peer whether it is still there.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use super::{NativeInstant, NativeTimer};
use crate::backend::{Alarm as _, Clock as _};

/// A Ping after every interval of silence, and a limit on the time until anything at all is
/// received after it. Traffic is as good as a Pong, and keeps Pings away.
#[derive(Debug)]
pub(super) struct Keepalive {
    interval: Duration,
    timeout: Duration,
    timer: NativeTimer,
    /// The time of the Ping that has not been followed by anything yet.
    asked: Option<NativeInstant>,
}

/// The verdict of the clock.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Dead,
}

impl Keepalive {
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        Self {
            interval,
            timeout,
            timer: NativeTimer::after(interval),
            asked: None,
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        last_activity: NativeInstant,
    ) -> Poll<Beat> {
        loop {
            ready!(Future::poll(Pin::new(&mut self.timer), cx));
            let silence = last_activity.elapsed();
            // Something was received since the Ping if it is no further away than the Ping: with
            // a coarse clock an answer can come at the same instant.
            match self.asked {
                Some(asked) if silence > asked.elapsed() => return Poll::Ready(Beat::Dead),
                _ => self.asked = None,
            }
            let left = self.interval.saturating_sub(silence);
            if left.is_zero() {
                self.asked = Some(NativeInstant::now());
                self.timer = NativeTimer::after(self.timeout);
                return Poll::Ready(Beat::Ping);
            }
            self.timer = NativeTimer::after(left);
        }
    }
}
