//! Bytes that wait for the transport.

use std::mem;

use bytes::{Buf as _, Bytes};

use crate::target::frames::buffer_pool;

/// The size of the chunk that an idle writer keeps for the next small message, in bytes.
pub(super) const KEPT: usize = 512;

/// A piece of what waits.
pub(super) enum Chunk {
    /// Frames made here, with room for more of them.
    Frames {
        buffer: Box<[u8]>,
        start: usize,
        end: usize,
    },
    /// A payload that is written from where it lies.
    Shared(Bytes),
}

impl Chunk {
    /// A chunk for at least `len` bytes.
    pub(super) fn new(len: usize) -> Self {
        Self::Frames {
            buffer: buffer_pool::take(len),
            start: 0,
            end: 0,
        }
    }

    #[inline]
    pub(super) fn as_ref(&self) -> &[u8] {
        match self {
            Self::Frames { buffer, start, end } => &buffer[*start..*end],
            Self::Shared(bytes) => bytes,
        }
    }

    /// Returns how many bytes can be added.
    #[inline]
    pub(super) fn room(&self) -> usize {
        match self {
            Self::Frames { buffer, end, .. } => buffer.len() - end,
            Self::Shared(_) => 0,
        }
    }

    /// Adds so many bytes, which are to be filled in; there must be room for them.
    #[inline]
    pub(super) fn extend(&mut self, len: usize) -> &mut [u8] {
        match self {
            Self::Frames { buffer, end, .. } => {
                let start = mem::replace(end, *end + len);
                &mut buffer[start..start + len]
            }
            Self::Shared(_) => &mut [],
        }
    }

    #[inline]
    pub(super) fn advance(&mut self, len: usize) {
        match self {
            Self::Frames { start, .. } => *start += len,
            Self::Shared(bytes) => bytes.advance(len),
        }
    }

    /// Returns whether an idle writer keeps it.
    #[inline]
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Frames { buffer, .. } if buffer.len() <= KEPT)
    }

    /// Makes an empty chunk as good as new.
    pub(super) fn reset(&mut self) {
        if let Self::Frames { start, end, .. } = self {
            (*start, *end) = (0, 0);
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Self::Frames { buffer, .. } = self {
            buffer_pool::give_back(mem::take(buffer));
        }
    }
}
