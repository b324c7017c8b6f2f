//! The way in which a server frames the bytes of an event stream, and the events in them.

use anyhow::{Context as _, Result, bail, ensure};

/// The byte before the number of an event. It is nowhere else in a stream.
pub(crate) const MARK: u8 = b'#';

/// The digits of the number of an event.
const DIGITS: u32 = 8;

/// The size of an event's data, in bytes.
const DATA: usize = 100;

/// Returns the data of an event.
pub(crate) fn data(number: u64) -> String {
    let mark = char::from(MARK);
    let numbered = format!("{mark}{number:0width$}", width = DIGITS as usize);
    format!("{numbered:x<DATA$}")
}

/// Returns the id of an event, as long as wsio's are.
pub(crate) fn id(number: u64) -> String {
    format!("1234567890123456-{number}")
}

/// Reads the framing of a server's answer.
#[derive(Debug, Clone)]
pub(crate) enum Framing {
    /// The stream itself.
    Bare,
    /// Chunks of HTTP/1.1 (RFC 9112 § 7.1).
    Chunks { size: usize, left: usize },
    /// Messages of WebSocket (RFC 6455 § 5.2).
    Messages {
        header: [u8; 10],
        len: usize,
        left: usize,
    },
}

/// A part of what a server sent.
pub(crate) enum Part<'a> {
    /// Bytes of the event stream.
    Stream(&'a [u8]),
    /// A Ping, which has to be answered.
    Ping,
}

impl Framing {
    pub(crate) fn chunks() -> Self {
        Self::Chunks { size: 0, left: 0 }
    }

    pub(crate) fn messages() -> Self {
        Self::Messages {
            header: [0; 10],
            len: 0,
            left: 0,
        }
    }

    /// Takes the next part off the front of `bytes`. Returns `None` if they are used up.
    pub(crate) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Part<'a>>> {
        while !bytes.is_empty() {
            match self {
                Self::Bare => return Ok(Some(Part::Stream(std::mem::take(bytes)))),
                Self::Chunks { left, .. } | Self::Messages { left, .. } if *left > 0 => {
                    let (part, rest) = bytes.split_at(bytes.len().min(*left));
                    *bytes = rest;
                    *left -= part.len();
                    return Ok(Some(Part::Stream(part)));
                }
                Self::Chunks { size, left } => match take(bytes) {
                    b'\r' => {}
                    // An empty line ends the chunk before.
                    b'\n' => *left = std::mem::take(size),
                    digit => {
                        let digit = char::from(digit).to_digit(16);
                        *size = *size * 16 + digit.context("no size of a chunk")? as usize;
                    }
                },
                Self::Messages { header, len, left } => {
                    header[*len] = take(bytes);
                    *len += 1;
                    let Some(payload) = payload(&header[..*len]) else {
                        continue;
                    };
                    *len = 0;
                    match header[0] & 0xf {
                        0..=2 => *left = payload,
                        9 => {
                            ensure!(payload == 0, "a Ping with a payload");
                            return Ok(Some(Part::Ping));
                        }
                        opcode => bail!("a frame of kind {opcode}"),
                    }
                }
            }
        }
        Ok(None)
    }
}

fn take(bytes: &mut &[u8]) -> u8 {
    let (first, rest) = bytes.split_at(1);
    *bytes = rest;
    first[0]
}

/// Returns the size of the payload, if the header is complete.
fn payload(header: &[u8]) -> Option<usize> {
    let size = usize::from(header.get(1)? & 0x7f);
    let more = match size {
        126 => header.get(2..4)?,
        127 => header.get(2..10)?,
        size => return Some(size),
    };
    Some(more.iter().fold(0, |sum, &it| sum << 8 | usize::from(it)))
}

/// Finds the numbers of the events in a stream, and checks that none is missing.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// The number of the newest event.
    pub(crate) newest: u64,
    /// The digits that have been read of the next one, and their number.
    partial: Option<(u32, u64)>,
}

impl Numbers {
    pub(crate) fn new(newest: u64) -> Self {
        Self {
            newest,
            partial: None,
        }
    }

    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let Some((digits, value)) = &mut self.partial else {
                let Some(at) = bytes.iter().position(|it| *it == MARK) else {
                    return Ok(());
                };
                bytes = &bytes[at + 1..];
                self.partial = Some((0, 0));
                continue;
            };
            let digit = char::from(take(&mut bytes)).to_digit(10);
            *value = *value * 10 + u64::from(digit.context("no digit")?);
            *digits += 1;
            if *digits == DIGITS {
                let expected = self.newest + 1;
                ensure!(
                    *value == expected,
                    "{value} came in the place of {expected}"
                );
                self.newest = expected;
                self.partial = None;
            }
        }
        Ok(())
    }
}
