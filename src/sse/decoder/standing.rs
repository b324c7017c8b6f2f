use std::time::Duration;

use crate::sse::{SseError, SseItem};

/// What outlives a stream: where to go on, and when.
#[derive(Debug, Clone, Default)]
pub(in crate::sse) struct Standing {
    pub(in crate::sse) last_event_id: String,
    pub(in crate::sse) reconnection_time: Option<Duration>,
}

impl Standing {
    /// Takes note of an item that is given out.
    pub(in crate::sse) fn note(&mut self, item: Option<&Result<SseItem, SseError>>) {
        match item {
            Some(Ok(SseItem::Event(event))) => {
                if let Some(id) = &event.id {
                    self.last_event_id.clone_from(id);
                }
            }
            Some(Ok(SseItem::Id(id))) => self.last_event_id.clone_from(id),
            Some(Ok(SseItem::Retry(time))) => self.reconnection_time = Some(*time),
            Some(Ok(SseItem::Comment(_)) | Err(_)) | None => {}
        }
    }
}
