//! Counts, for the tests, the bytes that decoding reads or moves.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Adds to the bytes counted on this thread.
#[cfg(test)]
pub(super) fn add(bytes: usize) {
    BYTES.set(BYTES.get() + bytes);
}

#[cfg(not(test))]
pub(super) fn add(_bytes: usize) {}

/// Returns the bytes counted on this thread since the last call.
#[cfg(test)]
pub(super) fn take() -> usize {
    BYTES.take()
}
