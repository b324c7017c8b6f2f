//! The exchange that the demo of wsio runs, the same code natively and in a browser.
//!
//! One connection carries lines and then JSON values, two more carry a stream of bytes up and
//! down, others, which the server drops time and again, the events of a log, and the first one is
//! closed cleanly at the end. Whoever runs it watches through [`Report`], and gets an [`Outcome`]
//! that says what was seen.

pub mod chat;
mod error;
pub mod events;
mod outcome;
mod pattern;
mod report;
pub mod servers;
mod talk;
mod transfer;

use std::time::Duration;

use futures::TryFutureExt;

use self::talk::Talk;
pub use self::{
    error::Failure,
    outcome::{EventFigures, Figures, Outcome, Step, StepOutcome},
    pattern::Pattern,
    report::Report,
};

/// The default number of bytes that go each way: 64 MiB.
pub const TRANSFER: u64 = 64 << 20;

/// Bytes per message of a transfer.
pub(crate) const CHUNK: usize = 64 << 10;

/// The plan of an exchange.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server: scheme, host and port, such as `ws://127.0.0.1:8080`.
    pub server: String,
    /// The number of bytes to send up, and to ask for.
    pub bytes: u64,
    /// The name under which the server is to drop the event connections, of letters and digits.
    pub client: String,
}

impl Plan {
    /// The usual exchange with a server.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            bytes: TRANSFER,
            client: "exchange".to_owned(),
        }
    }

    fn url(&self, route: &str) -> String {
        format!("{}{route}", self.server)
    }
}

/// Runs every step in order and stops at the first that fails. Never gives an error itself: the
/// failure is in the outcome.
pub async fn run<R: Report>(plan: &Plan, report: &mut R) -> Outcome {
    let mut course = Course {
        report,
        outcome: Outcome::default(),
    };
    if let Err(failure) = course.run(plan).await {
        course.outcome.failure = Some(failure.to_string());
    }
    course.outcome
}

/// The run: it times each step and keeps what was seen.
struct Course<'a, R> {
    report: &'a mut R,
    outcome: Outcome,
}

impl<R: Report> Course<'_, R> {
    async fn run(&mut self, plan: &Plan) -> Result<(), Failure> {
        let mut began = self.begin(Step::Connect);
        let connected = Talk::connect(&plan.url("/echo-bytes")).await;
        let talk = self.conclude(Step::Connect, began, connected)?;

        began = self.begin(Step::Lines);
        let said = talk.lines(self.report).await;
        let talk = self.conclude(Step::Lines, began, said)?;

        began = self.begin(Step::Json);
        let said = talk.values(self.report).await;
        let talk = self.conclude(Step::Json, began, said)?;

        began = self.begin(Step::Up);
        let sent = transfer::up(plan, self.report)
            .map_ok(|figures| ((), figures))
            .await;
        self.conclude(Step::Up, began, sent)?;

        began = self.begin(Step::Down);
        let received = transfer::down(plan, self.report)
            .map_ok(|figures| ((), figures))
            .await;
        self.conclude(Step::Down, began, received)?;

        began = self.begin(Step::Events);
        let followed = events::follow(plan, self.report)
            .map_ok(|figures| ((), figures))
            .await;
        self.conclude(Step::Events, began, followed)?;

        began = self.begin(Step::Close);
        let closed = talk.close().map_ok(|figures| ((), figures)).await;
        self.conclude(Step::Close, began, closed)
    }

    fn begin(&mut self, step: Step) -> Duration {
        self.report.started(step);
        self.report.now()
    }

    fn conclude<T>(
        &mut self,
        step: Step,
        began: Duration,
        result: Result<(T, Figures), Failure>,
    ) -> Result<T, Failure> {
        let elapsed = self.report.now().saturating_sub(began);
        let (ok, figures, rest) = match result {
            Ok((rest, figures)) => (true, figures, Ok(rest)),
            Err(failure) => (false, Figures::new(failure.to_string()), Err(failure)),
        };
        let outcome = StepOutcome {
            step,
            ok,
            seconds: figures.time.unwrap_or(elapsed).as_secs_f64(),
            figures,
        };
        self.report.finished(&outcome);
        self.outcome.steps.push(outcome);
        rest
    }
}
