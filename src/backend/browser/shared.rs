//! What a connection's socket and the browser's callbacks share.

use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
    task::Waker,
};

use super::inbox::Inbox;

/// What was received, and who waits for it.
#[derive(Debug)]
pub(super) struct Shared {
    inbox: RefCell<Inbox>,
    waker: RefCell<Waker>,
}

impl Shared {
    pub(super) fn new(inbox: Inbox) -> Rc<Self> {
        Rc::new(Self {
            inbox: RefCell::new(inbox),
            waker: RefCell::new(Waker::noop().clone()),
        })
    }

    /// Not to be held while anything is woken.
    pub(super) fn inbox(&self) -> RefMut<'_, Inbox> {
        self.inbox.borrow_mut()
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
