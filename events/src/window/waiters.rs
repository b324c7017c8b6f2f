//! The subscriptions that wait for the next event of a log.

use std::task::Waker;

/// The wakers of those who wait. A round ends when they are taken, all at once.
#[derive(Debug, Default)]
pub(crate) struct WaiterList {
    round: u64,
    wakers: Vec<Option<Waker>>,
    /// The indices that are free.
    free: Vec<usize>,
}

/// The place of a waker in a [`WaiterList`]. It is void when its round is over.
#[derive(Debug)]
pub(crate) struct WaiterKey {
    round: u64,
    index: usize,
    /// The addresses in the waker that is there. Nobody else has them until the round is over.
    waker: [usize; 2],
}

impl WaiterKey {
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// Returns whether the waker that is there wakes the same task.
    pub(crate) fn wakes_as(&self, waker: &Waker) -> bool {
        self.waker == addresses(waker)
    }
}

fn addresses(waker: &Waker) -> [usize; 2] {
    [
        waker.data().addr(),
        std::ptr::from_ref(waker.vtable()).addr(),
    ]
}

impl WaiterList {
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    /// Returns how many wait.
    pub(crate) fn len(&self) -> usize {
        self.wakers.len() - self.free.len()
    }

    /// Adds a waker. Returns the one that it replaces, if the key is not void, to be dropped when
    /// no lock is held: a waker may do anything then.
    pub(crate) fn insert(&mut self, key: &mut Option<WaiterKey>, waker: &Waker) -> Option<Waker> {
        let waker = waker.clone();
        let round = self.round;
        let addresses = addresses(&waker);
        if let Some(key) = key.as_mut().filter(|key| key.round == round)
            && let Some(slot) = self.wakers.get_mut(key.index)
        {
            key.waker = addresses;
            return slot.replace(waker);
        }
        let index = self.free.pop().unwrap_or(self.wakers.len());
        match self.wakers.get_mut(index) {
            Some(slot) => *slot = Some(waker),
            None => self.wakers.push(Some(waker)),
        }
        *key = Some(WaiterKey {
            round,
            index,
            waker: addresses,
        });
        None
    }

    /// Removes a waker, to be dropped when no lock is held.
    pub(crate) fn remove(&mut self, key: Option<WaiterKey>) -> Option<Waker> {
        let key = key.filter(|key| key.round == self.round)?;
        let waker = self.wakers.get_mut(key.index)?.take();
        self.free.push(key.index);
        if self.len() == 0 {
            // Nothing stays of subscribers that have gone.
            self.wakers = Vec::new();
            self.free = Vec::new();
        }
        waker
    }

    /// Takes everybody, and begins another round.
    pub(crate) fn take(&mut self) -> Vec<Option<Waker>> {
        self.round += 1;
        self.free = Vec::new();
        std::mem::take(&mut self.wakers)
    }
}
