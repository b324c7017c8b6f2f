//! The events that the demo's server appends to its log.

use serde::{Deserialize, Serialize};
use wsio::sse::SseEvent;

/// A numbered event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Which log it is of: when that began, in milliseconds since 1970. A server that is started
    /// again has another one.
    pub log: u64,
    /// Its number in the log, from 1.
    pub number: u64,
    /// The time it was appended, in milliseconds since 1970.
    pub at: u64,
}

impl Tick {
    /// The name of such an event.
    const NAME: &str = "tick";

    /// The event that carries it.
    ///
    /// # Errors
    ///
    /// None in practice: three numbers always have a JSON form.
    pub fn to_event(&self) -> serde_json::Result<SseEvent> {
        Ok(SseEvent::new(serde_json::to_string(self)?).with_name(Self::NAME))
    }

    /// Reads an event; returns `None` if it is of another kind.
    pub(crate) fn from_event(event: &SseEvent) -> Option<serde_json::Result<Self>> {
        (event.name == Self::NAME).then(|| serde_json::from_str(&event.data))
    }
}
