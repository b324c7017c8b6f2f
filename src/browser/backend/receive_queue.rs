//! What the browser has brought and nobody has read yet.

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
    backend::{Clock as _, End, Violation},
    event::{CloseCode, CloseEvent},
    options::Options,
};

/// What was received, and who waits for it.
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

    /// Closes by `merger` what the queue refuses.
    pub(super) fn close_by(&self, merger: &Rc<WriteMerger>) {
        self.merger.replace(Rc::downgrade(merger));
    }

    /// Queues a message as the browser delivers it. One that the queue refuses closes the
    /// connection at once, for nobody may be polling it.
    pub(super) fn receive(&self, data: JsValue) {
        let refused = self.queue().push(data);
        let merger = self.merger.borrow().upgrade();
        if let (Err(violation), Some(merger)) = (refused, merger) {
            merger.fail(&violation);
        }
    }

    /// Not to be held while anything is woken.
    pub(super) fn queue(&self) -> RefMut<'_, ReceiveQueue> {
        self.queue.borrow_mut()
    }

    /// From now on events wake this one.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.borrow_mut().clone_from(waker);
    }

    /// The waker is cloned out first: what it wakes may come back here.
    pub(super) fn wake(&self) {
        let waker = self.waker.borrow().clone();
        waker.wake();
    }
}

/// Filled by the browser's callbacks, emptied by the socket.
#[derive(Debug)]
pub(super) struct ReceiveQueue {
    messages: VecDeque<ReceivedMessage>,
    bytes: usize,
    limit: usize,
    max_message_size: usize,
    opened: bool,
    /// Whether what still comes is dropped.
    deaf: bool,
    /// What is wrong with something received; what came before it is still to be read.
    violation: Option<Violation>,
    /// Whether a closing handshake is under way.
    closing: bool,
    /// How the connection ended.
    closed: Option<CloseEvent>,
    /// Whether the browser may have dropped something that was received.
    cut: bool,
    /// When something last came, if anybody wants to know.
    last_activity: PageInstant,
    keeps_time: bool,
}

impl ReceiveQueue {
    /// More bytes than `limit` waiting to be read are refused. A message that waits alone is
    /// let be: it has a limit of its own.
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

    /// There is nothing more to come; how it ends is not known yet. If it `is_cut`, the browser
    /// may have dropped something before the end.
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

    /// Only the first violation counts; nothing that comes behind it is taken.
    pub(super) fn fail(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
        self.deaf = true;
    }

    /// The end, once there is one.
    pub(super) fn end(&self) -> Option<End> {
        let event = self.closed.clone()?;
        Some(match &self.violation {
            Some(violation) => End::failed(violation),
            // What was cut off must not look complete.
            None if self.cut && event.is_success() => End::lost(Some(Arc::new(
                std::io::Error::other("the browser dropped what it had not handed over"),
            ))),
            None => End::closed(event),
        })
    }

    /// Queues a message as the browser delivers it.
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
        // A Blob, say, would have to be read in another way, and none comes unless somebody
        // changed the socket's `binaryType` behind our back.
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
        let raw = self.messages.pop_front()?;
        self.bytes -= raw.cost();
        Some(raw.read())
    }

    /// How many bytes wait to be read.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn last_activity(&self) -> PageInstant {
        self.last_activity
    }

    /// Drops whatever still comes.
    pub(super) fn stop(&mut self) {
        self.deaf = true;
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Drops what is waiting, too.
    pub(super) fn discard(&mut self) {
        self.stop();
        self.messages.clear();
        self.bytes = 0;
    }
}

fn queue_full() -> Violation {
    Violation::new(
        ErrorKind::QueueFull,
        "more was received than receive_limit lets wait for its reader",
        CloseCode::TRY_AGAIN,
    )
}

fn undecodable() -> Violation {
    Violation::new(
        ErrorKind::Protocol,
        "the browser gave a message that is neither a string nor an ArrayBuffer",
        CloseCode::INVALID_DATA,
    )
}
