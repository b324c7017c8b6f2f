//! The servers of the demo and the engine below them, as the page shows and commands them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use wsio::sse::SseEvent;

use crate::{error::Failure, events::http};

/// The path of the log whose newest event is the state of the servers.
pub const PATH: &str = "/demo/servers";

/// A program that can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Part {
    /// The engine in which the events are kept.
    Engine,
    /// A server, by its number from 1.
    Server(u32),
}

/// What a part is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It has been started, and does not serve yet.
    Starting,
    /// It serves.
    Running,
    /// It has been killed, or has ended by itself.
    Dead,
}

/// A part, and what it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// The part.
    pub part: Part,
    /// What it is doing.
    pub condition: Condition,
}

/// A connection of a client to a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Passage {
    /// The name of the client.
    pub client: String,
    /// The number of the server.
    pub server: u32,
}

/// The state of the servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Servers {
    /// The engine and the servers; none if the page's own server keeps the events in its memory.
    pub parts: Vec<PartState>,
    /// The connections of clients to the servers.
    pub passages: Vec<Passage>,
    /// Whether faults are being made at random.
    #[serde(default)]
    pub is_storm: bool,
}

impl Servers {
    /// The name of the event that carries it.
    const NAME: &str = "servers";

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

    /// Returns what a part is doing, if there is such a part.
    #[must_use]
    pub fn condition(&self, part: Part) -> Option<Condition> {
        let state = self.parts.iter().find(|state| state.part == part);
        state.map(|state| state.condition)
    }

    /// Returns the number of the server to which a client is connected.
    #[must_use]
    pub fn server_of(&self, client: &str) -> Option<u32> {
        let passage = self.passages.iter().find(|it| it.client == client);
        passage.map(|passage| passage.server)
    }
}

/// Has a part killed, at once.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub async fn kill(server: &str, part: Part) -> Result<(), Failure> {
    post(&format!("{}{PATH}/kill?part={part}", http(server))).await
}

/// Has a part started. It serves some time later.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub async fn start(server: &str, part: Part) -> Result<(), Failure> {
    post(&format!("{}{PATH}/start?part={part}", http(server))).await
}

/// Has the engine started without anything that it had kept, as after the loss of its disk.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub async fn start_empty(server: &str) -> Result<(), Failure> {
    let part = Part::Engine;
    post(&format!(
        "{}{PATH}/start?part={part}&empty=true",
        http(server)
    ))
    .await
}

/// Has faults made at random, for ten seconds and until everything is running again.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub async fn storm(server: &str) -> Result<(), Failure> {
    post(&format!("{}{PATH}/storm", http(server))).await
}

/// Has every connection to every server dropped.
///
/// # Errors
///
/// The server cannot be reached, or refuses.
pub async fn drop_all(server: &str) -> Result<(), Failure> {
    post(&format!("{}{PATH}/drop", http(server))).await
}

pub(crate) async fn post(url: &str) -> Result<(), Failure> {
    let answer = reqwest::Client::new().post(url).send().await;
    let checked = answer.and_then(reqwest::Response::error_for_status);
    checked
        .map(drop)
        .map_err(|error| Failure::new(error.to_string()))
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("engine"),
            Self::Server(number) => write!(f, "server-{number}"),
        }
    }
}

impl FromStr for Part {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        if text == "engine" {
            return Ok(Self::Engine);
        }
        let number = text.strip_prefix("server-").map(str::parse);
        match number {
            Some(Ok(number)) => Ok(Self::Server(number)),
            _ => Err(Failure::new(format!("{text:?} is no part of the demo"))),
        }
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

impl TryFrom<String> for Part {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self, Failure> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_reads_back_as_it_was_written() {
        let servers = Servers {
            parts: vec![
                PartState {
                    part: Part::Engine,
                    condition: Condition::Running,
                },
                PartState {
                    part: Part::Server(3),
                    condition: Condition::Dead,
                },
            ],
            passages: vec![Passage {
                client: "page".to_owned(),
                server: 3,
            }],
            is_storm: false,
        };
        let event = servers.to_event().unwrap();
        assert_eq!(Servers::from_event(&event).unwrap().unwrap(), servers);
        assert_eq!(servers.condition(Part::Server(3)), Some(Condition::Dead));
        assert_eq!(servers.condition(Part::Server(1)), None);
        assert_eq!(servers.server_of("page"), Some(3));
        assert!(Servers::from_event(&SseEvent::new("{}")).is_none());
    }

    #[test]
    fn anything_else_is_no_part() {
        for text in ["", "server", "server-", "server-x", "server--1", "Engine"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
    }
}
