//! Reading and writing bytes; the faces next door only translate.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use async_io_stream::IoStream;
use bytes::Bytes;
use futures::{AsyncBufRead as _, Stream};

use crate::{
    WsMeta,
    pair::{WsReceiver, WsSender},
};

/// The reading half of a [`WsIo`](crate::WsIo).
///
/// Implements `AsyncRead` and `AsyncBufRead` of tokio and of futures-io, by feature. Dropping it
/// while the writing half lives discards what the peer sends.
///
/// Reading is [`IoStream`]'s, through its `poll_fill_buf` alone: that neither zeroes the caller's
/// buffer nor copies more than once. Writing does not go through it: it makes one message of every
/// write, copies it into a fresh `Vec`, and flushes with a waker that wakes nobody.
pub struct WsReadHalf {
    chunks: IoStream<Chunks, Bytes>,
    meta: WsMeta,
}

impl WsReadHalf {
    pub(super) fn new(receiver: WsReceiver) -> Self {
        Self {
            meta: receiver.meta(),
            chunks: IoStream::new(Chunks {
                receiver,
                is_stopped: false,
            }),
        }
    }

    /// Returns the handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.meta.clone()
    }

    /// Returns the receiver, which yields the unread rest of a message first.
    pub(super) fn into_receiver(mut self) -> WsReceiver {
        // While it is stopped, it yields no more than it has buffered.
        self.chunks.inner_mut().is_stopped = true;
        let mut cx = Context::from_waker(Waker::noop());
        let unread = match Pin::new(&mut self.chunks).poll_fill_buf(&mut cx) {
            Poll::Ready(Ok(unread)) => Bytes::copy_from_slice(unread),
            _ => Bytes::new(),
        };
        self.chunks.inner_mut().receiver.replace(unread)
    }

    pub(super) fn fill_buf(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Pin::new(&mut self.chunks).poll_fill_buf(cx)
    }

    pub(super) fn take(&mut self, amount: usize) {
        Pin::new(&mut self.chunks).consume(amount);
    }

    /// Reads once: hands the buffered bytes to `take`, which returns how many it took.
    pub(super) fn poll_read_with(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let taken = take(ready!(self.fill_buf(cx))?);
        self.take(taken);
        Poll::Ready(Ok(taken))
    }
}

/// The writing half of a [`WsIo`](crate::WsIo).
///
/// Implements `AsyncWrite` of tokio and of futures-io, by feature. Dropping it while the reading
/// half lives leaves the connection open; to close it, shut it down.
pub struct WsWriteHalf {
    sender: WsSender,
}

impl WsWriteHalf {
    pub(super) fn new(sender: WsSender) -> Self {
        Self { sender }
    }

    /// Returns the handle of this connection.
    #[must_use]
    pub fn meta(&self) -> WsMeta {
        self.sender.meta()
    }

    pub(super) fn into_sender(self) -> WsSender {
        self.sender
    }

    pub(super) fn write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.sender.core().poll_write(cx, bytes).map_err(Into::into)
    }

    pub(super) fn flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sender.core().poll_flush(cx).map_err(Into::into)
    }

    pub(super) fn close(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sender.core().poll_close(cx).map_err(Into::into)
    }
}

/// The payloads of the messages. Empty ones are left out: to [`IoStream`], which panics on them
/// in `poll_fill_buf`, they must not exist, and to a reader they would look like the end.
struct Chunks {
    receiver: WsReceiver,
    is_stopped: bool,
}

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_stopped {
            return Poll::Pending;
        }
        for _ in 0..EMPTY_PER_POLL {
            match ready!(Pin::new(&mut self.receiver).poll_next(cx)) {
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

/// The number of empty messages that are skipped until other tasks get their turn.
const EMPTY_PER_POLL: usize = 256;
