//! Events on their way into a store and out of it, encoded once.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};
use wsio::sse::{SseCodec, SseEvent, SseItem};

use crate::EventId;

/// An event on its way into a store: encoded, and without an id.
#[derive(Debug, Clone)]
pub struct NewEvent {
    body: Bytes,
    key: Option<Arc<str>>,
}

impl NewEvent {
    /// Encodes an event, without its id. A line break in its name, which no stream can carry,
    /// becomes a space.
    pub(crate) fn encode(event: SseEvent) -> Self {
        let mut event = carried(event);
        event.id = None;
        let mut body = BytesMut::with_capacity(event.data.len() + event.name.len() + 32);
        // An event without an id and with such a name can always be encoded.
        let encoded = SseCodec::new().encode(&event, &mut body);
        debug_assert!(encoded.is_ok());
        Self {
            body: body.freeze(),
            key: None,
        }
    }

    /// The marker of the end of a log.
    pub(crate) fn end() -> Self {
        Self {
            body: Bytes::new(),
            key: None,
        }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Returns the block of the event in an event stream, but for its id: what a store keeps. It is
    /// empty for the end of the log.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the key under which the event is appended once, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

/// An event in a log: its id, the id of its predecessor, and its block in an event stream, which all
/// subscribers share. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    id: EventId,
    after: EventId,
    block: Bytes,
    is_end: bool,
}

impl StoredEvent {
    /// Creates an event from what a store has kept: `body` is [`NewEvent::body`].
    ///
    /// `after` is the id of its predecessor in the log, or `None` for the number before it in the
    /// same epoch. An event that begins an epoch in a log whose history is lost has
    /// [`EventId::ZERO`].
    #[must_use]
    pub fn new(id: EventId, after: Option<EventId>, body: &[u8]) -> Self {
        use std::fmt::Write as _;
        let mut block = BytesMut::with_capacity(body.len() + 48);
        // Writing to a growing buffer does not fail.
        let _ = writeln!(block, "id: {id}");
        let is_end = body.is_empty();
        if is_end {
            // The end of a log is an id without an event to a client.
            block.put_u8(b'\n');
        }
        block.put_slice(body);
        Self {
            id,
            after: after.unwrap_or_else(|| id.previous()),
            block: block.freeze(),
            is_end,
        }
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// Returns the id of the predecessor.
    #[must_use]
    pub fn after(&self) -> EventId {
        self.after
    }

    /// Returns the block of the event in an event stream, with its id.
    #[must_use]
    pub fn block(&self) -> &Bytes {
        &self.block
    }

    /// Returns whether this is no event but the end of the log.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.is_end
    }

    /// Decodes the event; `None` for the end of the log, and for a body that is no event.
    #[must_use]
    pub fn decode(&self) -> Option<SseEvent> {
        let len = self.block.len();
        let mut codec = SseCodec::with_limits(len, len);
        let mut bytes = BytesMut::from(&self.block[..]);
        match codec.decode(&mut bytes) {
            Ok(Some(SseItem::Event(event))) => Some(event),
            _ => None,
        }
    }
}

/// Returns an event as a stream can carry it.
pub(crate) fn carried(mut event: SseEvent) -> SseEvent {
    if event.name.contains(['\r', '\n']) {
        event.name = event.name.replace(['\r', '\n'], " ");
    }
    event
}
