//! Shows the exchange in the terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use wsio_demo_exchange::{Report, Step, StepOutcome};

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
        println!("  {:<8} → {text}", step.name());
    }

    fn received(&mut self, step: Step, text: &str) {
        println!("  {:<8} ← {text}", step.name());
    }

    fn progress(&mut self, step: Step, bytes: u64, total: u64) {
        self.bar
            .get_or_insert_with(|| bar(step, total))
            .set_position(bytes);
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

fn bar(step: Step, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total).with_prefix(step.name());
    let template = "  {prefix:<8} {bar:40} {bytes:>10} of {total_bytes}  {bytes_per_sec}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
