//! The delays between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::backend;

/// The options of reconnecting: the number of retries, and the delays between them.
///
/// The delays grow exponentially: before the *n*-th retry in a row the source waits
/// `delay` · `backoff_factor`ⁿ⁻¹, at most `delay_max`. Jitter adds a random part of up to the same
/// length, within `delay_max`, so that the clients of a restarted server do not all reconnect at
/// once. After a connection that stayed open for `reset_after`, the counting starts again. One that
/// ends sooner counts as a failure, so that a server that accepts and closes at once is not flooded
/// with attempts.
///
/// A `retry` field of the stream replaces `delay` from then on (WHATWG HTML § 9.2.6). A
/// `Retry-After` lengthens one delay only (RFC 9110 § 10.2.3), whether it is a header or in the
/// [reason](super::WsConnector#refusals) of a Close frame. Both are clamped to between `delay_min`
/// and `delay_max`.
///
/// ```
/// use std::time::Duration;
/// use wsio::sse::Reconnect;
///
/// let patient = Reconnect::new()
///     .delay(Duration::from_secs(5))
///     .delay_max(Duration::from_secs(600))
///     .max_retries(100);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Reconnect {
    delay: Duration,
    factor: f32,
    delay_min: Duration,
    delay_max: Duration,
    jitter: bool,
    max_retries: Option<usize>,
    reset_after: Duration,
    retry_initial: bool,
}

impl Reconnect {
    /// Returns the defaults, which each method names.
    pub fn new() -> Self {
        Self {
            delay: Duration::from_secs(1),
            factor: 2.0,
            delay_min: Duration::from_millis(100),
            delay_max: Duration::from_secs(60),
            jitter: true,
            max_retries: None,
            reset_after: Duration::from_secs(10),
            retry_initial: true,
        }
    }

    /// Returns options that never reconnect: the first error is final.
    pub fn never() -> Self {
        Self::new().max_retries(0)
    }

    /// Sets the delay before the first retry, unless the server asks for another. The default is
    /// 1 second; less than a millisecond counts as one.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the factor between one delay and the next. The default is 2; less than 1 counts as 1.
    pub fn backoff_factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    /// Sets the shortest delay that the server can ask for. The default is 100 milliseconds.
    pub fn delay_min(mut self, delay: Duration) -> Self {
        self.delay_min = delay;
        self
    }

    /// Sets the longest delay, regardless of what the server asks for. The default is 60 seconds; more than a
    /// year counts as one.
    pub fn delay_max(mut self, delay: Duration) -> Self {
        self.delay_max = delay;
        self
    }

    /// Sets whether a random part is added to the delays. The default is true.
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets the limit of retries in a row, without a good connection in between. The default is
    /// `None`, no limit.
    pub fn max_retries(mut self, retries: impl Into<Option<usize>>) -> Self {
        self.max_retries = retries.into();
        self
    }

    /// Sets how long a connection has to be open to count as good. The default is 10 seconds.
    pub fn reset_after(mut self, time: Duration) -> Self {
        self.reset_after = time;
        self
    }

    /// Sets whether the source retries after a failure of the very first attempt. The default is
    /// true, as in browsers.
    pub fn retry_initial(mut self, retry: bool) -> Self {
        self.retry_initial = retry;
        self
    }

    fn cap(&self) -> Duration {
        self.delay_max.clamp(SHORTEST, LONGEST)
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}

/// The shortest delay of all, so that nothing spins.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The delays of one event source.
#[derive(Debug)]
pub(super) struct RetryDelays {
    options: Reconnect,
    /// The delay of the options, or the one that the server asked for.
    base: Duration,
    retries: usize,
    delays: <ExponentialBuilder as BackoffBuilder>::Backoff,
}

impl RetryDelays {
    pub(super) fn new(options: Reconnect) -> Self {
        let base = options.delay;
        Self {
            delays: delays(&options, base),
            options,
            base,
            retries: 0,
        }
    }

    /// Returns how many retries have been made in a row.
    pub(super) fn retries(&self) -> usize {
        self.retries
    }

    /// Returns the delay before the next retry, at least the one that the server asked for. `None`
    /// if no retries are left.
    pub(super) fn next(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        if self
            .options
            .max_retries
            .is_some_and(|max| self.retries >= max)
        {
            return None;
        }
        self.retries = self.retries.saturating_add(1);
        let delay = self.delays.next().unwrap_or_else(|| self.options.cap());
        let asked = retry_after.map_or(Duration::ZERO, |it| self.clamp(it));
        // A factor in single precision may round to a little less than the base.
        Some(delay.max(self.base).max(asked).min(self.options.cap()))
    }

    /// Notes how long a connection was open.
    pub(super) fn connected_for(&mut self, time: Duration) {
        if time >= self.options.reset_after {
            self.retries = 0;
            self.delays = delays(&self.options, self.base);
        }
    }

    pub(super) fn retries_initial(&self) -> bool {
        self.options.retry_initial
    }

    /// Sets the delay of the server's `retry` field. It changes the first delay and not the number
    /// of retries: otherwise a server that sends the field and closes would be flooded.
    pub(super) fn set_base(&mut self, delay: Duration) {
        let base = self.clamp(delay);
        if base == self.base {
            return;
        }
        self.base = base;
        self.delays = delays(&self.options, base);
        for _ in 0..self.retries.min(STEPS) {
            self.delays.next();
        }
    }

    /// Clamps a delay to the range that the server can ask for.
    fn clamp(&self, delay: Duration) -> Duration {
        delay.max(self.options.delay_min).min(self.options.cap())
    }
}

/// More steps than any sensible factor takes from the shortest delay to the longest.
const STEPS: usize = 1000;

/// Jitter is added to the delays: to stay within the cap, their maximum is half of it, unless the
/// server asks for more.
fn delays(options: &Reconnect, base: Duration) -> <ExponentialBuilder as BackoffBuilder>::Backoff {
    let cap = options.cap();
    let base = base.max(SHORTEST).min(cap);
    let factor = if options.factor > 1.0 {
        options.factor
    } else {
        1.0
    };
    let builder = ExponentialBuilder::new()
        .with_factor(factor)
        .with_min_delay(base)
        .without_max_times();
    if options.jitter {
        builder
            .with_max_delay(base.max(cap / 2))
            .with_jitter()
            .with_jitter_seed(backend::random_seed())
            .build()
    } else {
        builder.with_max_delay(cap).build()
    }
}
