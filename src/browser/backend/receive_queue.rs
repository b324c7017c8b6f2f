//! The messages that the browser has delivered and the program has not read yet.

use std::{
    cell::{RefCell, RefMut},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
    task::Waker,
};

use wasm_bindgen::JsValue;

use super::{PageInstant, received_message::ReceivedMessage, write_merger::WriteMerger};
use crate::{
    ErrorKind, WsMessage,
    backend::{Clock as _, End},
    error::Violation,
    event::{CloseCode, CloseEvent},
    options::Options,
};

/// The receive queue and the waker of the task that reads it, shared with the browser's callbacks.
#[derive(Debug)]
pub(super) struct SharedQueue {
    queue: RefCell<ReceiveQueue>,
    waker: RefCell<Waker>,
    /// Closes the connection when the queue refuses a message.
    merger: RefCell<Weak<WriteMerger>>,
}

impl SharedQueue {
    pub(super) fn new(queue: ReceiveQueue) -> Rc<Self> {
        Rc::new(Self {
            queue: RefCell::new(queue),
            waker: RefCell::new(Waker::noop().clone()),
            merger: RefCell::default(),
        })
    }

    /// Sets the merger that closes the connection when the queue refuses a message.
    pub(super) fn close_by(&self, merger: &Rc<WriteMerger>) {
        self.merger.replace(Rc::downgrade(merger));
    }

    /// Queues a message as the browser delivers it. If the queue refuses the message, closes the
    /// connection at once: the page may not be polling it.
    pub(super) fn receive(&self, data: JsValue) {
        let refused = self.queue().push(data);
        let merger = self.merger.borrow().upgrade();
        if let (Err(violation), Some(merger)) = (refused, merger) {
            merger.fail(&violation);
        }
    }

    /// Borrows the queue. Must not be held while a waker runs.
    pub(super) fn queue(&self) -> RefMut<'_, ReceiveQueue> {
        self.queue.borrow_mut()
    }

    /// Sets the waker of the events to come.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.borrow_mut().clone_from(waker);
    }

    /// Wakes the registered task. The waker is cloned first, because it may re-enter this type.
    pub(super) fn wake(&self) {
        let waker = self.waker.borrow().clone();
        waker.wake();
    }
}

/// A bounded queue that the browser's callbacks fill and the socket empties.
#[derive(Debug)]
pub(super) struct ReceiveQueue {
    messages: VecDeque<ReceivedMessage>,
    bytes: usize,
    limit: usize,
    max_message_size: usize,
    opened: bool,
    /// Whether further messages are dropped.
    deaf: bool,
    /// The rule that a message broke. Messages before it can still be read.
    violation: Option<Violation>,
    /// Whether a closing handshake is under way.
    closing: bool,
    /// The end of the connection, once the browser has reported it.
    closed: Option<CloseEvent>,
    /// Whether the browser may have dropped received messages.
    cut: bool,
    /// When a message last arrived; kept only for an idle timeout.
    last_activity: PageInstant,
    keeps_time: bool,
}

impl ReceiveQueue {
    /// Creates a queue that holds at most `limit` bytes. A single message may exceed that: it is
    /// subject to `max_message_size` only.
    pub(super) fn new(options: &Options, limit: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limit,
            max_message_size: options.max_message_size,
            opened: false,
            deaf: false,
            violation: None,
            closing: false,
            closed: None,
            cut: false,
            last_activity: PageInstant::now(),
            keeps_time: options.idle_timeout.is_some(),
        }
    }

    pub(super) fn open(&mut self) {
        self.opened = true;
    }

    pub(super) fn is_open(&self) -> bool {
        self.opened
    }

    /// Notes that no more messages will arrive, before it is known how the connection ended. If it
    /// `is_cut`, the browser may have dropped messages before the end.
    pub(super) fn begin_closing(&mut self, is_cut: bool) {
        self.closing = true;
        self.cut = is_cut;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(super) fn close(&mut self, event: CloseEvent) {
        self.closed.get_or_insert(event);
    }

    pub(super) fn closed(&self) -> Option<&CloseEvent> {
        self.closed.as_ref()
    }

    pub(super) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Records the first violation, and drops every message behind it.
    pub(super) fn fail(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
        self.deaf = true;
    }

    /// Returns the end, once there is one. A violation does not wait until the peer has closed.
    pub(super) fn end(&self) -> Option<End> {
        if let Some(violation) = &self.violation {
            return Some(End::failed(violation));
        }
        let event = self.closed.clone()?;
        // A truncated stream must not look complete.
        if self.cut && event.is_success() {
            let cause = "the browser dropped messages that it had received";
            return Some(End::lost(Some(Arc::new(std::io::Error::other(cause)))));
        }
        Some(End::closed(event))
    }

    /// Queues a message, or returns the rule that it broke.
    fn push(&mut self, data: JsValue) -> Result<(), Violation> {
        if self.keeps_time {
            self.last_activity = PageInstant::now();
        }
        if self.deaf {
            return Ok(());
        }
        let taken = self.check(data).map(|message| {
            self.bytes += message.cost();
            self.messages.push_back(message);
        });
        taken.inspect_err(|violation| self.fail(violation.clone()))
    }

    fn check(&self, data: JsValue) -> Result<ReceivedMessage, Violation> {
        // A Blob, say, arrives only if other code has changed the socket's `binaryType`.
        let message = ReceivedMessage::new(data).ok_or_else(undecodable)?;
        if message.exceeds(self.max_message_size) {
            return Err(Violation::message_too_big());
        }
        if !self.messages.is_empty() && self.bytes + message.cost() > self.limit {
            return Err(queue_full());
        }
        Ok(message)
    }

    pub(super) fn pop(&mut self) -> Option<WsMessage> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.cost();
        Some(message.read())
    }

    /// Returns the number of bytes that wait to be read.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn last_activity(&self) -> PageInstant {
        self.last_activity
    }

    /// Drops every message from now on.
    pub(super) fn stop(&mut self) {
        self.deaf = true;
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Drops the queued messages and every later one.
    pub(super) fn discard(&mut self) {
        self.stop();
        self.messages.clear();
        self.bytes = 0;
    }
}

fn queue_full() -> Violation {
    Violation::new(
        ErrorKind::QueueFull,
        "the messages that wait to be read exceed receive_limit",
        CloseCode::TRY_AGAIN,
    )
}

fn undecodable() -> Violation {
    Violation::new(
        ErrorKind::Protocol,
        "the browser delivered a message that is neither a string nor an ArrayBuffer",
        CloseCode::INVALID_DATA,
    )
}
