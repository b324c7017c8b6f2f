//! One connection that sends lines upstream, and follows the log to which the server appends them.

mod line;

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll, ready},
};

use futures::{Sink, StreamExt};
use serde::{Deserialize, Serialize};
use wsio::sse::{EventSource, Reconnect, SourceError, SourceEvent, SourceState, SseEvent};

pub use self::line::{Author, Line, Lines};
use crate::events::{LAGGED, PATH, Place, SILENCE, Tally, Tick};

/// An event source that sends lines, with the proof that each of them, and each event of the log,
/// has come once.
#[derive(Debug)]
pub struct Chat {
    name: String,
    source: EventSource,
    /// The lines that the source has not accepted yet.
    unsent: VecDeque<SseEvent>,
    said: u64,
    ticks: Tally,
    lines: Lines,
    lagged: u64,
    reconnects: u64,
    /// Whether there was a connection, and the source has lost it.
    is_lost: bool,
}

/// What comes of a [`Chat`].
#[derive(Debug)]
pub enum Heard {
    /// A connection is open.
    Open,
    /// A tick has come, and how it follows the one before.
    Tick(Tick, Place),
    /// A line has come, and how it follows the one before of the same author.
    Line(Line, Place),
    /// The server does not have what comes next.
    Lagged,
    /// There is no connection, or something is wrong with it; the error says what comes next.
    Failed(SourceError),
    /// An event that should be one of the log's cannot be read.
    Unreadable(serde_json::Error),
}

impl Chat {
    /// Takes part in the chat of the server at `server`, such as `ws://127.0.0.1:8080`. `name` is
    /// that of the author, of letters and digits; the server drops its connections by it.
    #[must_use]
    pub fn new(server: &str, name: &str, reconnect: Reconnect) -> Self {
        let url = format!("{server}{PATH}?client={name}");
        let builder = EventSource::ws(url.as_str()).reconnect(reconnect);
        Self {
            name: name.to_owned(),
            source: builder.idle_timeout(SILENCE).build(),
            unsent: VecDeque::new(),
            said: 0,
            ticks: Tally::default(),
            lines: Lines::default(),
            lagged: 0,
            reconnects: 0,
            is_lost: false,
        }
    }

    /// Says a line, and returns its number. It is sent by [`next`](Self::next), whether there is a
    /// connection now or later.
    ///
    /// # Errors
    ///
    /// None in practice: a line always has a JSON form.
    pub fn say(&mut self, text: &str) -> serde_json::Result<u64> {
        let line = Line {
            from: self.name.clone(),
            number: self.said + 1,
            text: text.to_owned(),
        };
        self.unsent.push_back(line.to_event()?);
        self.said = line.number;
        Ok(line.number)
    }

