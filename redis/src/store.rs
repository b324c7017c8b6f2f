//! The store: what the logs of `wsio-events` see of Redis.

use std::{fmt, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use redis::Value;
use tokio::time::Instant;
use wsio_events::{
    AppendError, EventId, EventStore, Limits, LogName, LogTail, NewEvent, OpenedLog, Page,
    PageLimits, SourceClaim, SourceGrant, StoreError, StoredEvent, StoredLog, WindowLimits,
};

use crate::{
    RedisLogsBuilder,
    channels::{Channels, Following},
    engine::RedisEngine,
    error::CallError,
    keys::LogKeys,
    link::{self, RedisLink},
    reply::Appended,
    script,
    tail::RedisTail,
};

/// Keeps the events of logs in Redis, or in an engine with the same commands such as Valkey.
///
/// It has two connections, however many logs are open: one for commands, and one that brings what
/// all servers append. Both are made anew whenever they are lost.
///
/// [`RedisLogs`](crate::RedisLogs) makes [`EventLogs`](wsio_events::EventLogs) with it.
pub struct RedisStore(Arc<Hub>);

struct Hub {
    engine: Arc<RedisEngine>,
    channels: Arc<Channels>,
    /// Held for its tasks, which end with it.
    _tail: RedisTail,
    prefix: String,
    address: String,
    window: WindowLimits,
}

impl RedisStore {
    pub(crate) async fn connect(options: RedisLogsBuilder) -> Result<Self, StoreError> {
        let client = link::client(&options.url)
            .map_err(|error| StoreError::new("the URL of Redis is not valid").with_source(error))?;
        let address = client.get_connection_info().addr().to_string();
        let time = options.timeout;
        let nothing = Arc::new(|_: &[Value]| {});
        let commands = RedisLink::new(client.clone(), time, &script::ALL, nothing);
        let deadline = Instant::now() + time;
        let cannot = CallError::into_store;
        commands.first(deadline).await.map_err(cannot)?;

        let engine = Arc::new(RedisEngine::new(commands, options.limits, time));
        let process = std::hash::BuildHasher::hash_one(
            &std::collections::hash_map::RandomState::new(),
            std::process::id(),
        );
        let (channels, work) = Channels::new(&options.prefix, process);
        let receiver = Arc::clone(&channels);
        let pushes = Arc::new(move |message: &[Value]| receiver.receive(message));
        let tail = RedisLink::new(client, time, &[], pushes);
        let tail = RedisTail::new(&channels, tail, &engine, work, options.probe);
        channels.first(&engine).await.map_err(cannot)?;
        Ok(Self(Arc::new(Hub {
            engine,
            channels,
            _tail: tail,
            prefix: options.prefix,
            address,
            window: WindowLimits {
                events: options.window.events.min(options.limits.events),
                bytes: options.window.bytes.min(options.limits.bytes),
            },
        })))
    }
}

impl EventStore for RedisStore {
    fn limits(&self) -> Limits {
        self.0.engine.limits()
    }

    fn open(
        &self,
        name: &LogName,
        tail: LogTail,
    ) -> BoxFuture<'static, Result<OpenedLog, StoreError>> {
        let keys = Arc::new(LogKeys::new(&self.0.prefix, name));
        let hub = Arc::clone(&self.0);
        async move {
            let log = RedisLog::follow(&hub, keys, tail).await;
            let log = log.map_err(CallError::into_store)?;
            let opened = hub.engine.open(log.keys(), hub.window).await;
            let (newest, recent) = opened.map_err(CallError::into_store)?;
            log.0.following.follower.open(newest);
            Ok(OpenedLog {
                log: Box::new(log),
                newest,
                recent,
                window: hub.window,
            })
        }
        .boxed()
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("address", &self.0.address)
            .field("prefix", &self.0.prefix)
            .field("limits", &self.0.engine.limits())
            .finish_non_exhaustive()
    }
}

/// A log in Redis, followed until this is dropped.
struct RedisLog(Arc<FollowedLog>);

struct FollowedLog {
    hub: Arc<Hub>,
    following: Following,
}

impl RedisLog {
    async fn follow(hub: &Arc<Hub>, keys: Arc<LogKeys>, tail: LogTail) -> Result<Self, CallError> {
        let time = hub.engine.time();
        let following = hub.channels.follow(keys, tail, time).await?;
        Ok(Self(Arc::new(FollowedLog {
            hub: Arc::clone(hub),
            following,
        })))
    }

    fn keys(&self) -> &LogKeys {
        &self.0.following.follower.keys
    }
}

impl FollowedLog {
    fn engine(&self) -> &RedisEngine {
        &self.hub.engine
    }

    fn keys(&self) -> &LogKeys {
        &self.following.follower.keys
    }

    async fn append(&self, event: NewEvent) -> Result<EventId, CallError> {
        let follower = &self.following.follower;
        let seen = follower.tail.newest();
        match self.engine().append(self.keys(), &event, seen).await? {
            Appended::Before(id) => Ok(id),
            Appended::New(id, after) => {
                // If others were appended before it that are not here yet, the tail brings all.
                let stored = StoredEvent::new(id, after, event.body());
                drop(follower.tail.push([stored]));
                Ok(id)
            }
        }
    }
}

impl StoredLog for RedisLog {
    fn append(&self, event: NewEvent) -> BoxFuture<'static, Result<EventId, AppendError>> {
        let log = Arc::clone(&self.0);
        async move { log.append(event).await.map_err(CallError::into_append) }.boxed()
    }

    fn page(
        &self,
        after: EventId,
        limits: PageLimits,
    ) -> BoxFuture<'static, Result<Page, StoreError>> {
        let log = Arc::clone(&self.0);
        async move {
            let page = log.engine().page(log.keys(), after, limits).await;
            page.map_err(CallError::into_store)
        }
        .boxed()
    }

    fn claim_source(
        &self,
        claim: SourceClaim,
    ) -> BoxFuture<'static, Result<SourceGrant, StoreError>> {
        let log = Arc::clone(&self.0);
        async move {
            let grant = log.engine().claim(log.keys(), &claim).await;
            grant.map_err(CallError::into_store)
        }
        .boxed()
    }

    fn advance_source(
        &self,
        claim: SourceClaim,
        seen: u64,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        let log = Arc::clone(&self.0);
        async move {
            let goes_on = log.engine().advance(log.keys(), &claim, seen).await;
            goes_on.map_err(CallError::into_store)
        }
        .boxed()
    }

    fn release_source(&self, claim: SourceClaim) -> BoxFuture<'static, Result<(), StoreError>> {
        let log = Arc::clone(&self.0);
        async move {
            let released = log.engine().release(log.keys(), &claim).await;
            released.map_err(CallError::into_store)
        }
        .boxed()
    }
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLog")
            .field("events", &self.keys().events)
            .finish_non_exhaustive()
    }
}
