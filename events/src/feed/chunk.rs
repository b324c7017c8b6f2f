//! The bytes that a feed yields at a time.

use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder;
use wsio::sse::{SseCodec, SseItem};

/// The size, in bytes, from which on a chunk is not filled further.
pub(super) const CHUNK: usize = crate::window::CHUNK as usize;

/// Blocks that are not yielded yet: one that is shared, or several that are joined.
#[derive(Default)]
pub(super) struct FeedChunk {
    first: Bytes,
    joined: BytesMut,
}

impl FeedChunk {
    pub(super) fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, block: &Bytes) {
        if self.is_empty() {
            self.first = block.clone();
            return;
        }
        self.join().extend_from_slice(block);
    }

    /// Adds what is of this client alone.
    pub(super) fn encode(&mut self, item: SseItem) {
        if let Err(error) = SseCodec::new().encode(item, self.join()) {
            // Neither an id of a log nor what `carried` returns has a line break.
            tracing::error!(%error, "an item of an event stream cannot be encoded");
        }
    }

    fn join(&mut self) -> &mut BytesMut {
        let first = std::mem::take(&mut self.first);
        if !first.is_empty() {
            self.joined = BytesMut::with_capacity(CHUNK.max(2 * first.len()));
            self.joined.extend_from_slice(&first);
        }
        &mut self.joined
    }

    pub(super) fn take(&mut self) -> Bytes {
        if self.first.is_empty() {
            return std::mem::take(&mut self.joined).freeze();
        }
        std::mem::take(&mut self.first)
    }
}
