//! When to connect again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::backend;

/// How often and after what delays an event source connects again.
///
/// The delays grow exponentially: before the *n*-th retry in a row it waits
/// `delay` · `backoff_factor`ⁿ⁻¹, at most `delay_max`. With jitter a random part is added, up to as
/// much again, which never exceeds `delay_max` either, so that the clients of a server that
/// restarts do not all come back at once. A connection that stayed open for `reset_after` was a
/// good one: after it the counting starts anew. What ends sooner counts as a failure, so that a
/// server that accepts and closes at once is not hammered.
///
/// A `retry` field of the stream takes the place of `delay` from then on (WHATWG HTML § 9.2.6), and a
/// `Retry-After` header lengthens the one delay it is about (RFC 9110 § 10.2.3); both are kept
/// between `delay_min` and `delay_max`.
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
    /// With the defaults that each method names.
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

    /// No reconnecting at all: the first error is final.
    pub fn never() -> Self {
        Self::new().max_retries(0)
    }

    /// The delay before the first retry, unless the server names one. The default is 1 second;
    /// less than a millisecond counts as one.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// By how much each delay is longer than the one before. The default is 2; what is less than
    /// 1 counts as 1.
    pub fn backoff_factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    /// The shortest delay that the server can ask for. The default is 100 milliseconds.
    pub fn delay_min(mut self, delay: Duration) -> Self {
        self.delay_min = delay;
        self
    }

    /// The longest delay, whatever the server asks for. The default is 60 seconds; more than a
    /// year counts as one.
    pub fn delay_max(mut self, delay: Duration) -> Self {
        self.delay_max = delay;
        self
    }

    /// Whether a random part is added to the delays. The default is that it is.
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many retries in a row are made, without a good connection in between, until the source
    /// gives up; `None`, the default, for no limit.
    pub fn max_retries(mut self, retries: impl Into<Option<usize>>) -> Self {
        self.max_retries = retries.into();
        self
    }

    /// How long a connection has to be open to be a good one. The default is 10 seconds.
    pub fn reset_after(mut self, time: Duration) -> Self {
        self.reset_after = time;
        self
    }

    /// Whether attempts go on when the very first one fails. The default is that they do, as in
    /// browsers.
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

/// No delay is shorter: nothing spins.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The delays of one event source.
#[derive(Debug)]
pub(super) struct Backoff {
    options: Reconnect,
    /// What the server said takes the place of `options.delay`.
    base: Duration,
    retries: usize,
    delays: <ExponentialBuilder as BackoffBuilder>::Backoff,
}

impl Backoff {
    pub(super) fn new(options: Reconnect) -> Self {
        let base = options.delay;
        Self {
            delays: delays(&options, base),
            options,
            base,
            retries: 0,
        }
    }

    /// How many retries have been made in a row.
    pub(super) fn retries(&self) -> usize {
        self.retries
    }

    /// The delay before the next retry, and no less than the server asked for; `None` if there is
    /// to be none.
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

    /// Takes note of how long a connection was open.
    pub(super) fn connected_for(&mut self, time: Duration) {
        if time >= self.options.reset_after {
            self.retries = 0;
            self.delays = delays(&self.options, self.base);
        }
    }

    pub(super) fn retries_initial(&self) -> bool {
        self.options.retry_initial
    }

    /// The server's `retry` field. What it changes is the delay to start from, not how often it
    /// has been tried: or else a server that sends one and closes would be hammered.
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

    /// Into what the program allows the server to ask for.
    fn clamp(&self, delay: Duration) -> Duration {
        delay.max(self.options.delay_min).min(self.options.cap())
    }
}

/// More steps than any sensible factor takes from the least delay to the greatest.
const STEPS: usize = 1000;

/// backon's jitter is added to the delay, so that the greatest delay is half of what it is to
/// stay under, unless the server wants more.
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
