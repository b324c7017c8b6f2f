//! The delays between two looks at `bufferedAmount`. No event reports that it has fallen.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageChannel, MessageEvent, MessagePort};

use crate::{
    backend::Alarm as _,
    browser::backend::{receive_queue::SharedQueue, time::PageTimer},
};

/// The number of hops without progress before timers take over. A hop takes some 0.06 ms and keeps
/// full speed, but hopping on while a server is slow would burn a core.
const HOPS: u32 = 20;
/// The first timer, in milliseconds. Browsers raise nested timeouts to 4 ms.
const FIRST_TIMER: u64 = 4;
/// The longest timer, in milliseconds.
const LAST_TIMER: u64 = 64;

/// A ticker that hops through a message channel at first, then waits by timers that grow while
/// nothing moves.
#[derive(Debug, Default)]
pub(super) struct BufferTicker {
    channel: Option<HopChannel>,
    hops: u32,
    delay: u64,
    waiting: Option<TickerWait>,
}

#[derive(Debug)]
enum TickerWait {
    Hop,
    PageTimer(PageTimer),
}

impl BufferTicker {
    /// Notes that bytes were sent, so that it is worth looking again soon.
    pub(super) fn progress(&mut self) {
        self.hops = 0;
        self.delay = FIRST_TIMER;
    }

    /// Waits until it is time to look again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, shared: &Rc<SharedQueue>) -> Poll<()> {
        let arrived = match &mut self.waiting {
            Some(TickerWait::Hop) => self.channel.as_ref().is_none_or(HopChannel::has_arrived),
            Some(TickerWait::PageTimer(timer)) => Future::poll(Pin::new(timer), cx).is_ready(),
            None => {
                self.wait(cx, shared);
                false
            }
        };
        if arrived {
            self.waiting = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn wait(&mut self, cx: &mut Context<'_>, shared: &Rc<SharedQueue>) {
        if self.hops < HOPS {
            self.hops += 1;
            self.channel = self.channel.take().or_else(|| HopChannel::new(shared));
            if self.channel.as_ref().is_some_and(HopChannel::hop) {
                self.waiting = Some(TickerWait::Hop);
                return;
            }
        }
        self.delay = self.delay.clamp(FIRST_TIMER, LAST_TIMER);
        let mut timer = PageTimer::after(Duration::from_millis(self.delay));
        self.delay *= 2;
        // Registers the waker; the timer is not ready yet.
        let _ = Future::poll(Pin::new(&mut timer), cx);
        self.waiting = Some(TickerWait::PageTimer(timer));
    }
}

/// A message channel to this page itself: a message posted to one end wakes at the other.
#[derive(Debug)]
struct HopChannel {
    from: MessagePort,
    to: MessagePort,
    arrived: Rc<std::cell::Cell<bool>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl HopChannel {
    fn new(shared: &Rc<SharedQueue>) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let arrived = Rc::new(std::cell::Cell::new(false));
        let on_message = Closure::new({
            let (shared, arrived) = (Rc::clone(shared), Rc::clone(&arrived));
            move |_| {
                arrived.set(true);
                shared.wake();
            }
        });
        let to = channel.port2();
        to.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Some(Self {
            from: channel.port1(),
            to,
            arrived,
            _on_message: on_message,
        })
    }

    fn hop(&self) -> bool {
        self.arrived.set(false);
        self.from.post_message(&JsValue::NULL).is_ok()
    }

    fn has_arrived(&self) -> bool {
        self.arrived.get()
    }
}

impl Drop for HopChannel {
    fn drop(&mut self) {
        self.to.set_onmessage(None);
        self.to.close();
        self.from.close();
    }
}
