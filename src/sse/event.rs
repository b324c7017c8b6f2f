use std::time::Duration;

/// One event of an event stream.
///
/// ```
/// use wsio::sse::SseEvent;
///
/// let event = SseEvent::new("21 °C").with_name("temperature").with_id("8");
/// assert_eq!(event.name, "temperature");
/// assert_eq!(event.data, "21 °C");
/// assert_eq!(event.id.as_deref(), Some("8"));
/// assert_eq!(SseEvent::new("hello").name, "message");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SseEvent {
    /// The name, which is `message` if the stream does not name the event. An encoder treats the
    /// empty name as `message`.
    pub name: String,
    /// The data, its lines joined by LF.
    pub data: String,
    /// The id, if the block of the event sets one. `Some("")` resets the last event id to none.
    pub id: Option<String>,
}

impl SseEvent {
    /// The name of an event without a name (WHATWG HTML § 9.2.6).
    pub(crate) const MESSAGE: &str = "message";

    /// Creates an event with the name `message` and without an id.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            name: Self::MESSAGE.to_owned(),
            data: data.into(),
            id: None,
        }
    }

    /// Sets the name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

/// Creates an event with the name `message`, with empty data and without an id.
impl Default for SseEvent {
    fn default() -> Self {
        Self::new(String::new())
    }
}

/// One item of an event stream.
///
/// A browser's `EventSource` shows a page only the events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SseItem {
    /// An event.
    Event(SseEvent),
    /// A comment, without its colon and without one space after that. Servers send comments as
    /// heartbeats.
    Comment(String),
    /// The last event id, set by a block without data.
    Id(String),
    /// The delay before a reconnect, yielded as soon as its line is read.
    Retry(Duration),
}

impl From<SseEvent> for SseItem {
    fn from(event: SseEvent) -> Self {
        Self::Event(event)
    }
}
