//! The transport below an upgraded connection.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade::downcast};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::HoldableIo;

/// Returns the transport below an upgraded connection of a [`Server`](crate::Server), and the bytes
/// read ahead, for handlers that speak a protocol of their own. Returns `None` if the connection is
/// another's, or HTTP/2's.
#[must_use]
pub fn transport<I>(upgraded: Upgraded) -> Option<(I, Bytes)>
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let parts = downcast::<TokioIo<HoldableIo<I>>>(upgraded).ok()?;
    Some((parts.io.into_inner().into_inner()?, parts.read_buf))
}

/// A transport of any type.
pub(crate) trait AnyTransport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> AnyTransport for T {}

/// The way to the transport below the connection of a request, which a [`Server`](crate::Server)
/// leaves in the extensions: all that HTTP has put around it would cost each message something.
#[derive(Clone, Copy)]
pub(crate) struct BareTransport(fn(Upgraded) -> Box<dyn AnyTransport>);

impl BareTransport {
    pub(crate) fn of<I>() -> Self
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(|upgraded| {
            let parts = match downcast::<TokioIo<HoldableIo<I>>>(upgraded) {
                Ok(parts) => parts,
                Err(upgraded) => return Box::new(TokioIo::new(upgraded)),
            };
            match parts.io.into_inner().into_inner() {
                Some(io) if parts.read_buf.is_empty() => Box::new(io),
                Some(io) => Box::new(PrefixedIo {
                    read: parts.read_buf,
                    io,
                }),
                // It has left HTTP, which then does not upgrade it.
                None => Box::new(tokio::io::empty()),
            }
        })
    }

    pub(crate) fn below(self, upgraded: Upgraded) -> Box<dyn AnyTransport> {
        self.0(upgraded)
    }
}

/// A transport of which some bytes have been read ahead.
struct PrefixedIo<I> {
    read: Bytes,
    io: I,
}

impl<I: AsyncRead + Unpin> AsyncRead for PrefixedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let len = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..len]);
        self.read.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for PrefixedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
