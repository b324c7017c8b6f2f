//! What reading and writing bytes means; the faces next door only translate.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_io_stream::IoStream;
use bytes::Bytes;
use futures::{AsyncBufRead as _, Stream};

use crate::WsStream;

/// Reading is [`IoStream`]'s, through its `poll_fill_buf` alone: that neither zeroes the caller's
/// buffer nor copies more than once. Writing goes straight into the connection, because
/// `IoStream` makes one message of every write, copies it into a fresh `Vec`, and flushes with a
/// waker that wakes nobody.
pub(super) struct Engine {
    chunks: IoStream<Chunks, Bytes>,
}

impl Engine {
    pub(super) fn new(stream: WsStream) -> Self {
        Self {
            chunks: IoStream::new(Chunks(stream)),
        }
    }

    pub(super) fn stream(&self) -> &WsStream {
        &self.chunks.inner().0
    }

    pub(super) fn poll_fill_buf(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.chunks).poll_fill_buf(cx)
    }

    pub(super) fn consume(&mut self, amount: usize) {
        Pin::new(&mut self.chunks).consume(amount);
    }

    /// Reads once: hands what is there to `take`, which says how much of it it took.
    pub(super) fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let taken = take(ready!(self.poll_fill_buf(cx))?);
        self.consume(taken);
        Poll::Ready(Ok(taken))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()
            .core()
            .poll_write(cx, bytes)
            .map_err(Into::into)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().core().poll_flush(cx).map_err(Into::into)
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().core().poll_close(cx).map_err(Into::into)
    }
}

/// The payloads of the messages. Empty ones are left out: to [`IoStream`], which panics on them
/// in `poll_fill_buf`, they must not exist, and to a reader they would look like the end.
struct Chunks(WsStream);

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        for _ in 0..EMPTY_PER_POLL {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(message)) if message.is_empty() => {}
                Some(Ok(message)) => return Poll::Ready(Some(Ok(message.into_bytes()))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How many empty messages are skipped until other tasks get their turn.
const EMPTY_PER_POLL: usize = 256;
