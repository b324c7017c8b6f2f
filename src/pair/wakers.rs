//! The tasks to wake when something happens to a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::Wake,
};

use futures::task::AtomicWaker;
use tokio::sync::{Notify, futures::Notified};

/// One slot for the task that reads, one for the task that writes, and any number of tasks that
/// wait for the end.
///
/// The socket below is only ever polled with the one waker made of this, so whoever polls it last,
/// and then goes away, takes nobody else's wake-up along. A wake-up that comes while the connection
/// is polled waits until its lock is released: a waker may run anything.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    pub(super) reader: AtomicWaker,
    pub(super) writer: AtomicWaker,
    /// Woken by whatever happens: the tasks that drive the connection to its end.
    drivers: Notify,
    driving: AtomicUsize,
    /// Woken by events only: the tasks that leave the driving to a reader.
    onlookers: Notify,
    /// The number of tasks that wait for the end, driving or not.
    waiting: AtomicUsize,
    /// The number of reads of the stream.
    reads: AtomicUsize,
    polling: AtomicU8,
}

const IDLE: u8 = 0;
const POLLING: u8 = 1;
const WOKEN: u8 = 2;

impl Wakers {
    /// Holds wake-ups back until the guard is dropped; called with the connection locked.
    #[inline]
    pub(super) fn hold(&self) -> HeldWakeUps<'_> {
        self.polling.store(POLLING, Ordering::Release);
        HeldWakeUps(self)
    }

    /// Counts a read of the stream.
    #[inline]
    pub(super) fn note_read(&self) {
        // There is one reader: nobody else writes it.
        let reads = self.reads.load(Ordering::Relaxed).wrapping_add(1);
        self.reads.store(reads, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// Counts the caller among those that wait for the end, until the guard is dropped.
    pub(super) fn wait(self: &Arc<Self>) -> Counted {
        Counted::new(self, |wakers| &wakers.waiting)
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Counts the caller among those that drive the connection, until the guard is dropped.
    pub(super) fn drive(self: &Arc<Self>) -> Counted {
        Counted::new(self, |wakers| &wakers.driving)
    }

    #[inline]
    pub(super) fn is_driven(&self) -> bool {
        self.driving.load(Ordering::SeqCst) > 0
    }

    /// The next wake-up of any kind.
    pub(super) fn progress(&self) -> Notified<'_> {
        self.drivers.notified()
    }

    /// The next event.
    pub(super) fn event(&self) -> Notified<'_> {
        self.onlookers.notified()
    }

    pub(super) fn wake_all(&self) {
        self.reader.wake();
        self.wake_others();
    }

    /// Wakes all but the reader, who is the one calling.
    pub(super) fn wake_others(&self) {
        self.writer.wake();
        if self.is_driven() {
            self.drivers.notify_waiters();
        }
    }

    /// Wakes everybody: the state has changed.
    pub(super) fn wake_for_event(&self) {
        self.wake_all();
        self.onlookers.notify_waiters();
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let held =
            self.polling
                .compare_exchange(POLLING, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if held == Err(IDLE) {
            self.wake_all();
        }
    }
}

/// See [`Wakers::hold`].
#[derive(Debug)]
pub(super) struct HeldWakeUps<'a>(&'a Wakers);

impl HeldWakeUps<'_> {
    /// Lets wake-ups pass again; returns whether there was one.
    #[inline]
    pub(super) fn release(self) -> bool {
        let woken = self.0.polling.swap(IDLE, Ordering::AcqRel) == WOKEN;
        // It has done what its drop would do.
        std::mem::forget(self);
        woken
    }
}

impl Drop for HeldWakeUps<'_> {
    fn drop(&mut self) {
        self.0.polling.store(IDLE, Ordering::SeqCst);
    }
}

/// Someone who is counted.
#[derive(Debug)]
pub(super) struct Counted {
    wakers: Arc<Wakers>,
    counter: fn(&Wakers) -> &AtomicUsize,
}

impl Counted {
    fn new(wakers: &Arc<Wakers>, counter: fn(&Wakers) -> &AtomicUsize) -> Self {
        counter(wakers).fetch_add(1, Ordering::SeqCst);
        Self {
            wakers: Arc::clone(wakers),
            counter,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.wakers).fetch_sub(1, Ordering::SeqCst);
    }
}
