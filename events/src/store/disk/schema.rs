//! The tables of the database, and how their rows are written.

use redb::TableDefinition;

use super::failure::DiskFailure;
use crate::{EventId, LogName, StoredEvent};

/// Numbers of the whole store: see [`FORMAT`], [`BIRTH`], [`NEXT_LOG`], [`BATCH`].
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// [`LogRecord`] by the name of the log.
pub(super) const LOGS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("logs");

/// [`EventRow`] by the number of the log, the epoch and the number of the event.
pub(super) const EVENTS: TableDefinition<'_, (u64, u64, u64), &[u8]> =
    TableDefinition::new("events");

/// Epochs by [`bucket`]: the epoch of a log that has no record.
pub(super) const FLOORS: TableDefinition<'_, u8, u64> = TableDefinition::new("floors");

/// The time of the last use and two numbers, by [`memory_key`].
pub(super) const MEMORIES: TableDefinition<'_, &[u8], (u64, u64, u64)> =
    TableDefinition::new("memories");

/// The texts of [`MEMORIES`] in the order of their last use.
pub(super) const MEMORY_ORDER: TableDefinition<'_, (u64, u8, u64), &str> =
    TableDefinition::new("memory-order");

/// Returns a key of [`MEMORIES`]: the number of a log, what is remembered, and its text. A tuple with
/// a text would be written in another way by newer releases of the database.
pub(super) fn memory_key(log: u64, kind: u8, text: &str) -> Vec<u8> {
    [&log.to_be_bytes(), &[kind][..], text.as_bytes()].concat()
}

/// The version of these tables.
pub(super) const FORMAT: &str = "format";
/// The epoch at which the store was created.
pub(super) const BIRTH: &str = "birth";
/// The number of the next log.
pub(super) const NEXT_LOG: &str = "next-log";
/// The number of the last batch that was committed.
pub(super) const BATCH: &str = "batch";

/// The only [`FORMAT`] there is.
pub(super) const CURRENT_FORMAT: u64 = 1;

/// Returns the row of [`FLOORS`] to which a log belongs.
///
/// A log without a record is empty at `EPOCH-0`, and takes no room. When a record is dropped, the
/// epoch of its bucket grows, so that a client of the dropped log notices. A client of another empty
/// log of the bucket is then told that it lagged, although it missed nothing.
pub(super) fn bucket(name: &LogName) -> u8 {
    checksum([name.as_bytes()]).to_be_bytes()[0]
}

/// The state of a log that has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogRecord {
    /// The number of the log in the keys of other tables.
    pub(super) log: u64,
    /// The opening of the store at which the newest epoch began.
    pub(super) run: u64,
    pub(super) newest: EventId,
    /// The number of events that are kept.
    pub(super) events: u64,
    /// The bytes of their blocks.
    pub(super) bytes: u64,
    /// The time of the last use, in microseconds since 1970.
    pub(super) used: u64,
    /// The numbers of remembered keys and sources.
    pub(super) remembered: [u64; 2],
}

impl LogRecord {
    const WORDS: usize = 9;

    pub(super) fn encode(&self, name: &LogName) -> Vec<u8> {
        let words: [u64; Self::WORDS] = [
            self.log,
            self.run,
            self.newest.epoch,
            self.newest.number,
            self.events,
            self.bytes,
            self.used,
            self.remembered[0],
            self.remembered[1],
        ];
        let words = words.map(u64::to_le_bytes).concat();
        let sum = checksum([name.as_bytes(), &words]);
        [&sum.to_le_bytes(), &words[..]].concat()
    }

    pub(super) fn decode(name: &LogName, row: &[u8]) -> Result<Self, DiskFailure> {
        let damaged = DiskFailure::Damaged("the record of a log is damaged");
        let Some((sum, words)) = row.split_first_chunk() else {
            return Err(damaged);
        };
        let is_intact = u32::from_le_bytes(*sum) == checksum([name.as_bytes(), words]);
        let mut reader = words;
        let decoded: [Option<u64>; Self::WORDS] = std::array::from_fn(|_| word(&mut reader));
        match decoded {
            [
                Some(log),
                Some(run),
                Some(epoch),
                Some(number),
                Some(events),
                Some(bytes),
                Some(used),
                Some(keys),
                Some(sources),
            ] if is_intact && reader.is_empty() => Ok(Self {
                log,
                run,
                newest: EventId::new(epoch, number),
                events,
                bytes,
                used,
                remembered: [keys, sources],
            }),
            _ => Err(damaged),
        }
    }
}

/// An event as it is kept: a checksum, the time in microseconds since 1970, the predecessor if it is
/// not the number before, and the body.
pub(super) struct EventRow<'a> {
    row: &'a [u8],
    pub(super) time: u64,
    after: Option<EventId>,
    body: &'a [u8],
}

