//! Finds the end of a CBOR data item (RFC 8949 §3) in bytes that arrive in pieces.

/// The largest nesting depth. A tag counts as a level, as it does for the decoder.
const MAX_DEPTH: usize = 128;

/// The state of the scan of one item. It covers all pieces, so that every byte is scanned once.
#[derive(Debug, Clone)]
pub(super) struct CborScanner {
    /// The number of bytes of the buffer that belong to the item for certain.
    scanned: usize,
    /// The smallest size of the item, given the bytes scanned.
    least: u64,
    /// The bytes of the current string that have not arrived.
    string: u64,
    /// The items that contain the next one, outermost first.
    within: Vec<CborNesting>,
    /// The last byte of the item has been scanned.
    ended: bool,
}

/// The result of scanning the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CborScan {
    /// The item ends with the last byte scanned.
    Whole,
    /// More bytes of the item are missing.
    Part,
    /// The item exceeds the limit, whether it is complete or not.
    Long,
}

#[derive(Debug, Clone, Copy)]
enum CborNesting {
    /// An item of known length, with this many items missing.
    Items(u64),
    /// An array of unknown length.
    Array,
    /// A map of unknown length. `key`: the last item was a key.
    Map { key: bool },
    /// A string of unknown length: pieces of the same major type.
    String(u8),
}

/// The first byte of an item and the argument that goes with it (RFC 8949 §3).
struct CborHead {
    major: u8,
    /// `None`: indefinite length, or a break.
    argument: Option<u64>,
    length: usize,
}

impl CborScanner {
    pub(super) fn new() -> Self {
        Self {
            scanned: 0,
            least: 1,
            string: 0,
            within: Vec::new(),
            ended: false,
        }
    }

    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// The first bytes of those scanned have been taken away.
    pub(super) fn forget(&mut self, length: usize) {
        self.scanned = self.scanned.saturating_sub(length);
    }

    /// Continues the scan, up to items of `most` bytes. The error is the offset of the invalid
    /// byte.
    ///
    /// The result does not depend on the pieces in which the item arrives.
    pub(super) fn scan(&mut self, bytes: &[u8], most: u64) -> Result<CborScan, usize> {
        while !self.ended {
            let rest = bytes.get(self.scanned..).unwrap_or_default();
            if self.string > 0 {
                let there = self.string.min(rest.len() as u64);
                self.scanned += there as usize;
                self.string -= there;
                if self.string > 0 {
                    return Ok(CborScan::Part);
                }
                self.ended = self.finish_item();
                continue;
            }
            let Some(head) = CborHead::read(rest).map_err(|()| self.scanned)? else {
                return Ok(CborScan::Part);
            };
            self.ended = self.item(&head).map_err(|()| self.scanned)?;
            self.scanned += head.length;
            if self.least > most {
                return Ok(CborScan::Long);
            }
        }
        Ok(CborScan::Whole)
    }

    /// Notes the beginning of an item, or a break. Returns whether this completes the whole item.
    fn item(&mut self, head: &CborHead) -> Result<bool, ()> {
        let within = self.within.last().copied();
        if let Some(CborNesting::String(major)) = within {
            // Only strings of known length and of the same kind, and the break.
            let piece = head.major == major && head.argument.is_some();
            if !piece && !head.is_break() {
                return Err(());
            }
        }
        if head.is_break() {
            return match within {
                Some(
                    CborNesting::Array | CborNesting::Map { key: false } | CborNesting::String(_),
                ) => {
                    self.within.pop();
                    Ok(self.finish_item())
                }
                _ => Err(()),
            };
        }
        // One byte of it was counted when its place became known: among the items of a level, as
        // the value of a key. In levels of unknown length there is no such place.
        let counted = match within {
            Some(CborNesting::Array | CborNesting::String(_) | CborNesting::Map { key: false }) => {
                0
            }
            _ => 1,
        };
        self.need(head.length as u64 - counted);
        if let Some(CborNesting::Map { key: false }) = within {
            self.need(1);
        }
        let level = match (head.major, head.argument) {
            (0 | 1 | 7, _) => return Ok(self.finish_item()),
            (2 | 3, Some(0)) => return Ok(self.finish_item()),
            (2 | 3, Some(length)) => {
                self.string = length;
                self.need(length);
                return Ok(false);
            }
            (2 | 3, None) => CborNesting::String(head.major),
            (4, Some(0)) | (5, Some(0)) => return Ok(self.finish_item()),
            (4, Some(count)) => CborNesting::Items(count),
            (5, Some(pairs)) => CborNesting::Items(pairs.saturating_mul(2)),
            (4, None) => CborNesting::Array,
            (5, None) => CborNesting::Map { key: false },
            _ => CborNesting::Items(1),
        };
        if self.within.len() == MAX_DEPTH {
            return Err(());
        }
        self.need(match level {
            CborNesting::Items(count) => count,
            // The break.
            _ => 1,
        });
        self.within.push(level);
        Ok(false)
    }

    fn need(&mut self, bytes: u64) {
        self.least = self.least.saturating_add(bytes);
    }

    /// Notes the end of an item, and of all items that end with it. Returns whether this completes
    /// the whole item.
    fn finish_item(&mut self) -> bool {
        while let Some(level) = self.within.last_mut() {
            match level {
                CborNesting::Items(1) => {
                    self.within.pop();
                    continue;
                }
                CborNesting::Items(count) => *count -= 1,
                CborNesting::Map { key } => *key = !*key,
                CborNesting::Array | CborNesting::String(_) => {}
            }
            return false;
        }
        true
    }
}

impl CborHead {
    /// The head at the start of some bytes, `None` if not all of it is there, an error if it is
    /// not well-formed.
    fn read(bytes: &[u8]) -> Result<Option<Self>, ()> {
        let Some(first) = bytes.first() else {
            return Ok(None);
        };
        let (major, information) = (first >> 5, first & 0x1f);
        let extra = match information {
            0..24 => 0,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 if !matches!(major, 0 | 1 | 6) => {
                return Ok(Some(Self {
                    major,
                    argument: None,
                    length: 1,
                }));
            }
            _ => return Err(()),
        };
        let length = 1 + extra;
        let Some(following) = bytes.get(1..length) else {
            return Ok(None);
        };
        let argument = match extra {
            0 => u64::from(information),
            _ => following
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        // RFC 8949 §3.3: simple values below 32 have no two-byte form.
        if major == 7 && extra == 1 && argument < 32 {
            return Err(());
        }
        Ok(Some(Self {
            major,
            argument: Some(argument),
            length,
        }))
    }

    fn is_break(&self) -> bool {
        self.major == 7 && self.argument.is_none()
    }
}
