//! What an event source gives, and where it is in its life.

use crate::sse::SseEvent;

/// What an [`EventSource`](super::EventSource) gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceEvent {
    /// A connection is open: the first one, or another one after an error.
    Open,
    /// An event.
    Event(SseEvent),
    /// A comment, as servers send it for a sign of life.
    Comment(String),
}

impl SourceEvent {
    /// The event, if this is one.
    #[must_use]
    pub fn into_event(self) -> Option<SseEvent> {
        match self {
            Self::Event(event) => Some(event),
            Self::Open | Self::Comment(_) => None,
        }
    }
}

/// Where an event source is in its life, as `EventSource.readyState` counts it (WHATWG HTML § 9.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceState {
    /// There is no connection: it has not been made yet, is being made, or is to be made again.
    Connecting,
    /// There is a connection, and events come in.
    Open,
    /// The source was closed, or has given up. It stays so.
    Closed,
}
