//! The promises of every store, in memory.

mod suite;

use suite::Engine;
use wsio_events::{EventLogs, Limits};

struct Memory(EventLogs);

impl Engine for Memory {
    const IS_DURABLE: bool = false;
    const IS_SHARED: bool = false;

    async fn start(limits: Limits) -> Self {
        Self(EventLogs::new(limits))
    }

    async fn logs(&self) -> EventLogs {
        self.0.clone()
    }

    async fn restart(self) -> Self {
        self
    }
}

every_store!(Memory);
