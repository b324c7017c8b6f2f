//! Large buffers that a thread keeps for the connections it serves next.

use std::cell::RefCell;

/// The size of a pooled buffer, in bytes.
pub(super) const SIZE: usize = 128 * 1024;

/// The number of buffers a thread keeps.
const COUNT: usize = 4;

/// The size up to which a buffer is made to measure, in bytes: many connections may hold little.
const LITTLE: usize = 8 * 1024;

thread_local! {
    static BUFFERS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer for at least `len` bytes, with whatever in it.
pub(super) fn take(len: usize) -> Box<[u8]> {
    if len <= LITTLE || len > SIZE {
        return zeros(len);
    }
    let spare = BUFFERS.try_with(|buffers| buffers.borrow_mut().pop());
    spare.ok().flatten().unwrap_or_else(|| zeros(SIZE))
}

/// Gives a buffer back. After the end of the thread's own data there is nobody to give it to.
pub(super) fn give_back(buffer: Box<[u8]>) {
    if buffer.len() != SIZE {
        return;
    }
    let _ = BUFFERS.try_with(|buffers| {
        let mut buffers = buffers.borrow_mut();
        if buffers.len() < COUNT {
            buffers.push(buffer);
        }
    });
}

fn zeros(len: usize) -> Box<[u8]> {
    vec![0; len].into_boxed_slice()
}
