//! The events' course, in words.

use std::time::Duration;

use wsio::sse::{SourceError, SourceErrorKind};
use wsio_demo_exchange::events::{Place, Tally, Tick};

/// A connection is open, `after` so long without one, and `last` was the last number.
pub(super) fn opened(after: Option<Duration>, last: Option<u64>) -> String {
    let mut text = "Connected".to_owned();
    if let Some(time) = after {
        text += &format!(" again after {:.1} s", time.as_secs_f64());
    }
    if let Some(last) = last {
        text += &format!(", to go on after #{last}");
    }
    text
}

/// There is no connection for this reason, and this is the next attempt.
pub(crate) fn waiting(why: &str, attempt: u64, delay: Duration) -> String {
    format!("{why} Attempt {attempt} in {:.1} s", delay.as_secs_f64())
}

/// An event that was appended `age` milliseconds ago.
pub(super) fn event(tick: &Tick, place: Place, age: f64) -> String {
    let number = tick.number;
    match place {
        // The clock of another machine may be ahead.
        Place::Next => format!("#{number}, {:.0} ms old", age.max(0.0)),
        Place::Gap(missing) => format!("#{number}: {missing} before it are missing"),
        Place::Repeat => format!("#{number} has come before"),
        Place::Forgotten(missing) => {
            format!("#{number}: the server no longer had {missing} before it, and says so")
        }
        Place::Anew(before) => {
            let (first, last) = (before.first, before.last);
            format!(
                "#{number} of a new log: the server was started again. Its last one came from #{first} to #{last}"
            )
        }
    }
}

/// What went wrong after `failed` attempts that failed since there was a connection.
pub(crate) fn failure(error: &SourceError, failed: u64) -> String {
    match error.kind() {
        SourceErrorKind::Network if failed == 0 => "The connection broke off.".to_owned(),
        SourceErrorKind::Network => "The server cannot be reached. Has it stopped?".to_owned(),
        SourceErrorKind::Ended | SourceErrorKind::Closed => {
            "The server has ended the connection.".to_owned()
        }
        _ => {
            let text = error.to_string();
            // The time until the next attempt is shown as it goes by.
            let what = text.split("; trying again").next().unwrap_or_default();
            let mut letters = what.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).chain(['.']).collect()
        }
    }
}

/// Says whether every event has come, once each.
pub(super) fn proof(tally: &Tally) -> String {
    let Some(run) = &tally.run else {
        return "No event yet".to_owned();
    };
    let (first, last, span, received) = (run.first, run.last, run.span(), run.received);
    let mut proof = format!("#{first} to #{last} are {span} events; {received} have come");
    proof += if tally.gaps == 0 && tally.repeats == 0 {
        ", each once."
    } else {
        ": not each of them, or not once."
    };
    if tally.forgotten > 0 {
        proof += &format!(
            " The server said of {} that it has them no longer.",
            tally.forgotten
        );
    }
    if tally.anew > 0 {
        proof += &format!(" The server has been started again {}.", times(tally.anew));
    }
    proof
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}
