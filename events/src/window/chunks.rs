//! Blocks of several events, joined once for all readers.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::EventId;

/// The size, in bytes, of which a chunk is: behind the event that reaches the next multiple of it a
/// chunk ends. A chunk for each event would cost a system call each or, in a browser, the 50 µs of a
/// message.
pub(crate) const CHUNK: u64 = 16 * 1024;

/// The number of chunks that are kept.
const KEPT: usize = 16;

/// The newest chunks that were made, for readers that come to the same place.
#[derive(Debug, Default)]
pub(crate) struct ChunkCache(VecDeque<JoinedChunk>);

#[derive(Debug)]
struct JoinedChunk {
    after: EventId,
    last: EventId,
    /// Whether it ended only where the log did.
    is_cut: bool,
    bytes: Bytes,
}

impl ChunkCache {
    /// Returns the chunk after the event `after`, and the id of its last event.
    pub(crate) fn find(&self, after: EventId, newest: EventId) -> Option<(Bytes, EventId)> {
        let chunk = self.0.iter().find(|it| it.after == after)?;
        let is_whole = !chunk.is_cut || chunk.last == newest;
        is_whole.then(|| (chunk.bytes.clone(), chunk.last))
    }

    /// Joins the blocks behind `after`, of which the last one is that of the event `last`.
    pub(crate) fn join(
        &mut self,
        after: EventId,
        last: EventId,
        is_cut: bool,
        blocks: &[&Bytes],
    ) -> Bytes {
        let len = blocks.iter().map(|block| block.len()).sum();
        let mut bytes = BytesMut::with_capacity(len);
        for block in blocks {
            bytes.extend_from_slice(block);
        }
        let bytes = bytes.freeze();
        self.0.retain(|it| it.after != after);
        self.0.truncate(KEPT - 1);
        self.0.push_front(JoinedChunk {
            after,
            last,
            is_cut,
            bytes: bytes.clone(),
        });
        bytes
    }

    pub(crate) fn clear(&mut self) {
        self.0 = VecDeque::new();
    }
}
