//! The connection below HTTP, as the streams on it need to see it.

use std::{
    fmt,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{future::BoxFuture, task::AtomicWaker};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

/// The time a client has to receive the rest of an event stream that has been stopped.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// A cloneable handle to the connection of an HTTP/1 request, which a [`Server`](crate::Server)
/// leaves in its extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionHandle(Arc<ConnectionControl>);

#[derive(Default)]
struct ConnectionControl {
    /// Cancelled when the client has ended its sending side while it was held, and the same where
    /// it is looked at often.
    half_closed: CancellationToken,
    is_half_closed: AtomicBool,
    holds: AtomicUsize,
    /// Whether it has carried a request.
    requested: AtomicBool,
    /// Whether it has carried an event stream.
    streams: AtomicBool,
    reader: AtomicWaker,
    /// The limit of a write, while an event stream is written.
    write_limit: Mutex<Option<WriteLimit>>,
    /// Whether the head of the answer is all that HTTP writes on this connection from now on.
    is_leaving: AtomicBool,
}

/// Makes a future that resolves when a write that cannot go on has taken too long.
pub(crate) type WriteLimit = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl ConnectionHandle {
    /// Notes that there is a request.
    pub(crate) fn set_requested(&self) {
        self.0.requested.store(true, Ordering::Release);
        let before = self.0.write_limit().take();
        drop(before);
    }

    /// Notes that an answer is an event stream. When a write cannot go on, `limit` is called, and
    /// the connection fails if its future resolves before the transport takes anything. A body
    /// cannot end a connection that waits to write.
    pub(crate) fn set_streaming(&self, limit: WriteLimit) {
        self.0.streams.store(true, Ordering::Release);
        let before = self.0.write_limit().replace(limit);
        drop(before);
    }

    /// Notes that HTTP is to write what it has, and then to leave the connection to somebody else.
    pub(crate) fn leave(&self) {
        self.0.is_leaving.store(true, Ordering::Release);
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

impl ConnectionControl {
    fn write_limit(&self) -> MutexGuard<'_, Option<WriteLimit>> {
        self.write_limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConnectionControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionControl").finish_non_exhaustive()
    }
}

/// See [`ConnectionHandle::hold`].
#[derive(Debug)]
pub(crate) struct ReadEndHold(ConnectionHandle);

impl ReadEndHold {
    /// Returns whether the client has ended its sending side.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.0.0.is_half_closed.load(Ordering::Acquire)
    }
}

impl Drop for ReadEndHold {
    fn drop(&mut self) {
        let control = &self.0.0;
        if control.holds.fetch_sub(1, Ordering::AcqRel) == 1 {
            control.reader.wake();
        }
    }
}

/// A connection whose end of reading can be held back, and whose reading and writing can take too
/// long.
pub(crate) struct HoldableIo<I> {
    /// `None` after it has [left](ConnectionHandle::leave).
    io: Option<I>,
    exit: Exit<I>,
    handle: ConnectionHandle,
    ended: bool,
    /// The time for the first request, which HTTP does not look at before it knows its version.
    patience: Option<Pin<Box<Sleep>>>,
    /// The limit of a write that cannot go on.
    stalled: Option<BoxFuture<'static, ()>>,
}

/// The place to which a transport goes when it [leaves](ConnectionHandle::leave) HTTP.
pub(crate) struct Exit<I>(Arc<Mutex<Option<I>>>);

impl<I> Exit<I> {
    /// Returns the transport, if it has left.
    pub(crate) fn take(&self) -> Option<I> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I> HoldableIo<I> {
    /// Wraps a connection, which fails if there is no request within `patience`.
    pub(crate) fn new(io: I, handle: ConnectionHandle, patience: Duration) -> (Self, Exit<I>) {
        let exit = Arc::new(Mutex::new(None));
        let this = Self {
            io: Some(io),
            exit: Exit(Arc::clone(&exit)),
            handle,
            ended: false,
            patience: Some(Box::pin(sleep(patience))),
            stalled: None,
        };
        (this, Exit(exit))
    }

    pub(crate) fn into_inner(self) -> Option<I> {
        self.io
    }

    /// Waits, if the end of reading is held back.
    fn poll_end(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let control = &self.handle.0;
        control.reader.register(cx.waker());
        if control.holds.load(Ordering::Acquire) > 0 {
            if !control.is_half_closed.swap(true, Ordering::AcqRel) {
                control.half_closed.cancel();
                // The body of the answer has something to do.
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when the first request has taken too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.handle.0.requested.load(Ordering::Acquire) {
            self.patience = None;
        }
        match &mut self.patience {
            Some(patience) => patience.as_mut().poll(cx).map(|()| Err(timed_out())),
            None => Poll::Pending,
        }
    }

    /// Returns what came of a write, or an error when it has taken too long.
    fn limit<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.stalled.is_some() {
                self.stalled = None;
            }
            return written;
        }
        if self.stalled.is_none() {
            self.stalled = self.handle.0.write_limit().as_ref().map(|limit| limit());
        }
        let Some(stalled) = &mut self.stalled else {
            return Poll::Pending;
        };
        ready!(stalled.as_mut().poll(cx));
        tracing::debug!("a subscriber does not read");
        Poll::Ready(Err(timed_out()))
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl<I: fmt::Debug> fmt::Debug for HoldableIo<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldableIo")
            .field("io", &self.io)
            .finish_non_exhaustive()
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for HoldableIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(io) = &mut this.io else {
            return Poll::Pending;
        };
        if !this.ended {
            let before = buf.remaining();
            let Poll::Ready(read) = Pin::new(io).poll_read(cx, buf) else {
                return match this.patience {
                    Some(_) => this.poll_patience(cx),
                    None => Poll::Pending,
                };
            };
            read?;
            this.ended = before > 0 && buf.remaining() == before;
        }
        if this.ended {
            return this.poll_end(cx);
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
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let written = Pin::new(io).poll_write(cx, bytes);
        self.limit(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else {
            return Poll::Pending;
        };
        let written = Pin::new(io).poll_write_vectored(cx, slices);
        self.limit(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    /// HTTP flushes after it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(io) = &mut this.io else {
            return Poll::Pending;
        };
        let flushed = Pin::new(io).poll_flush(cx);
        if flushed.is_pending() {
            return this.limit(flushed, cx);
        }
        if this.handle.0.is_leaving.load(Ordering::Acquire)
            && matches!(flushed, Poll::Ready(Ok(())))
        {
            *this.exit.lock() = this.io.take();
            return Poll::Pending;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Pending,
        }
    }
}
