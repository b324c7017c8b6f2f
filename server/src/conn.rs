//! The TCP connection below HTTP, which comes back out of it after an upgrade.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf},
    net::TcpStream,
};

/// Holds back what is written to one connection, so that it leaves together with what follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cork(Arc<AtomicBool>);

impl Cork {
    /// From here on nothing leaves the connection until [`Conn::uncork`].
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Ends one connection where it is, as when the network fails: without a Close frame, or in the
/// middle of a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Cuts>);

#[derive(Debug, Default)]
struct Cuts {
    at_flush: AtomicBool,
    done: AtomicBool,
}

impl Cut {
    /// Nothing works any more.
    pub(crate) fn now(&self) {
        self.0.done.store(true, Ordering::Release);
    }

    /// What is written up to the next flush goes out, and then nothing works any more.
    pub(crate) fn at_flush(&self) {
        self.0.at_flush.store(true, Ordering::Release);
    }

    fn flushed(&self) {
        if self.0.at_flush.load(Ordering::Acquire) {
            self.now();
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.0.done.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// A TCP connection that can be corked and cut, and that can be given back what was read too far.
#[derive(Debug)]
pub(crate) struct Conn {
    tcp: TcpStream,
    read_ahead: Bytes,
    cork: Cork,
    held: Vec<u8>,
    cut: Cut,
}

impl Conn {
    pub(crate) fn new(tcp: TcpStream, cork: Cork, cut: Cut) -> Self {
        Self {
            tcp,
            read_ahead: Bytes::new(),
            cork,
            held: Vec::new(),
            cut,
        }
    }

    /// Gives back what HTTP has read beyond its own end.
    pub(crate) fn with_read_ahead(mut self, bytes: Bytes) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// Sends what was held back and `more` in one write, and lets everything pass from then on.
    pub(crate) async fn uncork(&mut self, more: &[u8]) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(more);
        self.cork.0.store(false, Ordering::Release);
        self.tcp.write_all(&bytes).await
    }

    /// Ends the connection with a TCP reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.tcp.set_zero_linger()
    }

    /// Waits until the client has gone, without reading what it sends.
    pub(crate) async fn client_gone(&self) -> io::Result<()> {
        loop {
            let ready = self.tcp.ready(Interest::READABLE).await?;
            if ready.is_read_closed() {
                return Ok(());
            }
            // Nothing is read: this only makes the next call wait for something new.
            let _ = self.tcp.try_io(Interest::READABLE, || {
                Err::<(), _>(io::ErrorKind::WouldBlock.into())
            });
        }
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cut.check()?;
        if self.read_ahead.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let len = self.read_ahead.len().min(buf.remaining());
        buf.put_slice(&self.read_ahead[..len]);
        self.read_ahead.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cork.is_set() {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.cut.check()?;
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.cork.is_set() {
            slices.iter().for_each(|it| self.held.extend_from_slice(it));
            return Poll::Ready(Ok(slices.iter().map(|it| it.len()).sum()));
        }
        self.cut.check()?;
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cork.is_set() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_held(cx))?;
        ready!(Pin::new(&mut self.tcp).poll_flush(cx))?;
        self.cut.flushed();
        Poll::Ready(self.cut.check())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl Conn {
    /// Sends what was held back.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let sent = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.held))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}
