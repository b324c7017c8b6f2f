//! The connection below HTTP, as the streams on it need to see it.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// The time a client has to receive the rest of an event stream that has been stopped.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// A cloneable handle to the connection of an HTTP/1 request, which a [`Server`](crate::Server)
/// leaves in its extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionHandle(Arc<ConnectionControl>);

#[derive(Debug, Default)]
struct ConnectionControl {
    aborted: CancellationToken,
    /// Cancelled when the client has ended its sending side while it was held.
    half_closed: CancellationToken,
    holds: AtomicUsize,
    /// Whether it has carried a request.
    requested: AtomicBool,
    /// Whether it has carried an event stream.
    streams: AtomicBool,
    reader: AtomicWaker,
}

impl ConnectionHandle {
    /// Drops the connection. A body cannot end a connection that waits to write.
    pub(crate) fn abort(&self) {
        self.0.aborted.cancel();
    }

    /// Waits until the connection is to be dropped.
    pub(crate) fn aborted(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.aborted.clone().cancelled_owned()
    }

    /// Notes that there is a request.
    pub(crate) fn set_requested(&self) {
        self.0.requested.store(true, Ordering::Release);
    }

    /// Waits until there has been no request for so long, which HTTP does not look at before it
    /// knows its version.
    pub(crate) async fn silent(&self, limit: Duration) {
        sleep(limit).await;
        if self.0.requested.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
    }

    /// Notes that an answer is an event stream.
    pub(crate) fn set_streaming(&self) {
        self.0.streams.store(true, Ordering::Release);
    }

    /// Waits until a client has had its time, after a shutdown, to receive the rest of an event
    /// stream; for ever if there was none.
    pub(crate) async fn overdue(&self) {
        if !self.0.streams.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        sleep(LINGER).await;
    }

    /// Keeps the end of the client's sending side from HTTP, which would drop the connection, and
    /// with it the answer, until the hold is dropped.
    pub(crate) fn hold(&self) -> ReadEndHold {
        self.0.holds.fetch_add(1, Ordering::AcqRel);
        ReadEndHold(self.clone())
    }

    /// Waits until the client has ended its sending side.
    pub(crate) fn half_closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.half_closed.clone().cancelled_owned()
    }
}

/// See [`ConnectionHandle::hold`].
#[derive(Debug)]
pub(crate) struct ReadEndHold(ConnectionHandle);

impl Drop for ReadEndHold {
    fn drop(&mut self) {
        let control = &self.0.0;
        if control.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            control.reader.wake();
        }
    }
}

/// A connection whose end of reading can be held back.
#[derive(Debug)]
pub(crate) struct HoldableIo<I> {
    io: I,
    handle: ConnectionHandle,
    ended: bool,
}

impl<I> HoldableIo<I> {
    pub(crate) fn new(io: I, handle: ConnectionHandle) -> Self {
        Self {
            io,
            handle,
            ended: false,
        }
    }

    pub(crate) fn into_inner(self) -> I {
        self.io
    }

    /// Waits, if the end of reading is held back.
    fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let control = &self.handle.0;
        control.reader.register(cx.waker());
        if control.holds.load(Ordering::Acquire) > 0 {
            control.half_closed.cancel();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for HoldableIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ended {
            let before = buf.remaining();
            ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
            self.ended = before > 0 && buf.remaining() == before;
        }
        if self.ended {
            return self.poll_end(cx);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for HoldableIo<I> {
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
