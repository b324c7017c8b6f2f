//! Watching the exchange.

use std::time::Duration;

use crate::{Step, StepOutcome};

/// The observer of an exchange. It also has the clock, because each target has its own.
pub trait Report {
    /// The time since some fixed moment, never going back.
    fn now(&self) -> Duration;

    /// Lets everything else on this thread go on, such as painting. Called during long
    /// computations.
    fn pause(&self) -> impl Future<Output = ()>;

    /// A step begins.
    fn started(&mut self, step: Step);

    /// A line or a JSON value was sent, or a request.
    fn sent(&mut self, step: Step, text: &str);

    /// A line or a JSON value was received, or something was learned of a connection.
    fn received(&mut self, step: Step, text: &str);

    /// So many bytes of so many have been transferred. Called for every message, thus often.
    fn progress(&mut self, step: Step, bytes: u64, total: u64);

    /// How far a step has come that is not measured in bytes, in place of what was said before.
    /// Called often.
    fn status(&mut self, step: Step, text: &str);

    /// A step is over.
    fn finished(&mut self, outcome: &StepOutcome);
}
