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
pub struct SseEvent {
    /// What the event is called: `message` unless the stream names it. To an encoder the empty
    /// name is another word for `message`.
    pub name: String,
    /// The data, its lines joined by LF.
    pub data: String,
    /// The id that the event's own block sets, if it sets one. `Some("")` sets the last event id
    /// back to none.
    pub id: Option<String>,
}

impl SseEvent {
    /// The name of an event that is not named (WHATWG HTML § 9.2.6).
    pub(crate) const MESSAGE: &str = "message";

    /// An event called `message`, without an id.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            name: Self::MESSAGE.to_owned(),
            data: data.into(),
            id: None,
        }
    }

    /// The same event under a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same event with an id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

/// An event called `message`, with empty data and without an id.
impl Default for SseEvent {
    fn default() -> Self {
        Self::new(String::new())
    }
}

/// What an event stream consists of.
///
/// The events are what a browser's `EventSource` shows a page; the rest it keeps to itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SseItem {
    /// An event.
    Event(SseEvent),
    /// A comment, without the colon it begins with and without one space behind that. Servers
    /// send comments as a sign of life.
    Comment(String),
    /// The last event id, from a block that sets it and has no data.
    Id(String),
    /// How long to wait before a reconnect, given as soon as its line is read.
    Retry(Duration),
}

impl From<SseEvent> for SseItem {
    fn from(event: SseEvent) -> Self {
        Self::Event(event)
    }
}