    /// Returns what comes next, or `None` once the source is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            let was_open = self.source.ready_state() == SourceState::Open;
            match poll_fn(|cx| self.poll_item(cx)).await? {
                Ok(SourceEvent::Open) => {
                    self.reconnects += u64::from(self.is_lost);
                    self.is_lost = false;
                    return Some(Heard::Open);
                }
                Ok(SourceEvent::Event(event)) => {
                    if let Some(heard) = self.read(&event) {
                        return Some(heard);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    if was_open {
                        self.is_lost = self.source.ready_state() != SourceState::Open;
                    }
                    return Some(Heard::Failed(error));
                }
            }
        }
    }

    /// Sends what there is, as far as the source takes it, and reads.
    fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<SourceEvent, SourceError>>> {
        // The stream tells of whatever keeps the lines from being sent.
        let _ = self.poll_send(cx);
        self.source.poll_next_unpin(cx)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        let mut source = std::pin::Pin::new(&mut self.source);
        while !self.unsent.is_empty() {
            ready!(source.as_mut().poll_ready(cx))?;
            if let Some(line) = self.unsent.pop_front() {
                source.as_mut().start_send(line)?;
            }
        }
        source.poll_flush(cx)
    }

    fn read(&mut self, event: &SseEvent) -> Option<Heard> {
        if event.name == LAGGED {
            self.ticks.tell();
            self.lines.tell();
            self.lagged += 1;
            return Some(Heard::Lagged);
        }
        if let Some(tick) = Tick::from_event(event) {
            return Some(match tick {
                Ok(tick) => Heard::Tick(tick, self.ticks.add(&tick)),
                Err(error) => Heard::Unreadable(error),
            });
        }
        Some(match Line::from_event(event)? {
            Ok(line) => {
                let place = self.lines.add(&line);
                Heard::Line(line, place)
            }
            Err(error) => Heard::Unreadable(error),
        })
    }

    /// Returns the name of the author.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the state of the event source.
    #[must_use]
    pub fn state(&self) -> SourceState {
        self.source.ready_state()
    }

    /// Returns the number of lines that were said here.
    #[must_use]
    pub fn said(&self) -> u64 {
        self.said
    }

    /// Returns the number of lines that were said here and have not come back in the log.
    #[must_use]
    pub fn unconfirmed(&self) -> u64 {
        self.said.saturating_sub(self.lines.last(&self.name))
    }

    /// Returns the tally of ticks.
    #[must_use]
    pub fn ticks(&self) -> &Tally {
        &self.ticks
    }

    /// Returns the lines that have come.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Returns how often the server has said that it does not have what comes next.
    #[must_use]
    pub fn lagged(&self) -> u64 {
        self.lagged
    }

    /// Returns the number of reconnections.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Returns what has come in a form that travels as JSON.
    #[must_use]
    pub fn figures(&self) -> ChatFigures {
        let authors = self.lines.authors().map(|(name, author)| LineFigures {
            from: name.to_owned(),
            first: author.first(),
            last: author.last(),
            received: author.tally().received,
            gaps: author.tally().gaps,
            repeats: author.tally().repeats,
        });
        let run = self.ticks.run;
        ChatFigures {
            name: self.name.clone(),
            said: self.said,
            ticks: self.ticks.received,
            tick_span: run.map_or(0, |run| run.span()),
            tick_gaps: self.ticks.gaps,
            tick_repeats: self.ticks.repeats,
            lagged: self.lagged,
            reconnects: self.reconnects,
            authors: authors.collect(),
        }
    }
}

/// What has come of a [`Chat`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatFigures {
    /// The name of the author.
    pub name: String,
    /// The number of lines that it said.
    pub said: u64,
    /// The number of ticks that came.
    pub ticks: u64,
    /// The number of ticks from the first to the last.
    pub tick_span: u64,
    /// The number of missing ticks.
    pub tick_gaps: u64,
    /// The number of ticks that came more than once.
    pub tick_repeats: u64,
    /// How often the server said that it does not have what comes next.
    pub lagged: u64,
    /// The number of reconnections.
    pub reconnects: u64,
    /// The lines that came, by author.
    pub authors: Vec<LineFigures>,
}

/// The lines that came of one author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFigures {
    /// The name of the author.
    pub from: String,
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line.
    pub last: u64,
    /// The number of lines that came.
    pub received: u64,
    /// The number of missing lines.
    pub gaps: u64,
    /// The number of lines that came more than once.
    pub repeats: u64,
}

impl LineFigures {
    /// Returns whether each line from the first to the last came once.
    #[must_use]
    pub fn is_flawless(&self) -> bool {
        self.gaps == 0 && self.repeats == 0 && self.received == self.last - self.first + 1
    }
}

impl ChatFigures {
    /// Returns whether each event came once, all lines that were said here among them.
    #[must_use]
    pub fn is_flawless(&self) -> bool {
        let is_own = |it: &&LineFigures| it.from == self.name;
        let own = self.authors.iter().find(is_own);
        let own = own.map_or(self.said == 0, |own| {
            own.first == 1 && own.last == self.said
        });
        own && self.lagged == 0
            && self.tick_gaps == 0
            && self.tick_repeats == 0
            && self.ticks == self.tick_span
            && self.authors.iter().all(LineFigures::is_flawless)
    }
}
