//! The outcome of an exchange, in a form that travels as JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{chat::ChatFigures, events::Transport};

/// A step of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The opening handshake.
    Connect,
    /// Lines of text, echoed.
    Lines,
    /// JSON values, echoed.
    Json,
    /// A stream of bytes to the server.
    Up,
    /// A stream of bytes from the server.
    Down,
    /// The events of a log, over connections that the server drops.
    Events,
    /// The closing handshake.
    Close,
}

impl Step {
    /// All steps in the order in which they are run.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Lines,
        Self::Json,
        Self::Up,
        Self::Down,
        Self::Events,
        Self::Close,
    ];

    /// Returns one word for it, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Lines => "lines",
            Self::Json => "json",
            Self::Up => "up",
            Self::Down => "down",
            Self::Events => "events",
            Self::Close => "close",
        }
    }
}

/// What a step saw on the wire. Equal on every target when all is well, but for the summary and
/// the time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    /// In words.
    pub summary: String,
    /// Bytes handed to the connection.
    pub sent: u64,
    /// Bytes that came from it and were what they should be.
    pub received: u64,
    /// The SHA-256 of what arrived at the far end, in hexadecimal, where the far end tells it.
    pub digest: Option<String>,
    /// The close code, where the step closes.
    pub close_code: Option<u16>,
    /// The events that came over each transport, where the step follows the log.
    #[serde(default)]
    pub events: Vec<EventFigures>,
    /// The time the bytes took, where that is not the whole time of the step.
    #[serde(skip)]
    pub(crate) time: Option<Duration>,
}

impl Figures {
    pub(crate) fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            ..Self::default()
        }
    }

    /// Whether the same was seen in both. Of events it is not the same: how many come until the
    /// last drop is a matter of time.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.sent == other.sent
            && self.received == other.received
            && self.digest == other.digest
            && self.close_code == other.close_code
    }
}

/// The events that came of a log over one transport.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventFigures {
    /// The transport.
    pub transport: Transport,
    /// The number of events that came.
    pub received: u64,
    /// The number of times the server dropped the connection.
    pub drops: u64,
    /// The number of reconnections.
    pub reconnects: u64,
    /// The number of missing events.
    pub gaps: u64,
    /// The number of events that came more than once.
    pub repeats: u64,
}

/// The outcome of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step.
    pub step: Step,
    /// Whether it saw what it should.
    pub ok: bool,
    /// The time it took, or for a transfer its bytes, in seconds.
    pub seconds: f64,
    /// The facts it saw.
    pub figures: Figures,
}

impl StepOutcome {
    /// Returns the time it took, in words: milliseconds below a second.
    #[must_use]
    pub fn time(&self) -> String {
        if self.seconds < 1.0 {
            format!("{:.1} ms", self.seconds * 1e3)
        } else {
            format!("{:.2} s", self.seconds)
        }
    }

    /// Megabytes (10⁶ bytes) per second, for a step that transfers many.
    #[must_use]
    pub fn throughput(&self) -> Option<f64> {
        let bytes = match self.step {
            Step::Up => self.figures.sent,
            Step::Down => self.figures.received,
            _ => return None,
        };
        (self.ok && self.seconds > 0.0).then(|| bytes as f64 / 1e6 / self.seconds)
    }
}

/// The outcome of the exchange.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The steps that were begun, in order.
    pub steps: Vec<StepOutcome>,
    /// The reason why it stopped early, if it did.
    pub failure: Option<String>,
    /// The page's panel of events over each transport; empty where there is none.
    #[serde(default)]
    pub panel: Vec<EventFigures>,
    /// The page's chat, where it was asked for.
    #[serde(default)]
    pub chat: Option<ChatFigures>,
}

impl Outcome {
    /// Returns whether every step was run and saw what it should.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failure.is_none()
            && self.steps.iter().all(|outcome| outcome.ok)
            && self.steps.iter().map(|outcome| outcome.step).eq(Step::ALL)
    }

    /// Returns what a step saw, if it was begun.
    #[must_use]
    pub fn step(&self, step: Step) -> Option<&StepOutcome> {
        self.steps.iter().find(|outcome| outcome.step == step)
    }
}
