//! The bytes that are transferred: each is its offset modulo 251.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A prime just under 256, so that no power of two divides the period: a block that is lost,
/// repeated or out of place shows.
const PERIOD: u64 = 251;

/// The stream of bytes that goes up and down.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The largest window, and a period more to begin anywhere.
    table: Bytes,
    window: usize,
}

impl Pattern {
    /// The pattern, to be looked at in windows of at most `window` bytes.
    #[must_use]
    pub fn new(window: usize) -> Self {
        let len = window as u64 + PERIOD;
        Self {
            table: (0..len).map(|offset| (offset % PERIOD) as u8).collect(),
            window,
        }
    }

    /// `len` bytes from `offset` on, or as many as the window is wide. Nothing is copied.
    #[must_use]
    pub fn at(&self, offset: u64, len: u64) -> Bytes {
        let start = (offset % PERIOD) as usize;
        let len = len.min(self.window as u64) as usize;
        self.table.slice(start..start + len)
    }

    /// Where `bytes`, which came at `offset`, first differ from the pattern.
    #[must_use]
    pub fn mismatch(&self, offset: u64, bytes: &[u8]) -> Option<u64> {
        let mut at = offset;
        for part in bytes.chunks(self.window) {
            let expected = self.at(at, part.len() as u64);
            if expected != part {
                let same = expected.iter().zip(part).take_while(|(a, b)| a == b);
                return Some(at + same.count() as u64);
            }
            at += part.len() as u64;
        }
        None
    }
}

/// The SHA-256 of the first bytes of the pattern, a part at a time.
pub(crate) struct PatternDigest {
    pattern: Pattern,
    hasher: Sha256,
    offset: u64,
    total: u64,
}

impl PatternDigest {
    /// Bytes hashed per part, a few milliseconds' worth.
    const PART: usize = 1 << 20;

    pub(crate) fn new(total: u64) -> Self {
        Self {
            pattern: Pattern::new(Self::PART),
            hasher: Sha256::new(),
            offset: 0,
            total,
        }
    }

    /// Hashes one part more, if there is one.
    pub(crate) fn advance(&mut self) -> bool {
        let part = self.pattern.at(self.offset, self.total - self.offset);
        self.hasher.update(&part);
        self.offset += part.len() as u64;
        !part.is_empty()
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(self) -> String {
        let digest = self.hasher.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_anywhere() {
        let pattern = Pattern::new(1000);
        for offset in [0, 1, 250, 251, 252, 1 << 40] {
            let window = pattern.at(offset, 5000);
            assert_eq!(window.len(), 1000);
            for (index, byte) in window.iter().enumerate() {
                assert_eq!(u64::from(*byte), (offset + index as u64) % 251);
            }
        }
    }

    #[test]
    fn a_wrong_byte_is_found_where_it_is() {
        let pattern = Pattern::new(100);
        let mut bytes: Vec<u8> = (7..1007_u64).map(|offset| (offset % 251) as u8).collect();
        assert_eq!(pattern.mismatch(7, &bytes), None);
        assert_eq!(pattern.mismatch(8, &bytes), Some(8));
        bytes[613] ^= 1;
        assert_eq!(pattern.mismatch(7, &bytes), Some(620));
    }

    #[test]
    fn the_digest_is_of_all_bytes() {
        let total = PatternDigest::PART as u64 * 2 + 5;
        let mut digest = PatternDigest::new(total);
        while digest.advance() {}
        let bytes: Vec<u8> = (0..total).map(|offset| (offset % 251) as u8).collect();
        let expected = Sha256::digest(&bytes);
        let expected: String = expected.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest.finish(), expected);
    }
}
