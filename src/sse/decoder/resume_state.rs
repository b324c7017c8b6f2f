use std::time::Duration;

use crate::sse::{SseError, SseItem};

/// The state that a client keeps from one stream to the next.
#[derive(Debug, Clone, Default)]
pub(in crate::sse) struct ResumeState {
    /// Empty if there is none, as in the standard.
    last_event_id: String,
    reconnection_time: Option<Duration>,
}

impl ResumeState {
    pub(in crate::sse) fn last_event_id(&self) -> Option<&str> {
        Some(&*self.last_event_id).filter(|id| !id.is_empty())
    }

    pub(in crate::sse) fn set_last_event_id(&mut self, id: Option<&str>) {
        id.unwrap_or_default().clone_into(&mut self.last_event_id);
    }

    pub(in crate::sse) fn reconnection_time(&self) -> Option<Duration> {
        self.reconnection_time
    }

    /// Notes an item that is yielded.
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
