//! For the tests: the bytes that are looked at or moved, which is what decoding costs.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Adds to the bytes of this thread.
#[cfg(test)]
pub(super) fn count(bytes: usize) {
    BYTES.set(BYTES.get() + bytes);
}

#[cfg(not(test))]
pub(super) fn count(_bytes: usize) {}

/// The bytes of this thread since the last call.
#[cfg(test)]
pub(super) fn counted() -> usize {
    BYTES.take()
}
