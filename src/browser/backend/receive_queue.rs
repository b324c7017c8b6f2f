//! What the browser has brought and nobody has read yet.

use std::{
    cell::{RefCell, RefMut},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
    task::Waker,
};

use wasm_bindgen::JsValue;

use super::{PageInstant, received_message::ReceivedMessage};
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
}

impl SharedQueue {
    pub(super) fn new(queue: ReceiveQueue) -> Rc<Self> {
        Rc::new(Self {
            queue: RefCell::new(queue),
            waker: RefCell::new(Waker::noop().clone()),
        })
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
    failure: Option<Violation>,
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
    /// More bytes than `limit` waiting to be read are a failure. A message that waits alone is
    /// let be: it has a limit of its own.
    pub(super) fn new(options: &Options, limit: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limit,
            max_message_size: options.max_message_size,
            opened: false,
            deaf: false,
            failure: None,
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

    pub(super) fn failure(&self) -> Option<&Violation> {
        self.failure.as_ref()
    }

    /// Only the first failure counts; nothing that comes behind it is taken.
    pub(super) fn fail(&mut self, failure: Violation) {
        self.failure.get_or_insert(failure);
        self.deaf = true;
    }

    /// The end, once there is one.
    pub(super) fn end(&self) -> Option<End> {
        let event = self.closed.clone()?;
        Some(match &self.failure {
            Some(failure) => End::failed(failure),
            // What was cut off must not look complete.
            None if self.cut && event.is_success() => End::lost(Some(Arc::new(
                std::io::Error::other("the browser dropped what it had not handed over"),
            ))),
            None => End::closed(event),
        })
    }

    /// Takes a message as the browser gives it.
    pub(super) fn push(&mut self, data: JsValue) {
        if self.keeps_time {
            self.last_activity = PageInstant::now();
        }
        if self.deaf {
            return;
        }
        match ReceivedMessage::new(data) {
            // A Blob, say, would have to be read in another way, and none comes unless somebody
            // changed the socket's `binaryType` behind our back.
            None => self.fail(undecodable()),
            Some(raw) if raw.exceeds(self.max_message_size) => {
                self.fail(Violation::message_too_big());
            }
            Some(raw) if !self.messages.is_empty() && self.bytes + raw.cost() > self.limit => {
                self.fail(queue_full());
            }
            Some(raw) => {
                self.bytes += raw.cost();
                self.messages.push_back(raw);
            }
        }
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
