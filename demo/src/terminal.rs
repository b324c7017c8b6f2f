//! Shows the exchange in the terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use wsio_demo_exchange::{Report, Step, StepOutcome};

/// The style of progress in bytes.
const PROGRESS: &str = "  {prefix:<8} {bar:40} {bytes:>10} of {total_bytes}  {bytes_per_sec}";

/// The style of any other progress.
const STATUS: &str = "  {prefix:<8} {msg}";

/// Writes a line for what happens, and has a progress bar while bytes stream.
#[derive(Debug)]
pub(crate) struct Terminal {
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            bar: None,
        }
    }

    /// A line above the bar, if there is one.
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{line}")),
            None => println!("{line}"),
        }
    }
}

impl Report for Terminal {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn pause(&self) {
        tokio::task::yield_now().await;
    }

    fn started(&mut self, _step: Step) {}

    fn sent(&mut self, step: Step, text: &str) {
        self.say(&format!("  {:<8} → {text}", step.name()));
    }

    fn received(&mut self, step: Step, text: &str) {
        self.say(&format!("  {:<8} ← {text}", step.name()));
    }

    fn progress(&mut self, step: Step, bytes: u64, total: u64) {
        self.bar
            .get_or_insert_with(|| styled(ProgressBar::new(total), step, PROGRESS))
            .set_position(bytes);
    }

    fn status(&mut self, step: Step, text: &str) {
        self.bar
            .get_or_insert_with(|| styled(ProgressBar::no_length(), step, STATUS))
            .set_message(text.to_owned());
    }

    fn finished(&mut self, outcome: &StepOutcome) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        println!("{}", line(outcome));
    }
}

/// A line about a finished step.
pub(crate) fn line(outcome: &StepOutcome) -> String {
    let mark = if outcome.ok { '✓' } else { '✗' };
    let name = outcome.step.name();
    let time = outcome.time();
    let summary = &outcome.figures.summary;
    format!("{mark} {name:<8} {time:>10}  {summary}")
}

fn styled(bar: ProgressBar, step: Step, template: &str) -> ProgressBar {
    let bar = bar.with_prefix(step.name());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
