//! Who is to be woken when something happens to a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use futures::task::AtomicWaker;
use tokio::sync::{Notify, futures::Notified};

/// One slot for the task that reads, one for the task that writes, and any number of tasks that
/// wait for the end.
///
/// The socket below is only ever polled with the one waker made of this, so whoever polls it
/// last, and then goes away, takes nobody else's wake-up along.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    pub(super) reader: AtomicWaker,
    pub(super) writer: AtomicWaker,
    drivers: Notify,
    driving: AtomicUsize,
}

impl Wakers {
    /// Counts the caller among those that wait for the end, until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Driving {
        self.driving.fetch_add(1, Ordering::SeqCst);
        Driving(Arc::clone(self))
    }

    /// How many wait for the end.
    pub(super) fn driving(&self) -> usize {
        self.driving.load(Ordering::SeqCst)
    }

    pub(super) fn progress(&self) -> Notified<'_> {
        self.drivers.notified()
    }

    pub(super) fn wake_all(&self) {
        self.reader.wake();
        self.wake_others();
    }

    /// Wakes all but the reader, who is the one calling.
    pub(super) fn wake_others(&self) {
        self.writer.wake();
        if self.driving() > 0 {
            self.drivers.notify_waiters();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

/// Somebody waits for the end.
#[derive(Debug)]
pub(super) struct Driving(Arc<Wakers>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.driving.fetch_sub(1, Ordering::SeqCst);
    }
}
