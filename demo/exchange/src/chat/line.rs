//! The lines that clients send upstream, and what has become of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wsio::sse::SseEvent;

use crate::events::{Place, Tally};

/// A numbered line of one author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The name of the author.
    pub from: String,
    /// Its number among the author's lines, from 1.
    pub number: u64,
    /// The text.
    pub text: String,
}

impl Line {
    /// The name of the event that carries one.
    pub const NAME: &str = "line";

    /// Returns the event that carries it.
    ///
    /// # Errors
    ///
    /// None in practice: it always has a JSON form.
    pub fn to_event(&self) -> serde_json::Result<SseEvent> {
        Ok(SseEvent::new(serde_json::to_string(self)?).with_name(Self::NAME))
    }

    /// Reads an event; returns `None` if it is of another kind.
    #[must_use]
    pub fn from_event(event: &SseEvent) -> Option<serde_json::Result<Self>> {
        (event.name == Self::NAME).then(|| serde_json::from_str(&event.data))
    }
}

/// The proof that of no author a line is missing or came twice.
#[derive(Debug, Clone, Default)]
pub struct Lines(BTreeMap<String, Author>);

/// The lines that have come of one author.
#[derive(Debug, Clone, Default)]
pub struct Author(Tally);

impl Lines {
    /// The server says that it does not have what comes next.
    pub(super) fn tell(&mut self) {
        self.0.values_mut().for_each(|author| author.0.tell());
    }

    /// Takes the next line, and returns how it follows those before it of the same author.
    pub fn add(&mut self, line: &Line) -> Place {
        let author = self.0.entry(line.from.clone()).or_default();
        author.0.add_number(0, line.number)
    }

    /// Returns the authors, by name.
    pub fn authors(&self) -> impl Iterator<Item = (&str, &Author)> {
        self.0.iter().map(|(name, author)| (name.as_str(), author))
    }

    /// Returns the lines of one author, if any has come.
    #[must_use]
    pub fn author(&self, name: &str) -> Option<&Author> {
        self.0.get(name)
    }

    /// Returns the number of the last line of an author, or 0 if none has come.
    #[must_use]
    pub fn last(&self, name: &str) -> u64 {
        self.author(name).map_or(0, Author::last)
    }
}

impl Author {
    /// Returns the tally of lines.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.0
    }

    /// Returns the number of the first line that came, or 0 if none has come.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.0.run.map_or(0, |run| run.first)
    }

    /// Returns the greatest number so far, or 0 if none has come.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.0.run.map_or(0, |run| run.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: &str, number: u64) -> Line {
        Line {
            from: from.to_owned(),
            number,
            text: "a line".to_owned(),
        }
    }

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let event = line("ada", 7).to_event().unwrap();
        assert_eq!(Line::from_event(&event).unwrap().unwrap(), line("ada", 7));
        assert!(Line::from_event(&SseEvent::new("{}")).is_none());
    }

    #[test]
    fn each_author_is_counted_alone() {
        let mut lines = Lines::default();
        assert_eq!(lines.add(&line("ada", 1)), Place::Next);
        assert_eq!(lines.add(&line("ben", 1)), Place::Next);
        assert_eq!(lines.add(&line("ada", 2)), Place::Next);
        assert_eq!(lines.add(&line("ben", 3)), Place::Gap(1));
        assert_eq!(lines.add(&line("ada", 2)), Place::Repeat);
        assert_eq!(
            (lines.last("ada"), lines.last("ben"), lines.last("cleo")),
            (2, 3, 0)
        );
        assert_eq!(lines.author("ben").unwrap().tally().gaps, 1);
    }

    #[test]
    fn what_the_server_owns_up_to_concerns_every_author() {
        let mut lines = Lines::default();
        lines.add(&line("ada", 1));
        lines.add(&line("ben", 1));
        lines.tell();
        assert_eq!(lines.add(&line("ada", 4)), Place::Forgotten(2));
        assert_eq!(lines.add(&line("ben", 2)), Place::Next);
        assert_eq!(lines.add(&line("ben", 4)), Place::Gap(1));
    }
}
