//! Frames that are written past tungstenite.

use std::{
    io::{self, IoSlice},
    iter, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::{
    Role,
    frame::{
        FrameHeader,
        coding::{Data, OpCode},
    },
};

use super::buffer_pool;

/// How many bytes a frame's header has at most (RFC 6455 § 5.2).
pub(crate) const FRAME_HEADER: usize = 14;

/// The payload up to which copying is cheaper than handing the system two pieces.
const SMALL: usize = 4 * 1024;

/// What is kept for the next little message, in bytes.
const KEPT: usize = 512;

/// What the operating system has not taken yet, of whole frames: it goes before anything else.
///
/// tungstenite copies a message into a buffer that it keeps, however large it was. The frames of
/// messages and of written bytes are made here instead, in memory that goes back when they are
/// written.
#[derive(Default)]
pub(crate) struct FrameWriter {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl FrameWriter {
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Writes what is there.
    pub(crate) fn poll_write(
        &mut self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let rest = &self.buffer[self.start..self.end];
            let written = ready!(io.as_mut().poll_write(cx, rest))?;
            self.start += nonzero(written)?;
        }
        self.clear();
        Poll::Ready(Ok(()))
    }

    /// Forgets what is there.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        if self.buffer.len() > KEPT {
            buffer_pool::give_back(mem::take(&mut self.buffer));
        }
    }

    /// Takes bytes that belong behind what is there.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.buffer[self.end..][..bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Makes a message, to be written later.
    pub(crate) fn push_message(
        &mut self,
        role: Role,
        kind: Data,
        payload: &[u8],
    ) -> io::Result<()> {
        let key = key(role);
        let mut header = [0; FRAME_HEADER];
        let header = format(&mut header, kind, key, payload.len())?;
        self.push_frame(header, key, iter::once(payload), payload.len());
        Ok(())
    }

    /// Makes a binary message of the first `len` of some bytes, and writes of it what `io` takes
    /// at once.
    pub(crate) fn write_message(
        &mut self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        cx: &mut Context<'_>,
        role: Role,
        bytes: &[IoSlice<'_>],
        len: usize,
    ) -> io::Result<()> {
        let key = key(role);
        let mut header = [0; FRAME_HEADER];
        let header = format(&mut header, Data::Binary, key, len)?;
        if key.is_some() || len <= SMALL || !self.is_empty() || !io.is_write_vectored() {
            self.push_frame(header, key, first(bytes, len), len);
            return match self.poll_write(io, cx) {
                Poll::Ready(written) => written,
                Poll::Pending => Ok(()),
            };
        }
        let slices: Vec<_> = iter::once(header).chain(first(bytes, len)).collect();
        let gathered: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut written = match io.as_mut().poll_write_vectored(cx, &gathered) {
            Poll::Ready(written) => nonzero(written?)?,
            Poll::Pending => 0,
        };
        self.reserve(header.len() + len - written);
        for slice in slices {
            let skipped = written.min(slice.len());
            self.push(&slice[skipped..]);
            written -= skipped;
        }
        Ok(())
    }

    fn push_frame<'a>(
        &mut self,
        header: &[u8],
        key: Option<[u8; 4]>,
        slices: impl Iterator<Item = &'a [u8]>,
        len: usize,
    ) {
        self.reserve(header.len() + len);
        self.push(header);
        let payload = &mut self.buffer[self.end..][..len];
        gather(slices, key.unwrap_or_default(), payload);
        self.end += len;
    }

    /// Makes room for so many bytes more.
    fn reserve(&mut self, len: usize) {
        let needed = self.end + len;
        if len == 0 || needed <= self.buffer.len() {
            return;
        }
        let waiting = self.end - self.start;
        let mut buffer = buffer_pool::take((waiting + len).next_power_of_two().max(KEPT));
        buffer[..waiting].copy_from_slice(&self.buffer[self.start..self.end]);
        buffer_pool::give_back(mem::replace(&mut self.buffer, buffer));
        (self.start, self.end) = (0, waiting);
    }
}

/// A system that takes nothing will not take more later.
fn nonzero(written: usize) -> io::Result<usize> {
    match written {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// What a message is masked with: a client's has to be (RFC 6455 § 5.1), by what nobody foresees.
fn key(role: Role) -> Option<[u8; 4]> {
    (role == Role::Client).then(rand::random)
}

fn format(space: &mut [u8], kind: Data, mask: Option<[u8; 4]>, len: usize) -> io::Result<&[u8]> {
    let header = FrameHeader {
        opcode: OpCode::Data(kind),
        mask,
        ..FrameHeader::default()
    };
    let formatted = header.format(len as u64, &mut &mut *space);
    formatted.map_err(io::Error::other)?;
    Ok(&space[..header.len(len as u64)])
}

/// The first `len` bytes of some slices.
fn first<'a>(slices: &'a [IoSlice<'_>], len: usize) -> impl Iterator<Item = &'a [u8]> {
    slices.iter().scan(len, |left, slice| {
        let taken = slice.len().min(*left);
        *left -= taken;
        Some(&slice[..taken])
    })
}

/// Puts slices together, masked (RFC 6455 § 5.3) by one pass over them; by zeros, as they are.
fn gather<'a>(slices: impl Iterator<Item = &'a [u8]>, mut key: [u8; 4], mut target: &mut [u8]) {
    for slice in slices {
        let (head, tail) = mem::take(&mut target).split_at_mut(slice.len());
        if key == [0; 4] {
            head.copy_from_slice(slice);
        } else {
            let (words, rest) = slice.as_chunks::<8>();
            let (masked, masked_rest) = head.as_chunks_mut::<8>();
            for (masked, word) in masked.iter_mut().zip(words) {
                *masked = (u64::from_ne_bytes(*word) ^ wide(key)).to_ne_bytes();
            }
            masked_rest.copy_from_slice(rest);
            mask(key, masked_rest);
            key.rotate_left(slice.len() % 4);
        }
        target = tail;
    }
}

/// Masks a payload, or unmasks it, eight bytes at a time.
pub(crate) fn mask(key: [u8; 4], payload: &mut [u8]) {
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(wide(key).to_ne_bytes()) {
        *byte ^= key;
    }
}

fn wide([a, b, c, d]: [u8; 4]) -> u64 {
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_masked_however_it_is_cut() {
        let key = [0x12, 0x34, 0x56, 0x78];
        let payload: Vec<u8> = (0..50).collect();
        let byte_by_byte = payload.iter().zip(key.iter().cycle());
        let expected: Vec<u8> = byte_by_byte.map(|(byte, key)| byte ^ key).collect();
        for first in 0..payload.len() {
            for second in first..payload.len() {
                let slices = [
                    &payload[..first],
                    &payload[first..second],
                    &payload[second..],
                ];
                let mut masked = vec![0; payload.len()];
                gather(slices.into_iter(), key, &mut masked);
                assert_eq!(masked, expected);
                mask(key, &mut masked);
                assert_eq!(masked, payload);
                gather(slices.into_iter(), [0; 4], &mut masked);
                assert_eq!(masked, payload);
            }
        }
    }
}
