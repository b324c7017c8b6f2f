//! The end of a connection that we fail.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{Link, NativeTimer};
use crate::backend::Alarm as _;

/// The time a peer that violated the protocol has to read our Close frame, unless the close timeout
/// is shorter.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes that are read of what such a peer still sends.
const MAX_DISCARDED: usize = 16 << 20;

/// The number of reads until other tasks get their turn.
const READS_PER_POLL: usize = 64;

/// Writes what `link` still has to write, and reads past what the peer still sends, in a task of
/// its own: closing a TCP connection with unread data resets it, and the Close frame could get
/// lost (RFC 6455 § 7.1.1). Outside of a runtime this is tried once.
pub(super) fn linger(link: Box<dyn Link>, close_timeout: Option<Duration>) {
    let patience = close_timeout.map_or(PATIENCE, |timeout| timeout.min(PATIENCE));
    let mut lingering = Lingering {
        link,
        step: Step::Flush,
        left: MAX_DISCARDED,
        timer: NativeTimer::after(patience),
    };
    // At once, so that the Close frame is on its way before anybody hears of the end.
    let polled = Pin::new(&mut lingering).poll(&mut Context::from_waker(Waker::noop()));
    if let (Poll::Pending, Ok(runtime)) = (polled, Handle::try_current()) {
        runtime.spawn(lingering);
    }
}

struct Lingering {
    link: Box<dyn Link>,
    step: Step,
    left: usize,
    timer: NativeTimer,
}

#[derive(Clone, Copy)]
enum Step {
    Flush,
    Shutdown,
    Discard,
}

impl Future for Lingering {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Pin::new(&mut self.timer).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        for _ in 0..READS_PER_POLL {
            self.step = match self.step {
                Step::Flush => match ready!(self.link.poll_flush(cx)) {
                    Ok(()) => Step::Shutdown,
                    Err(_) => return Poll::Ready(()),
                },
                Step::Shutdown => {
                    ready!(self.link.poll_shutdown(cx));
                    Step::Discard
                }
                Step::Discard => match ready!(self.link.poll_discard(cx)) {
                    read @ 1.. if read < self.left => {
                        self.left -= read;
                        Step::Discard
                    }
                    _ => return Poll::Ready(()),
                },
            };
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
