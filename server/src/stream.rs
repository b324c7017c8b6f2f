//! The TCP connection below HTTP, wrapped so that a route can cut it or hold its bytes back.
//!
//! The server above knows nothing of that: it is given a listener whose connections are wrapped,
//! and whose addresses carry the handles that the routes pull at.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::serve::Listener;
use bytes::{Buf, Bytes};
use futures::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, Interest, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// A TCP listener whose connections can be cut.
#[derive(Debug)]
pub(crate) struct CuttableListener(pub(crate) TcpListener);

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (CuttableStream, Peer) {
        let (tcp, addr) = Listener::accept(&mut self.0).await;
        // Small messages are to leave at once; that it cannot be set is no reason to refuse.
        let _ = tcp.set_nodelay(true);
        let peer = Peer::new(addr);
        (CuttableStream::new(tcp, &peer), peer)
    }

    fn local_addr(&self) -> io::Result<Peer> {
        self.0.local_addr().map(Peer::new)
    }
}

/// The address of a client, with handles to its connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) addr: SocketAddr,
    pub(crate) cork: Cork,
    pub(crate) cut: Cut,
}

impl Peer {
    fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            cork: Cork::default(),
            cut: Cut::default(),
        }
    }
}

/// Holds back the bytes written to one connection, so that they leave together with what follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cork(Arc<AtomicBool>);

impl Cork {
    /// Holds everything back until [`CuttableStream::uncork`].
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Ends one connection abruptly, as a failing network does: without a Close frame, or in the
/// middle of a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<CutPoint>);

#[derive(Debug, Default)]
struct CutPoint {
    at_flush: AtomicBool,
    done: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Cut {
    /// Cuts the connection now.
    pub(crate) fn now(&self) {
        self.0.done.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Cuts the connection after the next flush.
    pub(crate) fn at_flush(&self) {
        self.0.at_flush.store(true, Ordering::Release);
    }

    /// Returns a handle that does not outlive the connection.
    pub(crate) fn downgrade(&self) -> WeakCut {
        WeakCut(Arc::downgrade(&self.0))
    }

    fn flushed(&self) {
        if self.0.at_flush.load(Ordering::Acquire) {
            self.now();
        }
    }

    /// Fails from the cut on, and wakes this task at the cut.
    fn check(&self, waker: &AtomicWaker, cx: &Context<'_>) -> io::Result<()> {
        waker.register(cx.waker());
        if self.0.done.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// A [`Cut`] that does not outlive the connection.
#[derive(Debug, Clone)]
pub(crate) struct WeakCut(Weak<CutPoint>);

impl WeakCut {
    /// Returns the cut, if the connection is still there.
    pub(crate) fn upgrade(&self) -> Option<Cut> {
        self.0.upgrade().map(Cut)
    }
}

/// A TCP connection that can be corked and cut, and that can be given back what was read too far.
#[derive(Debug)]
pub(crate) struct CuttableStream {
    tcp: TcpStream,
    read_ahead: Bytes,
    cork: Cork,
    held: Vec<u8>,
    cut: Cut,
}

impl CuttableStream {
    fn new(tcp: TcpStream, peer: &Peer) -> Self {
        Self {
            tcp,
            read_ahead: Bytes::new(),
            cork: peer.cork.clone(),
            held: Vec::new(),
            cut: peer.cut.clone(),
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

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cut.check(&self.cut.0.reader, cx)?;
        if self.read_ahead.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buf);
        }
        let len = self.read_ahead.len().min(buf.remaining());
        buf.put_slice(&self.read_ahead[..len]);
        self.read_ahead.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cork.is_set() {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.cut.check(&self.cut.0.writer, cx)?;
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
        self.cut.check(&self.cut.0.writer, cx)?;
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
        Poll::Ready(self.cut.check(&self.cut.0.writer, cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

impl CuttableStream {
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
