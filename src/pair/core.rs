//! What the handle and the stream of one connection share.

use std::{
    io::IoSlice,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use pharos::{Events, ObserveConfig, PharErr};

use super::{
    connection::Connection,
    observers::Observers,
    wakers::{Driving, Wakers},
};
use crate::{
    CloseEvent, Error, WsEvent, WsMessage, WsState,
    backend::{Backend as _, Negotiated, Platform},
    event::CloseFrame,
    options::Options,
};

/// A lock around the connection, held only while it is polled and never while user code runs.
#[derive(Debug)]
pub(crate) struct Core {
    connection: Mutex<Connection>,
    observers: Mutex<Observers>,
    wakers: Arc<Wakers>,
    /// Made of `wakers`; the only waker the socket ever sees.
    waker: Waker,
    negotiated: Negotiated,
}

impl Core {
    pub(crate) fn new(socket: Platform, negotiated: Negotiated, options: &Options) -> Arc<Self> {
        let wakers = Arc::new(Wakers::default());
        Arc::new(Self {
            connection: Mutex::new(Connection::new(socket, options)),
            observers: Mutex::default(),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
            negotiated,
        })
    }

    pub(crate) fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    pub(crate) fn state(&self) -> WsState {
        self.lock().state()
    }

    pub(crate) fn buffered_amount(&self) -> usize {
        self.lock().buffered_amount()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.lock().is_terminated()
    }

    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Result<WsMessage, Error>>> {
        self.wakers.reader.register(cx.waker());
        let (received, closing) = self.with(|connection, cx| {
            let received = connection.poll_recv(cx);
            (received, connection.state() == WsState::Closing)
        });
        // Taking a message makes room for those that read ahead to find the end.
        if received.is_ready() && (closing || self.wakers.driving() > 0) {
            self.wakers.wake_others();
        }
        received
    }

    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wakers.writer.register(cx.waker());
        self.with(Connection::poll_ready)
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        self.wakers.writer.register(cx.waker());
        self.with(|connection, cx| connection.poll_write(cx, bytes))
    }

    pub(crate) fn send(&self, message: WsMessage) -> Result<(), Error> {
        self.with(|connection, _| connection.send(message))
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wakers.writer.register(cx.waker());
        self.with(Connection::poll_flush)
    }

    /// Closes and waits for the end, in the place of the writer.
    pub(crate) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wakers.writer.register(cx.waker());
        self.with(Connection::poll_shutdown)
    }

    pub(crate) fn start_close(&self, frame: Option<CloseFrame>) {
        self.with(|connection, _| connection.start_close(frame));
    }

    /// Waits for the end and drives the connection there, whoever else does or does not.
    pub(crate) async fn ended(self: Arc<Self>) -> CloseEvent {
        let driver = Driver::new(self);
        let core = &driver.core;
        loop {
            let mut progress = pin!(core.wakers.progress());
            // From here on no wake-up is missed, also between the poll and the await.
            progress.as_mut().enable();
            let ended = core.with(|connection, cx| match connection.poll_end(cx) {
                Poll::Ready(_) => connection.close_event().cloned(),
                Poll::Pending => None,
            });
            if let Some(event) = ended {
                return event;
            }
            // What wakes while it is polled has to be polled again, but not before the executor had
            // its turn: when a task has used up its budget, tokio says no until then.
            if progress.as_mut().enable() {
                yield_now().await;
            } else {
                progress.await;
            }
        }
    }

    /// The stream was dropped: closes, as far as that goes with nobody waiting.
    pub(crate) fn release(self: Arc<Self>) {
        self.with(|connection, _| connection.release());
        Platform::settle(async move {
            self.ended().await;
        });
    }

    pub(crate) fn observe(
        &self,
        config: ObserveConfig<WsEvent>,
    ) -> Result<Events<WsEvent>, PharErr> {
        let connection = self.lock();
        let mut observers = lock(&self.observers);
        let end = connection.close_event().cloned();
        observers.observe(config, connection.state(), end)
    }

    /// Runs `step` on the connection, and tells what came of it.
    fn with<T>(&self, step: impl FnOnce(&mut Connection, &mut Context<'_>) -> T) -> T {
        let mut connection = self.lock();
        let result = step(&mut connection, &mut Context::from_waker(&self.waker));
        if connection.has_events() {
            let events = connection.take_events();
            // Taken before the connection is let go: an observer that comes in between would
            // hear the same event twice.
            let mut observers = lock(&self.observers);
            drop(connection);
            for event in &events {
                observers.notify(event);
            }
            drop(observers);
            // A change of state concerns everyone: whoever waits to send learns that it cannot,
            // whoever waits to read that a clock has been set.
            self.wakers.wake_all();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

/// Returns to the executor once.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A panic elsewhere while the lock was held leaves nothing half-done that matters more than
/// closing properly.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody who waits for the end. When the last one goes and there is no stream either, nobody
/// is left to complete the closing handshake, and the socket is given back.
struct Driver {
    core: Arc<Core>,
    driving: Option<Driving>,
}

impl Driver {
    fn new(core: Arc<Core>) -> Self {
        let driving = Some(core.wakers.enter());
        Self { core, driving }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.driving = None;
        let wakers = &self.core.wakers;
        self.core.with(|connection, _| {
            if connection.is_reader_gone() && wakers.driving() == 0 {
                connection.abandon();
            }
        });
    }
}
