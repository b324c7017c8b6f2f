//! The part that the handle and the stream of one connection share.

use std::{
    io::IoSlice,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use pharos::{Events, ObserveConfig, PharErr};

use super::{
    connection::Connection,
    observers::Observers,
    wakers::{Counted, Wakers},
};
use crate::{
    CloseEvent, Error, WsEvent, WsMessage, WsState,
    backend::{Alarm as _, Backend as _, Negotiated, Platform, Timer},
    event::CloseFrame,
    options::Options,
};

/// The interval at which a task that waits for the end, and leaves the connection to a reader, checks
/// that the reader still reads.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The limit of a closing handshake that nobody waits for, without a close timeout.
const PATIENCE: Duration = Duration::from_secs(30);

/// A lock around the connection, held only while it is polled, and never while user code runs: an
/// observer's filter, a waker, the drop of a transport.
#[derive(Debug)]
pub(crate) struct Core {
    connection: Mutex<Connection>,
    /// A copy of the connection's state, to be read without the lock.
    state: AtomicU8,
    observers: Observers,
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
            state: AtomicU8::new(WsState::Open as u8),
            observers: Observers::default(),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
            negotiated,
        })
    }

    pub(crate) fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    pub(crate) fn state(&self) -> WsState {
        match self.state.load(Ordering::Acquire) {
            state if state == WsState::Open as u8 => WsState::Open,
            state if state == WsState::Closing as u8 => WsState::Closing,
            state if state == WsState::Closed as u8 => WsState::Closed,
            _ => WsState::Connecting,
        }
    }

    pub(crate) fn buffered_amount(&self) -> usize {
        lock(&self.connection).buffered_amount()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        lock(&self.connection).is_terminated()
    }

    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Result<WsMessage, Error>>> {
        self.wakers.reader.register(cx.waker());
        self.wakers.note_read();
        let (received, is_closing) = self.with(|connection, cx| {
            let received = connection.poll_recv(cx);
            (received, connection.state() == WsState::Closing)
        });
        // Taking a message makes room for those that read ahead to find the end.
        if received.is_ready() && (is_closing || self.wakers.is_driven()) {
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

    /// Waits for the end and drives the connection there, unless a reader does.
    pub(crate) async fn ended(self: Arc<Self>) -> CloseEvent {
        Waiter::new(self, true).ended().await
    }

    /// The stream was dropped: closes, as far as that goes with nobody waiting.
    pub(crate) fn release(self: &Arc<Self>) {
        self.with(|connection, _| connection.release());
        let waiter = Waiter::new(Arc::clone(self), false);
        Platform::run_detached(async move {
            waiter.ended().await;
        });
    }

    /// Discards what arrives from now on.
    pub(crate) fn discard_input(&self) {
        self.with(|connection, _| connection.discard_input());
    }

    pub(crate) fn observe(
        &self,
        config: ObserveConfig<WsEvent>,
    ) -> Result<Events<WsEvent>, PharErr> {
        self.observers.observe(config)
    }

    /// Runs `step` on the connection, and reports what came of it once the lock is released; what
    /// remains of a transport is dropped last.
    fn with<T>(&self, step: impl FnOnce(&mut Connection, &mut Context<'_>) -> T) -> T {
        let mut connection = lock(&self.connection);
        let wake_ups = self.wakers.hold();
        let result = step(&mut connection, &mut Context::from_waker(&self.waker));
        let has_events = connection.has_events();
        let mut _remains = None;
        if has_events {
            self.state
                .store(connection.state() as u8, Ordering::Release);
            // With the lock, so that the events stay in order.
            self.observers.record(connection.take_events());
            _remains = connection.take_remains();
        }
        let is_woken = wake_ups.release();
        drop(connection);
        if has_events {
            self.observers.tell();
            // A change of state concerns everyone: whoever waits to send learns that it cannot,
            // whoever waits to read that a clock has been set.
            self.wakers.wake_for_event();
        } else if is_woken {
            self.wakers.wake_all();
        }
        result
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
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Someone who waits for the end.
struct Waiter {
    core: Arc<Core>,
    waiting: Option<Counted>,
    /// `true` if the closing handshake goes on in the background when this is dropped.
    hands_on: bool,
}

impl Waiter {
    fn new(core: Arc<Core>, hands_on: bool) -> Self {
        let waiting = Some(core.wakers.wait());
        Self {
            core,
            waiting,
            hands_on,
        }
    }

    async fn ended(&self) -> CloseEvent {
        loop {
            if let Some(event) = self.drive().await {
                return event;
            }
            self.look_on().await;
        }
    }

    /// Drives the connection to its end, until somebody reads: a reader drives it as well, and two
    /// who do cost every message a wake-up more.
    async fn drive(&self) -> Option<CloseEvent> {
        let wakers = &self.core.wakers;
        let reads = wakers.reads();
        let _driving = wakers.drive();
        loop {
            let mut progress = pin!(wakers.progress());
            // From here on no wake-up is missed, also between the poll and the await.
            progress.as_mut().enable();
            let ended = self.core.with(|connection, cx| {
                let ended = connection.poll_end(cx).is_ready();
                ended.then(|| connection.close_event().cloned()).flatten()
            });
            if ended.is_some() {
                return ended;
            }
            // What wakes while it is polled has to be polled again, but not before the executor had
            // its turn: when a task has used up its budget, tokio says no until then.
            if progress.as_mut().enable() {
                yield_now().await;
            } else {
                progress.await;
            }
            if wakers.reads() != reads {
                return None;
            }
        }
    }

    /// Waits for an event, or until nobody reads any more.
    async fn look_on(&self) {
        let wakers = &self.core.wakers;
        loop {
            let reads = wakers.reads();
            let mut event = pin!(wakers.event());
            event.as_mut().enable();
            if self.core.state() == WsState::Closed {
                return;
            }
            let mut timer = Timer::after(LOOK_AGAIN);
            let has_happened = std::future::poll_fn(|cx| {
                if event.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(true);
                }
                Pin::new(&mut timer).poll(cx).map(|()| false)
            });
            if has_happened.await || wakers.reads() == reads {
                return;
            }
        }
    }
}

/// When the last one goes and there is no stream either, nobody is left to complete the closing
/// handshake: it goes on in the background, or the connection is given up.
impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiting = None;
        let is_last = self.core.wakers.waiting() == 0;
        let is_open = self.core.state() != WsState::Closed;
        if !(is_last && is_open && lock(&self.core.connection).is_released()) {
            return;
        }
        if self.hands_on {
            let waiter = Self::new(Arc::clone(&self.core), false);
            // Dropped where there is nothing to run it, it gives the connection up.
            Platform::spawn(async move {
                let mut ended = pin!(waiter.ended());
                let mut patience = Timer::after(PATIENCE);
                std::future::poll_fn(|cx| match ended.as_mut().poll(cx) {
                    Poll::Ready(_) => Poll::Ready(()),
                    Poll::Pending => Pin::new(&mut patience).poll(cx),
                })
                .await;
            });
        } else {
            self.core.with(|connection, _| connection.abandon());
        }
    }
}
