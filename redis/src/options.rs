//! The options of a connection to Redis, and of the logs there.

use std::{fmt, time::Duration};

use wsio_events::{EventLogs, Limits, StoreError, WindowLimits};

use crate::RedisStore;

/// Event logs in Redis, shared by all servers that use the same engine and prefix.
///
/// ```no_run
/// use std::time::Duration;
///
/// use wsio::sse::SseEvent;
/// use wsio_events::Limits;
/// use wsio_redis::RedisLogs;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let logs = RedisLogs::builder("redis://127.0.0.1/")
///     .limits(Limits::new().events(1000).age(Duration::from_secs(3600)))
///     .prefix("jobs")
///     .connect()
///     .await?;
/// let log = logs.open("job-42").await?;
/// log.append(SseEvent::new("started")).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RedisLogs;

impl RedisLogs {
    /// Connects with the default options.
    ///
    /// # Errors
    ///
    /// As of [`RedisLogsBuilder::connect`].
    pub async fn connect(url: &str) -> Result<EventLogs, StoreError> {
        Self::builder(url).connect().await
    }

    /// Begins with the default options, and a URL as the crate
    /// [`redis`](https://docs.rs/redis/latest/redis/#connection-parameters) has them:
    /// `redis://[user][:password@]host[:port][/database]`, and `rediss://` over TLS with one of the
    /// crate's features for it.
    pub fn builder(url: &str) -> RedisLogsBuilder {
        RedisLogsBuilder {
            url: url.to_owned(),
            prefix: "wsio".to_owned(),
            limits: Limits::new(),
            window: WindowLimits {
                events: 1000,
                bytes: 256 << 10,
            },
            timeout: Duration::from_secs(5),
            probe: Duration::from_secs(5),
        }
    }
}

/// The options of [`RedisLogs`].
#[derive(Clone)]
#[must_use = "nothing happens before connect()"]
pub struct RedisLogsBuilder {
    pub(crate) url: String,
    pub(crate) prefix: String,
    pub(crate) limits: Limits,
    pub(crate) window: WindowLimits,
    pub(crate) timeout: Duration,
    pub(crate) probe: Duration,
}

impl RedisLogsBuilder {
    /// Sets the limits of each log. Let them be the same on all servers.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the beginning of all keys and channels; the default is `wsio`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Sets how much of each open log is in the memory of this process, for subscribers that are not
    /// far behind; the default is 1000 events and 256 KiB. What is older is read from Redis.
    pub fn window(mut self, events: usize, bytes: usize) -> Self {
        self.window = WindowLimits { events, bytes };
        self
    }

    /// Sets the time after which an append, a read or an attempt to connect fails; the default is 5
    /// seconds. While Redis is away, appends wait so long for it.
    pub fn timeout(mut self, time: Duration) -> Self {
        // Not too far off for the clock.
        let most = Duration::from_secs(1 << 30);
        self.timeout = time.clamp(Duration::from_millis(1), most);
        self
    }

    /// Sets the time between two tests of the connection that brings new events; the default is 5
    /// seconds. If it brings nothing within the [timeout](Self::timeout), it is replaced.
    pub fn probe(mut self, time: Duration) -> Self {
        self.probe = time.max(Duration::from_millis(10));
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// The URL is not valid, or Redis cannot be reached in time, refuses the password, or does not
    /// allow to publish and to subscribe. No error shows the URL.
    ///
    /// # Panics
    ///
    /// If it is not called in a tokio runtime with its I/O and time.
    pub async fn connect(self) -> Result<EventLogs, StoreError> {
        self.open().await.map(EventLogs::with_store)
    }

    /// Connects, and returns the store, for [`EventLogs::with_store`].
    ///
    /// # Errors
    ///
    /// As of [`connect`](Self::connect).
    pub async fn open(self) -> Result<RedisStore, StoreError> {
        RedisStore::connect(self).await
    }
}

/// The URL may have a password, and is not shown.
impl fmt::Debug for RedisLogsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLogsBuilder")
            .field("prefix", &self.prefix)
            .field("limits", &self.limits)
            .field("window", &self.window)
            .field("timeout", &self.timeout)
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}
