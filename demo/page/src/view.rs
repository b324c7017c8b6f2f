//! Shows the exchange on the page.

use std::time::Duration;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, HtmlProgressElement, MessageChannel, Performance};
use wsio_demo_exchange::{Outcome, Report, Step, StepOutcome};

use crate::{
    dom,
    log::{self, Log},
    plot::{self, Plot},
};

/// The least time between two changes of a step's progress: one frame of a usual screen.
const FRAME: Duration = Duration::from_millis(16);

/// The list of steps, with progress bars, the plot and the log.
#[derive(Debug)]
pub(crate) struct View {
    clock: Performance,
    log: Log,
    plot: Plot,
    steps: Vec<Row>,
    result: Element,
    /// The time a step's progress was last shown.
    drawn: Duration,
}

#[derive(Debug)]
struct Row {
    step: Step,
    item: Element,
    note: Element,
    bar: Option<HtmlProgressElement>,
}

impl Row {
    fn new(step: Step) -> Result<Self, JsValue> {
        let name = step.name();
        let item: Element = dom::element(&format!("step-{name}"))?;
        let note = item.query_selector(".note")?;
        Ok(Self {
            step,
            item,
            note: note.ok_or_else(|| format!("#step-{name} has no note"))?,
            bar: dom::element(&format!("progress-{name}")).ok(),
        })
    }

    fn show(&self, state: Option<&str>, note: &str) {
        dom::set_state(&self.item, state);
        self.note.set_text_content(Some(note));
    }
}

impl View {
    pub(crate) fn new(log: Log) -> Result<Self, JsValue> {
        Ok(Self {
            clock: dom::clock()?,
            log,
            plot: Plot::new()?,
            steps: Step::ALL
                .into_iter()
                .map(Row::new)
                .collect::<Result<_, _>>()?,
            result: dom::element("result")?,
            drawn: Duration::ZERO,
        })
    }

    /// Back to how it looks before an exchange.
    pub(crate) fn reset(&mut self) {
        for row in &self.steps {
            row.show(None, "");
            if let Some(bar) = &row.bar {
                bar.set_value(0.0);
            }
        }
        self.plot.clear();
        dom::set_state(&self.result, None);
        self.result.set_text_content(Some("Running …"));
    }

    /// Says how the exchange went.
    pub(crate) fn conclude(&self, outcome: &Outcome) {
        let (state, text) = match &outcome.failure {
            None => ("done", "Everything arrived as it should.".to_owned()),
            Some(failure) => ("failed", format!("The exchange stopped: {failure}")),
        };
        dom::set_state(&self.result, Some(state));
        self.result.set_text_content(Some(&text));
    }

    /// Writes to the log that something beside the exchange went wrong.
    pub(crate) fn trouble(&self, text: &str) {
        self.log.write(log::Way::Trouble, "page", text);
    }

    /// Whether it is time to draw again.
    fn is_due(&mut self, now: Duration) -> bool {
        let is_due = now.saturating_sub(self.drawn) >= FRAME;
        if is_due {
            self.drawn = now;
        }
        is_due
    }

    fn row(&self, step: Step) -> Option<&Row> {
        self.steps.iter().find(|row| row.step == step)
    }
}

impl Report for View {
    fn now(&self) -> Duration {
        Duration::from_secs_f64(self.clock.now() / 1e3)
    }

    async fn pause(&self) {
        // A message to oneself, because timers wait 4 ms at least, and in a page in the
        // background a second.
        let posted = Promise::new(&mut |resolve, _| {
            if let Ok(channel) = MessageChannel::new() {
                channel.port1().set_onmessage(Some(&resolve));
                let _ = channel.port2().post_message(&JsValue::NULL);
            } else {
                let _ = resolve.call0(&JsValue::NULL);
            }
        });
        let _ = JsFuture::from(posted).await;
    }

    fn started(&mut self, step: Step) {
        if let Some(row) = self.row(step) {
            row.show(Some("running"), "…");
        }
    }

    fn sent(&mut self, step: Step, text: &str) {
        self.log.write(log::Way::Sent, step.name(), text);
    }

    fn received(&mut self, step: Step, text: &str) {
        self.log.write(log::Way::Received, step.name(), text);
    }

    fn progress(&mut self, step: Step, bytes: u64, total: u64) {
        let now = self.now();
        match step {
            Step::Up => self.plot.add(plot::Way::Up, bytes, total, now),
            Step::Down => self.plot.add(plot::Way::Down, bytes, total, now),
            _ => {}
        }
        if !self.is_due(now) && bytes < total {
            return;
        }
        if let Some(row) = self.row(step) {
            let note = format!("{} of {} MiB", bytes >> 20, total >> 20);
            row.note.set_text_content(Some(&note));
            if let Some(bar) = &row.bar {
                bar.set_value(bytes as f64 / total.max(1) as f64);
            }
        }
    }

    fn status(&mut self, step: Step, text: &str) {
        if self.is_due(self.now())
            && let Some(row) = self.row(step)
        {
            row.note.set_text_content(Some(text));
        }
    }

    fn finished(&mut self, outcome: &StepOutcome) {
        let figures = &outcome.figures;
        let (state, note, way) = if outcome.ok {
            let note = format!("{}, {}", figures.summary, outcome.time());
            ("done", note, log::Way::Note)
        } else {
            ("failed", figures.summary.clone(), log::Way::Trouble)
        };
        if let Some(row) = self.row(outcome.step) {
            row.show(Some(state), &note);
        }
        self.log.write(way, outcome.step.name(), &note);
    }
}
