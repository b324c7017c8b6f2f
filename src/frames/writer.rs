//! The writing half of RFC 6455: messages in, frames out.

mod chunk;

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    iter,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use self::chunk::{Chunk, KEPT};
use super::{Role, buffer_pool, mask::gather};
use crate::{WsMessage, event::CloseFrame};

/// The longest frame header, in bytes (RFC 6455 § 5.2).
pub(crate) const FRAME_HEADER: usize = 14;

/// The payload up to which a copy is cheaper than a second piece for the system to write.
const SMALL: usize = 4 * 1024;

/// The payload from which on it is written from where it lies instead of being copied.
const LARGE: usize = 16 * 1024;

/// The number of pieces that are written at once.
const PIECES: usize = 16;

/// Makes frames, and keeps what the transport has not taken yet, in order.
///
/// What waits is held in chunks that are never moved, however much there is. Payloads that need no
/// mask are not copied if they are large.
pub(crate) struct FrameWriter {
    role: Role,
    chunks: VecDeque<Chunk>,
    /// The bytes in all chunks.
    len: usize,
}

impl FrameWriter {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            chunks: VecDeque::new(),
            len: 0,
        }
    }

    /// Returns how many bytes wait for the transport.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes everything that waits.
    pub(crate) fn poll_write(
        &mut self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.len > 0 {
            let is_vectored = self.chunks.len() > 1 && io.is_write_vectored();
            let written = if is_vectored {
                let chunks = self.chunks.iter().take(PIECES);
                let pieces: Vec<_> = chunks.map(|chunk| IoSlice::new(chunk.as_ref())).collect();
                ready!(io.as_mut().poll_write_vectored(cx, &pieces))
            } else {
                let front = self.chunks.front().map_or(&[][..], Chunk::as_ref);
                ready!(io.as_mut().poll_write(cx, front))
            };
            self.advance(nonzero(written?)?);
        }
        Poll::Ready(Ok(()))
    }

    /// Discards everything that waits.
    pub(crate) fn clear(&mut self) {
        self.advance(self.len);
    }

    /// Takes a message, to be written later.
    pub(crate) fn push_message(&mut self, message: &WsMessage) -> io::Result<()> {
        let (kind, payload) = match message {
            WsMessage::Text(text) => (Data::Text, text.as_bytes()),
            WsMessage::Binary(bytes) => (Data::Binary, &bytes[..]),
        };
        let header = Header::new(OpCode::Data(kind), self.role, payload.len())?;
        if header.key.is_none() && payload.len() >= LARGE {
            self.push_bytes(header.as_ref());
            self.push_shared(message.clone().into_bytes());
        } else {
            self.push_frame(&header, iter::once(payload), payload.len());
        }
        Ok(())
    }

    pub(crate) fn push_ping(&mut self) -> io::Result<()> {
        self.push_control(Control::Ping, &[])
    }

    pub(crate) fn push_pong(&mut self, payload: &[u8]) -> io::Result<()> {
        self.push_control(Control::Pong, payload)
    }

    pub(crate) fn push_close(&mut self, frame: Option<&CloseFrame>) -> io::Result<()> {
        let mut payload = Vec::new();
        if let Some(frame) = frame {
            payload.extend_from_slice(&u16::from(frame.code).to_be_bytes());
            payload.extend_from_slice(frame.reason.as_bytes());
        }
        self.push_control(Control::Close, &payload)
    }

    fn push_control(&mut self, control: Control, payload: &[u8]) -> io::Result<()> {
        let header = Header::new(OpCode::Control(control), self.role, payload.len())?;
        self.push_frame(&header, iter::once(payload), payload.len());
        Ok(())
    }

    /// Makes a binary message of the first `len` of some bytes, and writes of it what the
    /// transport takes at once.
    pub(crate) fn write_message(
        &mut self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
        len: usize,
    ) -> io::Result<()> {
        let header = Header::new(OpCode::Data(Data::Binary), self.role, len)?;
        let is_copied = header.key.is_some() || len <= SMALL;
        if is_copied || self.len > 0 || !io.is_write_vectored() {
            self.push_frame(&header, first(bytes, len), len);
            return match self.poll_write(io, cx) {
                Poll::Ready(written) => written,
                Poll::Pending => Ok(()),
            };
        }
        let slices: Vec<_> = iter::once(header.as_ref())
            .chain(first(bytes, len))
            .collect();
        let pieces: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut written = match io.as_mut().poll_write_vectored(cx, &pieces) {
            Poll::Ready(written) => nonzero(written?)?,
            Poll::Pending => 0,
        };
        for slice in slices {
            let skipped = written.min(slice.len());
            self.push_bytes(&slice[skipped..]);
            written -= skipped;
        }
        Ok(())
    }

    fn push_frame<'a>(
        &mut self,
        header: &Header,
        payload: impl Iterator<Item = &'a [u8]>,
        len: usize,
    ) {
        let head = header.as_ref();
        let room = self.room(head.len() + len);
        let (before, behind) = room.split_at_mut(head.len());
        before.copy_from_slice(head);
        gather(payload, header.key.unwrap_or_default(), behind);
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.room(bytes.len()).copy_from_slice(bytes);
        }
    }

    fn push_shared(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.chunks.push_back(Chunk::Shared(bytes));
    }

    /// Makes room for so many bytes behind what waits, all in one piece.
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.chunks.back().is_none_or(|chunk| chunk.room() < len) {
            if self.len == 0 {
                self.chunks.clear();
            }
            let least = match self.chunks.back() {
                None | Some(Chunk::Shared(_)) => KEPT,
                Some(Chunk::Frames { .. }) if self.len < LARGE => SMALL,
                Some(Chunk::Frames { .. }) => buffer_pool::SIZE,
            };
            self.chunks.push_back(Chunk::new(len.max(least)));
        }
        self.len += len;
        match self.chunks.back_mut() {
            Some(chunk) => chunk.extend(len),
            None => &mut [],
        }
    }

    /// Drops what was written.
    fn advance(&mut self, mut written: usize) {
        self.len -= written;
        let mut chunks = self.chunks.len();
        while let Some(chunk) = self.chunks.front_mut() {
            let taken = written.min(chunk.as_ref().len());
            chunk.advance(taken);
            written -= taken;
            if !chunk.as_ref().is_empty() {
                return;
            }
            // The last one, if it is small, is there for the next small message.
            if chunks == 1 && chunk.is_kept() {
                return chunk.reset();
            }
            self.chunks.pop_front();
            chunks -= 1;
        }
    }
}

/// A transport that takes nothing will not take more later.
fn nonzero(written: usize) -> io::Result<usize> {
    match written {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Returns the first `len` bytes of some slices.
fn first<'a>(slices: &'a [IoSlice<'_>], len: usize) -> impl Iterator<Item = &'a [u8]> {
    slices.iter().scan(len, |left, slice| {
        let taken = slice.len().min(*left);
        *left -= taken;
        Some(&slice[..taken])
    })
}

/// A formatted header.
struct Header {
    bytes: [u8; FRAME_HEADER],
    len: usize,
    key: Option<[u8; 4]>,
}

impl Header {
    /// A client masks each frame with a key that nobody can predict (RFC 6455 § 5.3).
    fn new(opcode: OpCode, role: Role, payload: usize) -> io::Result<Self> {
        let key = (role == Role::Client).then(rand::random);
        let header = FrameHeader {
            opcode,
            mask: key,
            ..FrameHeader::default()
        };
        let mut bytes = [0; FRAME_HEADER];
        let formatted = header.format(payload as u64, &mut &mut bytes[..]);
        formatted.map_err(io::Error::other)?;
        Ok(Self {
            bytes,
            len: header.len(payload as u64),
            key,
        })
    }

    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
