//! What this process has allocated.

use std::alloc::System;

use cap::Cap;
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

static ALONE: Mutex<()> = Mutex::const_new(());

/// While it is held, no other test of this program runs: nobody else allocates or takes time.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().await
}

/// The bytes that are allocated now.
pub(crate) fn allocated() -> usize {
    HEAP.allocated()
}
