//! Items that were read while the sink was being closed.

use std::collections::VecDeque;

use super::{SourceError, SourceEvent};

/// The items that closing the sink has read for the stream, up to a limit.
///
/// What arrives beyond the limit is not kept: the stream ends after the items that are.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    /// Each with the last event id as of this item.
    items: VecDeque<(Result<SourceEvent, SourceError>, Option<String>)>,
    bytes: usize,
    /// The last event id as of the last item yielded.
    last_event_id: Option<String>,
    is_cut_off: bool,
}

/// The bytes from which on nothing more is kept: 1 MiB.
const LIMIT: usize = 1 << 20;

/// The bytes that an item counts beside its text.
const OVERHEAD: usize = 128;

impl ReadAhead {
    /// Returns whether the stream has not yielded, or will not yield, all that was read.
    pub(super) fn is_behind(&self) -> bool {
        self.is_cut_off || !self.items.is_empty()
    }

    /// Returns whether the stream has yielded everything that it will.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_cut_off && self.items.is_empty()
    }

    pub(super) fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// Notes the last event id before anything is read, unless something has been.
    pub(super) fn begin_at(&mut self, last_event_id: Option<&str>) {
        if !self.is_behind() {
            self.last_event_id = last_event_id.map(str::to_owned);
        }
    }

    /// Keeps an item that was read; `last_event_id` is that behind it.
    pub(super) fn push(
        &mut self,
        item: Result<SourceEvent, SourceError>,
        last_event_id: Option<&str>,
    ) {
        if self.is_cut_off || self.bytes >= LIMIT {
            self.is_cut_off = true;
            return;
        }
        let kept = (item, last_event_id.map(str::to_owned));
        self.bytes += size(&kept);
        self.items.push_back(kept);
    }

    pub(super) fn pop(&mut self) -> Option<Result<SourceEvent, SourceError>> {
        let kept = self.items.pop_front()?;
        self.bytes -= size(&kept);
        let (item, last_event_id) = kept;
        self.last_event_id = last_event_id;
        Some(item)
    }

    /// Drops everything that has not been yielded: the stream has ended.
    pub(super) fn cut_off(&mut self) {
        self.items.clear();
        self.is_cut_off = true;
    }
}

fn size((item, last_event_id): &(Result<SourceEvent, SourceError>, Option<String>)) -> usize {
    let length = |id: &Option<String>| id.as_ref().map_or(0, String::len);
    let text = match item {
        Ok(SourceEvent::Event(event)) => event.name.len() + event.data.len() + length(&event.id),
        Ok(SourceEvent::Comment(comment)) => comment.len(),
        Ok(SourceEvent::Open) | Err(_) => 0,
    };
    OVERHEAD + text + length(last_event_id)
}
