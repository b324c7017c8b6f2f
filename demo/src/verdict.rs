//! The verdict on what the native client and the page saw.

use std::fmt;

use wsio_demo_exchange::{
    EventFigures, Outcome, Step, StepOutcome, TRANSFER,
    events::{DROPS, EVENTS, PER_CONNECTION, Transport},
};

/// The comparison, as a table.
#[derive(Debug)]
pub(crate) struct Verdict {
    rows: Vec<Row>,
    /// The outcomes that the page's panel of events showed.
    panel: String,
    /// The faults beyond a single step.
    failures: Vec<String>,
}

#[derive(Debug)]
struct Row {
    step: Step,
    native: String,
    page: String,
    trouble: Option<String>,
}

/// Compares two outcomes of the same exchange, step by step.
pub(crate) fn compare(native: &Outcome, page: &Outcome) -> Verdict {
    let rows = Step::ALL
        .into_iter()
        .map(|step| Row {
            step,
            native: cell(native.step(step)),
            page: cell(page.step(step)),
            trouble: trouble(step, native.step(step), page.step(step)),
        })
        .collect();
    let mut failures = Vec::new();
    for (whose, outcome) in [("the native client", native), ("the page", page)] {
        if let Some(failure) = &outcome.failure {
            failures.push(format!("{whose} failed: {failure}"));
        } else if !outcome.is_success() {
            failures.push(format!("{whose} did not do every step"));
        }
    }
    // At least one drop each, and events before it and after it.
    if !are_events_due(&page.panel, 2 * PER_CONNECTION, 1) {
        failures.push(format!("the panel: not what was due, {:?}", page.panel));
    }
    Verdict {
        rows,
        panel: events(&page.panel),
        failures,
    }
}

impl Verdict {
    pub(crate) fn passed(&self) -> bool {
        self.failures.is_empty() && self.rows.iter().all(|row| row.trouble.is_none())
    }
}

fn trouble(step: Step, native: Option<&StepOutcome>, page: Option<&StepOutcome>) -> Option<String> {
    let (Some(native), Some(page)) = (native, page) else {
        return Some("not run on both".to_owned());
    };
    for (whose, outcome) in [("native", native), ("page", page)] {
        if !outcome.ok {
            return Some(format!("{whose}: {}", outcome.figures.summary));
        }
        if !is_due(step, outcome) {
            return Some(format!("{whose}: not what was due, {:?}", outcome.figures));
        }
    }
    let same = native.figures.agrees_with(&page.figures);
    (!same).then(|| format!("they differ: {:?}, {:?}", native.figures, page.figures))
}

/// The facts that each step must have seen, whatever it says of itself.
fn is_due(step: Step, outcome: &StepOutcome) -> bool {
    let figures = &outcome.figures;
    match step {
        Step::Connect => true,
        Step::Lines | Step::Json => figures.sent > 0 && figures.received == figures.sent,
        Step::Up => figures.sent == TRANSFER && figures.digest.is_some(),
        Step::Down => figures.received == TRANSFER,
        Step::Events => are_events_due(&figures.events, EVENTS, DROPS),
        Step::Close => figures.close_code == Some(1000),
    }
}

/// Enough of them over each transport, across enough drops, each event once.
fn are_events_due(events: &[EventFigures], least: u64, drops: u64) -> bool {
    let transports = events.iter().map(|it| it.transport);
    transports.eq(Transport::ALL)
        && events.iter().all(|it| {
            it.received >= least
                && it.drops >= drops
                && it.reconnects >= it.drops
                && it.gaps == 0
                && it.repeats == 0
        })
}

fn cell(outcome: Option<&StepOutcome>) -> String {
    let Some(outcome) = outcome else {
        return "not run".to_owned();
    };
    if !outcome.ok {
        return "failed".to_owned();
    }
    let figures = &outcome.figures;
    match (outcome.step, outcome.throughput(), figures.close_code) {
        (Step::Connect, ..) => outcome.time(),
        (Step::Events, ..) => events(&figures.events),
        (_, Some(speed), _) => {
            let bytes = figures.sent + figures.received;
            format!("{} MiB, {speed:.0} MB/s", bytes >> 20)
        }
        (_, _, Some(code)) => format!("code {code}, clean"),
        _ => format!("{} B there, {} B back", figures.sent, figures.received),
    }
}

