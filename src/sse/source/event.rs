//! The items and the state of an event source.

use crate::sse::SseEvent;

/// An item of an [`EventSource`](super::EventSource).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceEvent {
    /// A connection is open: the first one, or the next one after an error.
    Open,
    /// An event.
    Event(SseEvent),
    /// A comment. Servers send comments as heartbeats.
    Comment(String),
}

impl SourceEvent {
    /// Returns the event, if this is one.
    #[must_use]
    pub fn into_event(self) -> Option<SseEvent> {
        match self {
            Self::Event(event) => Some(event),
            Self::Open | Self::Comment(_) => None,
        }
    }
}

/// The state of an event source, as in `EventSource.readyState` (WHATWG HTML § 9.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceState {
    /// No connection is open. The source connects, or waits before it reconnects.
    Connecting,
    /// A connection is open.
    Open,
    /// The source was closed, or an error was final. This state is permanent.
    Closed,
}
