//! An event stream that is written to its connection without HTTP in between.
//!
//! A subscriber costs the memory of HTTP's buffers no longer, and an event the way through them.

use std::{
    future::Future,
    io::{self, IoSlice, Write as _},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::{Stream, future::BoxFuture};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wsio_events::EventFeed;

use super::{COMMENT, Probe};
use crate::connection::WriteLimit;

/// The size up to which a copy is cheaper than several pieces for the system to write, in bytes.
const SMALL: usize = 2 * 1024;

/// The size of a longest head of a chunk, in bytes.
const HEAD: usize = 18;

/// The most that is read and discarded of what a client sends, in bytes. A client that sends more
/// is held back by TCP; that it has gone then shows when something is written to it.
const MAX_DISCARDED: usize = 64 * 1024;

/// The end of the body (RFC 9112 § 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes a feed in chunks, until it ends or the connection does.
pub(super) fn write<I>(
    io: I,
    feed: EventFeed,
    limit: WriteLimit,
) -> impl Future<Output = io::Result<()>>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    DirectStream {
        io,
        feed,
        limit,
        stalled: None,
        chunk: OutChunk::default(),
        probe: None,
        discarded: 0,
        is_over: false,
    }
}

struct DirectStream<I> {
    io: I,
    feed: EventFeed,
    limit: WriteLimit,
    stalled: Option<BoxFuture<'static, ()>>,
    chunk: OutChunk,
    /// After the client has ended its sending side.
    probe: Option<Probe>,
    /// The bytes that were read and discarded.
    discarded: usize,
    /// Whether the last chunk has been taken up.
    is_over: bool,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Future for DirectStream<I> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            // The end of the connection is noticed, also while nothing can be written.
            let read = this.poll_input(cx)?;
            match this.poll_output(cx) {
                Poll::Pending if read.is_ready() => {}
                output => return output,
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> DirectStream<I> {
    /// Writes all that is there, and closes after the last of it.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.chunk.is_empty() {
                ready!(self.poll_write(cx))?;
            }
            if self.is_over {
                return Pin::new(&mut self.io).poll_shutdown(cx);
            }
            match Pin::new(&mut self.feed).poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => self.chunk = OutChunk::new(bytes)?,
                Poll::Ready(None) => {
                    self.chunk = OutChunk::last();
                    self.is_over = true;
                }
                Poll::Pending => {
                    let Some(probe) = &mut self.probe else {
                        return Poll::Pending;
                    };
                    ready!(probe.poll(cx));
                    self.chunk = OutChunk::new(COMMENT)?;
                }
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.chunk.poll_write(&mut self.io, cx) {
            Poll::Ready(written) => {
                self.stalled = None;
                Poll::Ready(written)
            }
            Poll::Pending => {
                let stalled = self.stalled.get_or_insert_with(|| (self.limit)());
                ready!(stalled.as_mut().poll(cx));
                tracing::debug!("a subscriber does not read");
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Reads and discards what the client sends, up to a limit: the head of the answer told it to
    /// send nothing more. Ready when it has ended its sending side just now.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<()>> {
        let mut bytes = [0; 64];
        while self.probe.is_none() && self.discarded < MAX_DISCARDED {
            let mut buf = ReadBuf::new(&mut bytes);
            let Poll::Ready(read) = Pin::new(&mut self.io).poll_read(cx, &mut buf) else {
                break;
            };
            read?;
            if buf.filled().is_empty() {
                self.probe = Some(Probe::Idle);
                return Ok(Poll::Ready(()));
            }
            self.discarded += buf.filled().len();
        }
        Ok(Poll::Pending)
    }
}

/// A chunk (RFC 9112 § 7.1) on its way.
#[derive(Default)]
struct OutChunk {
    head: [u8; HEAD],
    head_len: usize,
    bytes: Bytes,
    tail: &'static [u8],
    written: usize,
}

impl OutChunk {
    fn new(bytes: Bytes) -> io::Result<Self> {
        let mut head = [0; HEAD];
        let mut rest = &mut head[..];
        write!(rest, "{:x}\r\n", bytes.len())?;
        let head_len = HEAD - rest.len();
        Ok(Self {
            head,
            head_len,
            bytes,
            tail: b"\r\n",
            written: 0,
        })
    }

    fn last() -> Self {
        Self {
            tail: LAST_CHUNK,
            ..Self::default()
        }
    }

    fn len(&self) -> usize {
        self.head_len + self.bytes.len() + self.tail.len()
    }

    fn is_empty(&self) -> bool {
        self.written >= self.len()
    }

    /// Returns what is not written yet.
    fn rest(&self) -> [&[u8]; 3] {
        let head = self.head.get(..self.head_len).unwrap_or_default();
        let mut written = self.written;
        [head, &self.bytes, self.tail].map(|part| {
            let skipped = written.min(part.len());
            written -= skipped;
            &part[skipped..]
        })
    }

    /// Writes as much as the transport takes at once.
    fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let parts = self.rest();
        let left = self.len() - self.written;
        let written = if left <= SMALL || !io.is_write_vectored() {
            let mut copy = [0; SMALL];
            let mut room = &mut copy[..];
            for part in parts {
                // What does not fit is for the next write.
                let _ = room.write(part)?;
            }
            let len = SMALL - room.len();
            ready!(Pin::new(io).poll_write(cx, &copy[..len]))?
        } else {
            ready!(Pin::new(io).poll_write_vectored(cx, &parts.map(IoSlice::new)))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += written;
        if self.is_empty() {
            *self = Self::default();
        }
        Poll::Ready(Ok(()))
    }
}
