//! The panel's elements.

use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, EventTarget, HtmlButtonElement, HtmlInputElement, HtmlProgressElement};
use wsio_demo_exchange::events::{Transport, Watch};

use super::words;
use crate::{dom, log::Log};

/// The number of entries the list keeps.
const ENTRIES: u32 = 120;

/// The state of the panel's connection.
#[derive(Debug)]
pub(super) enum Standing {
    /// The first attempt is being made, or the first one since the user asked for it.
    Connecting,
    /// There is a connection; if one was lost before it, there was none for so long.
    Open { after: Option<Duration> },
    /// There is none until the next attempt.
    Waiting {
        why: String,
        attempt: u64,
        since: Duration,
        until: Duration,
    },
    /// That attempt is being made.
    Trying { why: String, attempt: u64 },
    /// No attempt will be made.
    Over(String),
}

/// Says where the connection stands, and counts and lists what comes over it.
#[derive(Debug)]
pub(super) struct Panel {
    standing: Element,
    text: Element,
    attempt: Element,
    left: Element,
    waited: HtmlProgressElement,
    retry: HtmlButtonElement,
    drop: HtmlButtonElement,
    counts: [Element; 4],
    proof: Element,
    list: Log,
}

impl Panel {
    pub(super) fn new() -> Result<Self, JsValue> {
        Ok(Self {
            standing: dom::element("events-standing")?,
            text: dom::element("events-text")?,
            attempt: dom::element("events-attempt")?,
            left: dom::element("events-left")?,
            waited: dom::element("events-waited")?,
            retry: dom::element("events-retry")?,
            drop: dom::element("events-drop")?,
            counts: [
                dom::element("events-received")?,
                dom::element("events-gaps")?,
                dom::element("events-repeats")?,
                dom::element("events-reconnects")?,
            ],
            proof: dom::element("events-proof")?,
            list: Log::new("events-list", ENTRIES)?,
        })
    }

    /// Clicks on the button that has the connection dropped.
    pub(super) fn drop_clicks(&self) -> Result<UnboundedReceiver<()>, JsValue> {
        dom::clicks(&self.drop)
    }

    /// Clicks on the button that makes an attempt at once.
    pub(super) fn retry_clicks(&self) -> Result<UnboundedReceiver<()>, JsValue> {
        dom::clicks(&self.retry)
    }

    /// The transport the user has chosen.
    pub(super) fn choices(&self) -> Result<UnboundedReceiver<Transport>, JsValue> {
        let choice: EventTarget = dom::element("events-over")?;
        dom::events(&choice, "change", |event| {
            let chosen: HtmlInputElement = event.target()?.dyn_into().ok()?;
            match chosen.value().as_str() {
                "websocket" => Some(Transport::WebSocket),
                "http" => Some(Transport::Http),
                _ => None,
            }
        })
    }

    /// The list of what has come.
    pub(super) fn list(&self) -> &Log {
        &self.list
    }

    /// Shows where the connection stands, and what is left of a delay.
    pub(super) fn show(&self, standing: &Standing, watch: &Watch, now: Duration) {
        let over = watch.transport().name();
        let (state, text) = match standing {
            Standing::Connecting => ("connecting", format!("Connecting over {over} …")),
            Standing::Open { .. } => ("open", format!("Connected over {over}")),
            Standing::Waiting { why, .. } => ("lost", why.clone()),
            Standing::Trying { why, .. } => ("connecting", why.clone()),
            Standing::Over(why) => ("lost", why.clone()),
        };
        dom::set_state(&self.standing, Some(state));
        // A screen reader reads out what is set, even to what it was.
        if self.text.text_content().as_deref() != Some(text.as_str()) {
            self.text.set_text_content(Some(&text));
        }
        self.drop
            .set_disabled(!matches!(standing, Standing::Open { .. }));
        self.show_wait(standing, now);
    }

    fn show_wait(&self, standing: &Standing, now: Duration) {
        let can_retry = matches!(standing, Standing::Waiting { .. } | Standing::Over(_));
        self.retry.set_hidden(!can_retry);
        let text = match standing {
            Standing::Waiting { attempt, .. } => format!("Attempt {attempt} in"),
            Standing::Trying { attempt, .. } => format!("Attempt {attempt} …"),
            Standing::Over(_) => "There will be no more attempts".to_owned(),
            Standing::Open { after: None } => "Drop it: no event will be missing".to_owned(),
            Standing::Open { after: Some(time) } => {
                format!("Back after {:.1} s", time.as_secs_f64())
            }
            Standing::Connecting => String::new(),
        };
        self.attempt.set_text_content(Some(&text));

        let mut left = String::new();
        let waited = match standing {
            Standing::Waiting { since, until, .. } => {
                let whole = until.saturating_sub(*since).as_secs_f64().max(1e-3);
                let rest = until.saturating_sub(now).as_secs_f64();
                left = format!("{rest:.1} s");
                Some(1.0 - rest / whole)
            }
            Standing::Trying { .. } => Some(1.0),
            _ => None,
        };
        self.left.set_text_content(Some(&left));
        self.waited.set_hidden(waited.is_none());
        self.waited.set_value(waited.unwrap_or_default());
    }

    /// Shows how much has come, and whether it is everything, once each.
    pub(super) fn count(&self, watch: &Watch) {
        let tally = watch.tally();
        let counts = [
            tally.received,
            tally.gaps,
            tally.repeats,
            watch.reconnects(),
        ];
        for (element, count) in self.counts.iter().zip(counts) {
            element.set_text_content(Some(&count.to_string()));
        }
        let state = match (&tally.run, tally.gaps + tally.repeats) {
            (None, _) => None,
            (Some(_), 0) => Some("done"),
            (Some(_), _) => Some("failed"),
        };
        dom::set_state(&self.proof, state);
        self.proof.set_text_content(Some(&words::proof(tally)));
    }
}
