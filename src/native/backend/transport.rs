//! The byte transport below a WebSocket, with its type erased.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::target::frames::http_head::HttpHead;

/// A byte stream that a WebSocket can run over.
pub(crate) trait ByteTransport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteTransport for T {}

/// The size of a read during the opening handshake, in bytes.
const READ: usize = 4 * 1024;

/// A transport during the opening handshake: keeps what was read behind the HTTP head, which are
/// frames already.
pub(crate) struct HandshakeTransport {
    io: Box<dyn ByteTransport>,
    head: HttpHead,
    read: Vec<u8>,
    taken: usize,
}

impl HandshakeTransport {
    pub(crate) fn new(io: Box<dyn ByteTransport>) -> Self {
        Self {
            io,
            head: HttpHead::default(),
            read: Vec::new(),
            taken: 0,
        }
    }

    /// Returns the transport, and what was read of the frames.
    pub(crate) fn into_parts(mut self) -> (Box<dyn ByteTransport>, Vec<u8>) {
        (self.io, self.read.split_off(self.taken))
    }
}

impl AsyncRead for HandshakeTransport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.taken == this.read.len() {
            this.read.resize(READ, 0);
            let mut read = ReadBuf::new(&mut this.read);
            let polled = Pin::new(&mut this.io).poll_read(cx, &mut read);
            let len = read.filled().len();
            this.read.truncate(len);
            this.taken = 0;
            ready!(polled)?;
        }
        let rest = &this.read[this.taken..];
        let rest = &rest[..rest.len().min(buf.remaining())];
        let taken = this.head.take(rest);
        buf.put_slice(&rest[..taken]);
        this.taken += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HandshakeTransport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
