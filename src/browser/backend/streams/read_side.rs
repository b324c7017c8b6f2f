//! The reading side of a `WebSocketStream`.

use super::bindings::JsReader;
use crate::{browser::backend::receive_queue::ReceiveQueue, options::Options};

/// The state that decides when to read on.
///
/// Chromium buffers some 128 KiB and delivers a message when asked for one. When the server closes,
/// it silently drops the messages still in its buffer, and reports an ordinary end. To miss nothing,
/// a read must be under way whenever a Close frame may arrive. Therefore this side reads ahead, and
/// only a full queue pauses it, which stops the server. A pause lasts until most of the queue is
/// read, because an end during a pause may truncate the stream.
#[derive(Debug)]
pub(super) struct ReadSide {
    pub(super) reader: Option<JsReader>,
    /// Whether a read is under way.
    pub(super) reading: bool,
    /// Whether the end was read.
    pub(super) over: bool,
    paused: bool,
    /// Whether to read on to the end, however much is queued.
    hurried: bool,
    /// The number of messages since reading was last resumed.
    since_pause: Option<u32>,
    /// Reading pauses above `full` queued bytes, and resumes at `low`.
    full: usize,
    low: usize,
}

impl ReadSide {
    pub(super) fn new(options: &Options) -> Self {
        let full = (options.receive_limit / 4).max(1);
        Self {
            reader: None,
            reading: false,
            over: false,
            paused: false,
            hurried: false,
            since_pause: None,
            full,
            low: full / 4,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Stops pausing. The messages before the end are in flight already, and a pause would only delay
    /// the end.
    pub(super) fn hurry(&mut self) {
        self.hurried = true;
    }

    pub(super) fn received(&mut self) {
        self.since_pause = self.since_pause.map(|n| n.saturating_add(1));
    }

    /// Returns whether to read on, given the queue.
    pub(super) fn wants(&mut self, queue: &ReceiveQueue) -> bool {
        if self.reading || self.over || self.reader.is_none() {
            return false;
        }
        let limit = if self.paused { self.low } else { self.full };
        let wants = self.hurried || queue.is_deaf() || queue.bytes() <= limit;
        if wants && self.paused {
            self.since_pause = Some(0);
        }
        self.paused = !wants;
        wants
    }

    /// Returns whether messages may be missing before the end: it arrived during a pause, or too soon
    /// after one to be sure. Of the messages that arrive during a pause, the browser keeps one at
    /// most.
    pub(super) fn may_be_cut(&self) -> bool {
        self.since_pause.is_some_and(|messages| messages <= 1)
    }
}
