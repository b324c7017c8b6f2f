//! Event streams, and what is in them.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

/// Events as they are written, one after another.
pub(crate) struct Events {
    text: Bytes,
    /// The bytes up to the end of each event.
    ends: Vec<usize>,
    summary: Summary,
}

/// How a stream is cut into pieces.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    /// Not at all.
    Whole,
    /// Behind every event.
    Events,
    /// Into pieces of so many bytes.
    Bytes(usize),
}

/// All that a decoder gave, in short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    /// The bytes of data.
    pub(crate) bytes: usize,
    /// Depends on every byte of every event, and on their order.
    hash: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, event: &str, data: &str, id: &str) {
        let mut hasher = DefaultHasher::new();
        (self.hash, event, data, id).hash(&mut hasher);
        self.hash = hasher.finish();
        self.count += 1;
        self.bytes += data.len();
    }
}

impl Events {
    /// About 4 MiB of events that have an id, a name and a little JSON.
    pub(crate) fn small() -> Self {
        let data = |number| format!("{{\"n\":{number},\"on\":true}}");
        Self::written(80_000, |number| ("tick", data(number)))
    }

    /// As many bytes of events with data of 1 KiB.
    pub(crate) fn of_a_kibibyte() -> Self {
        Self::written(4_000, |_| ("message", "x".repeat(1 << 10)))
    }

    /// One event, its data one line of 4 MiB.
    pub(crate) fn one_line() -> Self {
        Self::written(1, |_| ("message", "x".repeat(4 << 20)))
    }

    fn written(count: usize, event: impl Fn(usize) -> (&'static str, String)) -> Self {
        let mut text = String::new();
        let mut ends = Vec::new();
        let mut summary = Summary::default();
        for number in 0..count {
            let (name, data) = event(number);
            let id = number.to_string();
            text += &format!("id: {id}\n");
            if name != "message" {
                text += &format!("event: {name}\n");
            }
            text += &format!("data: {data}\n\n");
            ends.push(text.len());
            summary.add(name, &data, &id);
        }
        Self {
            text: text.into(),
            ends,
            summary,
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn summary(&self) -> Summary {
        self.summary
    }

    pub(crate) fn pieces(&self, cut: Cut) -> Vec<Bytes> {
        let ends: Vec<usize> = match cut {
            Cut::Whole => Vec::new(),
            Cut::Events => self.ends.clone(),
            Cut::Bytes(size) => (1..=self.size() / size).map(|it| it * size).collect(),
        };
        let mut pieces = Vec::with_capacity(ends.len() + 1);
        let mut begin = 0;
        for end in ends.into_iter().chain([self.size()]) {
            if begin < end {
                pieces.push(self.text.slice(begin..end));
            }
            begin = end;
        }
        pieces
    }
}
