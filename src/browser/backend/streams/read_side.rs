//! When to read on.

use super::bindings::JsReader;
use crate::{browser::backend::receive_queue::ReceiveQueue, options::Options};

/// The reading side.
///
/// Chromium takes a message out of its own buffers, some 128 KiB, when it is asked for one. When
/// the server closes, it drops what is still there without a word: what follows is an ordinary
/// end. So whoever wants to miss nothing has to have a read under way whenever a Close may come.
/// Therefore all is read ahead, and only a full queue stops the reading, and thereby the server;
/// and then for a good while, since an end that comes meanwhile may cut something off.
#[derive(Debug)]
pub(super) struct ReadSide {
    pub(super) reader: Option<JsReader>,
    /// Whether a read is under way.
    pub(super) reading: bool,
    /// Whether there is nothing more to read.
    pub(super) over: bool,
    paused: bool,
    /// No longer to be stopped, whatever waits: the end is what is waited for.
    hurried: bool,
    /// How many messages came since the reading was last taken up again.
    since_pause: Option<u32>,
    /// Above `full` bytes the reading stops, and at `low` it is taken up again.
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

    /// What comes before the end is in flight already: stopping it would only put off the end.
    pub(super) fn hurry(&mut self) {
        self.hurried = true;
    }

    pub(super) fn received(&mut self) {
        self.since_pause = self.since_pause.map(|n| n.saturating_add(1));
    }

    /// Whether to read, by what waits already.
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

    /// Whether something may be missing before the end: it came while the reading was stopped, or
    /// so soon after that nobody can tell. Of what came meanwhile, the browser keeps one message
    /// at most.
    pub(super) fn may_be_cut(&self) -> bool {
        self.since_pause.is_some_and(|messages| messages <= 1)
    }
}