impl<'a> EventRow<'a> {
    pub(super) fn encode(
        log: u64,
        id: EventId,
        after: Option<EventId>,
        time: u64,
        body: &[u8],
    ) -> Vec<u8> {
        let mut row = Vec::with_capacity(body.len() + 29);
        row.extend([0; 4]);
        row.extend(time.to_le_bytes());
        row.push(u8::from(after.is_some()));
        if let Some(after) = after {
            row.extend(after.epoch.to_le_bytes());
            row.extend(after.number.to_le_bytes());
        }
        row.extend(body);
        let sum = Self::sum(log, id, &row[4..]);
        row[..4].copy_from_slice(&sum.to_le_bytes());
        row
    }

    /// Reads a row without looking at its checksum.
    pub(super) fn decode(row: &'a [u8]) -> Result<Self, DiskFailure> {
        Self::parts(row).ok_or(DAMAGED_EVENT)
    }

    fn parts(row: &'a [u8]) -> Option<Self> {
        let mut reader = row.get(4..)?;
        let time = word(&mut reader)?;
        let (has_after, mut body) = reader.split_first()?;
        let after = match has_after {
            0 => None,
            _ => Some(EventId::new(word(&mut body)?, word(&mut body)?)),
        };
        Some(Self {
            row,
            time,
            after,
            body,
        })
    }

    /// Returns the length of the block of the event with this id.
    pub(super) fn block_len(&self, id: EventId) -> usize {
        let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
        "id: -\n".len() + digits(id.epoch) + digits(id.number) + self.body.len().max(1)
    }

    /// Returns the event, if it is what was written under this key.
    pub(super) fn event(&self, log: u64, id: EventId) -> Result<StoredEvent, DiskFailure> {
        let (sum, rest) = self.row.split_first_chunk().ok_or(DAMAGED_EVENT)?;
        if u32::from_le_bytes(*sum) != Self::sum(log, id, rest) {
            return Err(DAMAGED_EVENT);
        }
        Ok(StoredEvent::new(id, self.after, self.body))
    }

    fn sum(log: u64, id: EventId, rest: &[u8]) -> u32 {
        let key = [log, id.epoch, id.number].map(u64::to_le_bytes).concat();
        checksum([&key, rest])
    }
}

const DAMAGED_EVENT: DiskFailure = DiskFailure::Damaged("an event is damaged");

fn word(reader: &mut &[u8]) -> Option<u64> {
    let (word, rest) = reader.split_first_chunk()?;
    *reader = rest;
    Some(u64::from_le_bytes(*word))
}

/// Returns the CRC-32 (ISO 3309) of the parts together.
fn checksum<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let bytes = parts.into_iter().flatten();
    !bytes.fold(!0, |sum, byte| {
        (sum >> 8) ^ CRC[usize::from(sum as u8 ^ byte)]
    })
}

const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 * (sum & 1));
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn d2_rows_are_read_as_they_were_written() {
        assert_eq!(checksum([&b"1234"[..], b"56789"]), 0xCBF4_3926);
        let id = EventId::new(1_763_719_200_000_000, 10);
        for after in [None, Some(EventId::ZERO), Some(EventId::new(7, 8))] {
            for body in [&b""[..], b"data: x\n\n"] {
                let row = EventRow::encode(3, id, after, 99, body);
                let read = EventRow::decode(&row).unwrap();
                let event = read.event(3, id).unwrap();
                assert_eq!(event, StoredEvent::new(id, after, body));
                assert_eq!(read.block_len(id), event.block().len());
                assert_eq!(read.time, 99);
                assert!(read.event(4, id).is_err());
                assert!(read.event(3, id.previous()).is_err());
            }
        }
    }

    #[test]
    fn d2_no_damaged_row_is_taken_for_an_event() {
        let id = EventId::new(5, 1);
        let row = EventRow::encode(3, id, Some(EventId::new(4, 9)), 99, b"data: x\n\n");
        let is_read = |row: &[u8]| EventRow::decode(row).and_then(|it| it.event(3, id)).is_ok();
        assert!(is_read(&row));
        for len in 0..row.len() {
            assert!(!is_read(&row[..len]), "cut to {len}");
        }
        for bit in 0..row.len() * 8 {
            let mut row = row.clone();
            row[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_read(&row), "bit {bit}");
        }
    }

    #[test]
    fn d2_no_damaged_record_is_taken_for_one() {
        let name = LogName::new("job").unwrap();
        let record = LogRecord {
            log: 1,
            run: 2,
            newest: EventId::new(3, 4),
            events: 5,
            bytes: 6,
            used: 7,
            remembered: [8, 9],
        };
        let row = record.encode(&name);
        assert_eq!(LogRecord::decode(&name, &row).unwrap(), record);
        for len in 0..row.len() {
            assert!(LogRecord::decode(&name, &row[..len]).is_err());
        }
        for bit in 0..row.len() * 8 {
            let mut row = row.clone();
            row[bit / 8] ^= 1 << (bit % 8);
            assert!(LogRecord::decode(&name, &row).is_err(), "bit {bit}");
        }
    }
}
