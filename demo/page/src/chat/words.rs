//! The chat's course, in words.

use wsio::sse::SourceError;
use wsio_demo_exchange::{
    chat::Chat,
    events::Place,
    servers::{Condition, Part},
};

use crate::events::words;

/// The server says that it does not have what comes next.
pub(super) const LAGGED: &str = "The engine has lost events, and the server says so";

/// Faults are to be made at random.
pub(super) const STORM: &str = "Cut and kill at random for ten seconds";

/// The engine is to be started without what it had kept.
pub(super) const START_EMPTY: &str = "Start the engine without its file";

/// A connection is open, and so many lines are on their way.
pub(super) fn opened(unconfirmed: usize) -> String {
    match unconfirmed {
        0 => "Connected".to_owned(),
        1 => "Connected, with a line that is not confirmed".to_owned(),
        _ => format!("Connected, with {unconfirmed} lines that are not confirmed"),
    }
}

/// What went wrong, and what comes next. `has_failed` says whether there was no connection before.
pub(super) fn failed(error: &SourceError, has_failed: bool) -> String {
    let why = words::failure(error, u64::from(has_failed));
    match error.retry_in() {
        Some(delay) => format!("{why} Again in {:.1} s", delay.as_secs_f64()),
        None => why,
    }
}

/// An event that is not the next one.
pub(super) fn misplaced(what: &str, place: Place) -> String {
    match place {
        Place::Next => format!("{what} is the next"),
        Place::Gap(missing) => format!("{missing} before {what} are missing"),
        Place::Repeat => format!("{what} has come before"),
        Place::Forgotten(missing) => {
            format!("{missing} before {what} are lost, as the server said")
        }
        Place::Anew(_) => format!("{what} is of a new log: the demo was started again"),
    }
}

/// The name of a part.
pub(super) fn part(part: Part) -> String {
    match part {
        Part::Engine => "the engine".to_owned(),
        Part::Server(number) => format!("server {number}"),
    }
}

/// The label of a part.
pub(super) fn label(part: Part) -> String {
    match part {
        Part::Engine => "Engine".to_owned(),
        Part::Server(number) => format!("Server {number}"),
    }
}

/// The state of a part.
pub(super) fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Starting => "starting",
        Condition::Running => "running",
        Condition::Dead => "dead",
    }
}

/// Says whether every line has been handled once.
pub(super) fn proof(chat: &Chat) -> String {
    let (said, left) = (chat.said(), chat.unconfirmed());
    let confirmed = said - left;
    let own = chat.lines().author(chat.name());
    let lost = own.map_or(0, |own| own.tally().forgotten);
    match (said, faults(chat)) {
        (0, 0) => "Type, and pull the plug meanwhile".to_owned(),
        (_, 0) if confirmed == 0 => "No line is confirmed yet".to_owned(),
        (_, 0) if lost > 0 => {
            format!(
                "Of your lines #1 to #{confirmed} the engine has lost {lost}, as the server said."
            )
        }
        (_, 0) => {
            let mut proof =
                format!("Your lines #1 to #{confirmed} came back from the log, each once.");
            match left {
                0 => {}
                1 => proof += " One is on its way.",
                _ => proof += &format!(" {left} are on their way."),
            }
            proof
        }
        _ => "Not every line is in the log once.".to_owned(),
    }
}

/// The number of events that are missing without a word, or came twice.
pub(super) fn faults(chat: &Chat) -> u64 {
    missing(chat) + repeated(chat)
}

/// The number of events that are missing without a word.
pub(super) fn missing(chat: &Chat) -> u64 {
    let lines = chat
        .lines()
        .authors()
        .map(|(_, author)| author.tally().gaps);
    chat.ticks().gaps + lines.sum::<u64>()
}

/// The number of events that came more than once.
pub(super) fn repeated(chat: &Chat) -> u64 {
    let lines = chat.lines().authors();
    let lines = lines.map(|(_, author)| author.tally().repeats);
    chat.ticks().repeats + lines.sum::<u64>()
}
