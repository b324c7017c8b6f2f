//! Where the demo's log is kept.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use wsio_events::{EventLog, Limits};
use wsio_redis::RedisLogs;

/// Half an hour at ten events a second.
const KEPT: Limits = Limits::new().events(20_000).bytes(8 << 20);

/// The time after which an append counts as failed, and is tried again.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The pause before an engine that is away is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens the log in memory.
pub(crate) fn open_own() -> EventLog {
    EventLog::new(KEPT)
}

/// Opens the log in the engine at this address, as soon as it is there.
pub(crate) async fn open_shared(engine: &str) -> EventLog {
    loop {
        match open(engine).await {
            Ok(log) => return log,
            Err(error) => eprintln!("the log cannot be opened: {error:#}"),
        }
        sleep(PAUSE).await;
    }
}

async fn open(engine: &str) -> Result<EventLog> {
    let logs = RedisLogs::builder(engine)
        .limits(KEPT)
        .timeout(TIMEOUT)
        .connect()
        .await?;
    Ok(logs.open("demo").await?)
}
