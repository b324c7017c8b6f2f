//! A future that is left alone until something has happened to it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::task::AtomicWaker;

/// Polls a future only after it was woken.
///
/// A task that waits for many things polls all of them for each that happens. To look at a lock, or
/// memory that is in no cache any more, costs more there than a single flag.
pub struct Seldom<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    /// The waker of the future.
    waker: Waker,
    /// The task that the bell wakes.
    task: Waker,
}

#[derive(Debug)]
struct Bell {
    has_rung: AtomicBool,
    task: AtomicWaker,
}

impl<F> fmt::Debug for Seldom<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seldom")
            .field("bell", &self.bell)
            .finish_non_exhaustive()
    }
}

impl<F: Future> Seldom<F> {
    /// Wraps a future, which is polled at first in any case.
    pub fn new(future: F) -> Self {
        let bell = Arc::new(Bell {
            has_rung: AtomicBool::new(true),
            task: AtomicWaker::new(),
        });
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            task: Waker::noop().clone(),
        }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let is_new = !this.task.will_wake(cx.waker());
        if is_new {
            this.task.clone_from(cx.waker());
        }
        if !is_new && !this.bell.has_rung.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        // The bell has used up the one it had.
        this.bell.task.register(cx.waker());
        if !this.bell.has_rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let mut inner = Context::from_waker(&this.waker);
        this.future.as_mut().poll(&mut inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake();
    }
}
