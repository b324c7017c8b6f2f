//! Finds the end of a CBOR data item (RFC 8949 §3) in bytes that arrive in pieces.

/// How deep items may nest. A tag counts as a level, since it is one for a decoder.
const MAX_DEPTH: usize = 128;

/// Where a scan of one item stands. It remembers how far it came, so that every byte is looked
/// at once however many pieces the item arrives in.
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    /// The bytes of the buffer that are known to belong to the item.
    scanned: usize,
    /// The bytes the item cannot do without, by what has been seen of it.
    least: u64,
    /// The bytes of the current string that have not arrived.
    string: u64,
    /// What the next item is part of, outermost first.
    within: Vec<Level>,
    /// The last byte of the item has been scanned.
    ended: bool,
}

/// What a scan of the bytes there are has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// The item ends with the last byte scanned.
    Whole,
    /// There is more of it to come.
    Part,
    /// It is longer than asked for, whether all of it is there or not.
    Long,
}

#[derive(Debug, Clone, Copy)]
enum Level {
    /// So many more items.
    Items(u64),
    /// An array of unknown length.
    Array,
    /// A map of unknown length; whether a key is waiting for its value.
    Map { key: bool },
    /// A string of unknown length: pieces of the same major type.
    String(u8),
}

/// The first byte of an item and the argument that goes with it (RFC 8949 §3).
struct Head {
    major: u8,
    /// `None`: indefinite length, or a break.
    argument: Option<u64>,
    length: usize,
}

impl Scanner {
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

    /// Scans on, as long as the item may have no more bytes than `most`. The error is the offset
    /// of the byte that cannot be there.
    ///
    /// What it finds does not depend on how the item is cut into pieces.
    pub(super) fn scan(&mut self, bytes: &[u8], most: u64) -> Result<Scan, usize> {
        while !self.ended {
            let rest = bytes.get(self.scanned..).unwrap_or_default();
            if self.string > 0 {
                let there = self.string.min(rest.len() as u64);
                self.scanned += there as usize;
                self.string -= there;
                if self.string > 0 {
                    return Ok(Scan::Part);
                }
                self.ended = self.finish_item();
                continue;
            }
            let Some(head) = Head::read(rest).map_err(|()| self.scanned)? else {
                return Ok(Scan::Part);
            };
            self.ended = self.item(&head).map_err(|()| self.scanned)?;
            self.scanned += head.length;
            if self.least > most {
                return Ok(Scan::Long);
            }
        }
        Ok(Scan::Whole)
    }

    /// Takes note of an item that begins, or of a break; whether it completes the whole.
    fn item(&mut self, head: &Head) -> Result<bool, ()> {
        let within = self.within.last().copied();
        if let Some(Level::String(major)) = within {
            // Only strings of known length and of the same kind, and the break.
            let piece = head.major == major && head.argument.is_some();
            if !piece && !head.is_break() {
                return Err(());
            }
        }
        if head.is_break() {
            return match within {
                Some(Level::Array | Level::Map { key: false } | Level::String(_)) => {
                    self.within.pop();
                    Ok(self.finish_item())
                }
                _ => Err(()),
            };
        }
        // One byte of it was counted when its place became known: among the items of a level, as
        // the value of a key. In levels of unknown length there is no such place.
        let counted = match within {
            Some(Level::Array | Level::String(_) | Level::Map { key: false }) => 0,
            _ => 1,
        };
        self.need(head.length as u64 - counted);
        if let Some(Level::Map { key: false }) = within {
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
            (2 | 3, None) => Level::String(head.major),
            (4, Some(0)) | (5, Some(0)) => return Ok(self.finish_item()),
            (4, Some(count)) => Level::Items(count),
            (5, Some(pairs)) => Level::Items(pairs.saturating_mul(2)),
            (4, None) => Level::Array,
            (5, None) => Level::Map { key: false },
            _ => Level::Items(1),
        };
        if self.within.len() == MAX_DEPTH {
            return Err(());
        }
        self.need(match level {
            Level::Items(count) => count,
            // The break.
            _ => 1,
        });
        self.within.push(level);
        Ok(false)
    }

    fn need(&mut self, bytes: u64) {
        self.least = self.least.saturating_add(bytes);
    }

    /// Takes note of an item that has ended, and of all that ends with it; whether that is the
    /// whole.
    fn finish_item(&mut self) -> bool {
        while let Some(level) = self.within.last_mut() {
            match level {
                Level::Items(1) => {
                    self.within.pop();
                    continue;
                }
                Level::Items(count) => *count -= 1,
                Level::Map { key } => *key = !*key,
                Level::Array | Level::String(_) => {}
            }
            return false;
        }
        true
    }
}

impl Head {
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
