//! The places of sources of events from clients.

use std::{sync::Arc, time::Duration};

use wsio_events::{
    DiskStore, EventLogs, EventStore, Limits, LogName, LogTail, OpenedLog, SourceClaim,
    SourceGrant,
};

use crate::support::{TestDir, append};

fn claim(source: &str, owner: u64) -> SourceClaim {
    SourceClaim {
        source: Arc::from(source),
        owner,
    }
}