fn events(events: &[EventFigures]) -> String {
    let received: u64 = events.iter().map(|it| it.received).sum();
    let drops: u64 = events.iter().map(|it| it.drops).sum();
    format!("{received} events, {drops} drops")
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  {:<8} {:<26} {:<26}", "", "native", "page")?;
        for row in &self.rows {
            let mark = if row.trouble.is_none() { '✓' } else { '✗' };
            let name = row.step.name();
            writeln!(f, "{mark} {name:<8} {:<26} {:<26}", row.native, row.page)?;
            if let Some(trouble) = &row.trouble {
                writeln!(f, "    {trouble}")?;
            }
        }
        writeln!(f, "  {:<8} {:<26} {:<26}", "panel", "", self.panel)?;
        for failure in &self.failures {
            writeln!(f, "✗ {failure}")?;
        }
        f.write_str(if self.passed() {
            "\nboth ends saw what they should"
        } else {
            "\nthe check failed"
        })
    }
}

#[cfg(test)]
mod tests {
    use wsio_demo_exchange::Figures;

    use super::*;

    fn good() -> Outcome {
        let outcome = |step| {
            let mut figures = Figures::default();
            match step {
                Step::Connect => {}
                Step::Lines | Step::Json => (figures.sent, figures.received) = (40, 40),
                Step::Up => {
                    figures.sent = TRANSFER;
                    figures.digest = Some("abc".to_owned());
                }
                Step::Down => figures.received = TRANSFER,
                Step::Events => figures.events = Transport::ALL.map(events_of).into(),
                Step::Close => figures.close_code = Some(1000),
            }
            StepOutcome {
                step,
                ok: true,
                seconds: 0.5,
                figures,
            }
        };
        Outcome {
            steps: Step::ALL.map(outcome).into(),
            failure: None,
            panel: Transport::ALL.map(events_of).into(),
            chat: None,
        }
    }

    fn events_of(transport: Transport) -> EventFigures {
        EventFigures {
            transport,
            received: EVENTS + 7,
            drops: DROPS,
            reconnects: DROPS,
            gaps: 0,
            repeats: 0,
        }
    }

    #[test]
    fn how_many_events_came_may_differ() {
        let mut more = good();
        more.steps[5].figures.events[0].received += 1;
        assert!(compare(&good(), &more).passed());
    }

    #[test]
    fn two_good_outcomes_pass() {
        assert!(compare(&good(), &good()).passed());
    }

    #[test]
    fn the_panel_has_to_be_seen_to_reconnect() {
        let spoil: [fn(&mut Vec<EventFigures>); 6] = [
            Vec::clear,
            |panel| panel.truncate(1),
            |panel| panel[0].received = 2 * PER_CONNECTION - 1,
            |panel| (panel[1].drops, panel[1].reconnects) = (0, 0),
            |panel| (panel[1].drops, panel[1].reconnects) = (1, 0),
            |panel| panel[1].gaps = 1,
        ];
        for (index, spoil) in spoil.into_iter().enumerate() {
            let mut spoilt = good();
            spoil(&mut spoilt.panel);
            assert!(!compare(&good(), &spoilt).passed(), "{index}");
            // The terminal has none.
            assert!(compare(&spoilt, &good()).passed(), "{index}");
        }
    }

    #[test]
    fn anything_else_does_not() {
        let spoil: [fn(&mut Outcome); 15] = [
            |outcome| outcome.failure = Some("lost".to_owned()),
            |outcome| outcome.steps[2].ok = false,
            |outcome| outcome.steps[1].figures.received = 39,
            |outcome| outcome.steps[3].figures.digest = Some("abd".to_owned()),
            |outcome| outcome.steps[3].figures.sent -= 1,
            |outcome| outcome.steps[4].figures.received += 1,
            |outcome| outcome.steps[5].figures.events.truncate(1),
            |outcome| outcome.steps[5].figures.events.swap(0, 1),
            |outcome| outcome.steps[5].figures.events[0].received = EVENTS - 1,
            |outcome| outcome.steps[5].figures.events[1].drops = DROPS - 1,
            |outcome| outcome.steps[5].figures.events[1].reconnects = DROPS - 1,
            |outcome| outcome.steps[5].figures.events[0].gaps = 1,
            |outcome| outcome.steps[5].figures.events[1].repeats = 1,
            |outcome| outcome.steps[6].figures.close_code = Some(1006),
            |outcome| outcome.steps.truncate(6),
        ];
        for (index, spoil) in spoil.into_iter().enumerate() {
            let mut spoilt = good();
            spoil(&mut spoilt);
            assert!(!compare(&good(), &spoilt).passed(), "page, {index}");
            assert!(!compare(&spoilt, &good()).passed(), "native, {index}");
            assert!(
                !compare(&spoilt, &spoilt).passed() || index == 3,
                "both, {index}"
            );
        }
    }
}
