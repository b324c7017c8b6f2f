//! The promises of every store, on disk.
#![allow(clippy::unwrap_used)]

mod suite;

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use suite::Engine;
use wsio_events::{DiskStore, EventLogs, Limits};

struct Disk {
    path: PathBuf,
    limits: Limits,
    logs: Option<EventLogs>,
}

impl Disk {
    fn open(path: PathBuf, limits: Limits) -> Self {
        let store = DiskStore::open(&path, limits).unwrap();
        let logs = Some(EventLogs::with_store(store));
        Self { path, limits, logs }
    }
}

impl Engine for Disk {
    const IS_DURABLE: bool = true;
    const IS_SHARED: bool = false;

    async fn start(limits: Limits) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wsio-disk-suite-{}-{number}", std::process::id());
        Self::open(std::env::temp_dir().join(name), limits)
    }

    async fn logs(&self) -> EventLogs {
        self.logs.clone().unwrap()
    }

    async fn restart(mut self) -> Self {
        self.logs = None;
        Self::open(std::mem::take(&mut self.path), self.limits)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.logs = None;
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

every_store!(Disk);
