//! The bytes that were read and not parsed yet.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::target::frames::{buffer_pool, writer::FRAME_HEADER};

/// The size of a read when nothing is known of what comes, in bytes.
const FIRST_READ: usize = 4 * 1024;

/// A buffer of the thread's pool while there is something in it, and nothing otherwise: the
/// beginning of a header, which may be all there is for a long time, waits in a place of its own.
#[derive(Default)]
pub(super) struct InputBuffer {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    header: [u8; FRAME_HEADER],
    header_len: usize,
    /// `true` if the last read returned all it asked for.
    is_busy: bool,
}

impl InputBuffer {
    pub(super) fn new(read: &[u8]) -> Self {
        Self {
            buffer: read.into(),
            end: read.len(),
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.header_len > 0 {
            &self.header[..self.header_len]
        } else {
            &self.buffer[self.start..self.end]
        }
    }

    #[inline]
    pub(super) fn consume(&mut self, len: usize) {
        if self.header_len > 0 {
            self.header.copy_within(len..self.header_len, 0);
            self.header_len -= len;
        } else {
            self.start += len;
        }
    }

    /// Returns the buffer to the pool; it must be empty.
    #[inline]
    pub(super) fn give_back(&mut self) {
        (self.start, self.end) = (0, 0);
        self.is_busy = false;
        buffer_pool::give_back(mem::take(&mut self.buffer));
    }

    /// Reads more behind what is there, `expected` bytes and a little if so many are known to
    /// come; returns 0 at the end of the transport.
    ///
    /// At most a part of a header is left when this is called.
    pub(super) fn poll_fill(
        &mut self,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
        expected: usize,
    ) -> Poll<io::Result<usize>> {
        let wanted = if self.is_busy {
            buffer_pool::SIZE
        } else {
            expected + FIRST_READ
        };
        self.take_buffer();
        let room = wanted.min(self.buffer.len()).max(self.end);
        let mut buf = ReadBuf::new(&mut self.buffer[self.end..room]);
        let read = io.poll_read(cx, &mut buf);
        let (filled, remaining) = (buf.filled().len(), buf.remaining());
        self.end += filled;
        self.is_busy = read.is_ready() && remaining == 0;
        if filled == 0 {
            self.keep_header();
        }
        read.map_ok(|()| filled)
    }

    /// Gets a buffer from the pool, if there is none, and moves what is left to its front.
    fn take_buffer(&mut self) {
        let len = self.bytes().len();
        if self.buffer.len() == buffer_pool::SIZE {
            self.buffer.copy_within(self.start..self.end, 0);
        } else {
            let mut buffer = buffer_pool::take(buffer_pool::SIZE);
            buffer[..len].copy_from_slice(self.bytes());
            self.buffer = buffer;
            self.header_len = 0;
        }
        (self.start, self.end) = (0, len);
    }

    /// Returns the buffer to the pool, and keeps the part of a header that is in it.
    fn keep_header(&mut self) {
        let left = self.start..self.end;
        if let Some(header) = self.header.get_mut(..left.len()) {
            header.copy_from_slice(&self.buffer[left.clone()]);
            self.header_len = left.len();
            self.give_back();
        }
    }
}

impl Drop for InputBuffer {
    fn drop(&mut self) {
        self.give_back();
    }
}
