//! The tail: one connection that brings the new events of all open logs.
//!
//! Each append publishes its event on the channel of its log. What a message leaves out, because
//! there was no connection or the event is large, is read: an event that does not follow the newest
//! one shows the gap. Two checks find a connection that looks healthy and brings nothing: a message
//! of our own has to come back in time, and the newest ids are compared now and then.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use wsio_events::PageLimits;

use crate::{
    channels::{ChannelChange, Channels, TailWork, confirm},
    engine::RedisEngine,
    follower::Follower,
    link::{LinkConnection, RedisLink},
};

/// The number of channels in one command.
const BATCH: usize = 1000;

/// The number of logs that are read or compared at the same time.
const READERS: usize = 64;

/// The number of probes between two comparisons of the newest ids.
const AUDIT: u32 = 6;

/// The delay after which a log that cannot be read is read again.
const RETRY: Duration = Duration::from_millis(250);

/// The most that is read at a time of the missing events.
const PAGE: PageLimits = PageLimits {
    events: 500,
    bytes: 1 << 20,
};

/// The connection of the tail, and the tasks that serve it. They end with this.
pub(crate) struct RedisTail {
    tasks: [JoinHandle<()>; 2],
}

impl RedisTail {
    pub(crate) fn new(
        channels: &Arc<Channels>,
        link: RedisLink,
        engine: &Arc<RedisEngine>,
        work: TailWork,
        probe: Duration,
    ) -> Self {
        let session = TailSession {
            channels: Arc::clone(channels),
            link,
            engine: Arc::clone(engine),
            probe,
        };
        let engine = Arc::clone(engine);
        let mut readings = work.readings;
        let readings = stream::poll_fn(move |cx| readings.poll_recv(cx));
        let reading = readings.for_each_concurrent(READERS, move |follower| {
            let engine = Arc::clone(&engine);
            async move { read(&engine, &follower).await }
        });
        Self {
            tasks: [
                tokio::spawn(session.run(work.changes)),
                tokio::spawn(reading),
            ],
        }
    }
}

impl Drop for RedisTail {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Reads what a log misses.
async fn read(engine: &RedisEngine, follower: &Follower) {
    while follower.begin_reading() {
        while let Some(after) = follower.newest() {
            match engine.page(&follower.keys, after, PAGE).await {
                Ok(page) => {
                    if !follower.take(after, page) {
                        break;
                    }
                }
                Err(error) => {
                    let error = error.into_store();
                    tracing::debug!(%error, "a log cannot be read, and is read again");
                    sleep(RETRY).await;
                }
            }
        }
    }
}

struct TailSession {
    channels: Arc<Channels>,
    link: RedisLink,
    engine: Arc<RedisEngine>,
    probe: Duration,
}

impl TailSession {
    async fn run(self, mut changes: mpsc::UnboundedReceiver<ChannelChange>) {
        let mut waiting = Vec::new();
        loop {
            let connected = tokio::select! {
                connected = self.link.up() => connected,
                // A new connection subscribes to all channels anyway.
                _ = changes.recv_many(&mut waiting, BATCH) => {
                    waiting.retain(ChannelChange::is_awaited);
                    continue;
                }
            };
            let Some(connected) = connected else {
                return;
            };
            let generation = connected.generation;
            tokio::select! {
                () = self.link.over(generation) => {}
                () = self.serve(connected, &mut changes, &mut waiting) => {
                    self.link.suspect(generation);
                    self.link.over(generation).await;
                }
            }
        }
    }

    /// Serves one connection until it does not work.
    async fn serve(
        &self,
        mut connected: LinkConnection,
        changes: &mut mpsc::UnboundedReceiver<ChannelChange>,
        waiting: &mut Vec<ChannelChange>,
    ) {
        for batch in self.channels.names().chunks(BATCH) {
            if !self.subscribe(&mut connected, batch, true).await {
                return;
            }
        }
        // Whatever came while there was no connection is missing.
        self.channels.all().iter().for_each(Follower::miss);
        confirm(waiting);
        let probing = self.keep_probing();
        tokio::pin!(probing);
        loop {
            tokio::select! {
                count = changes.recv_many(waiting, BATCH) => {
                    if count == 0 || !self.reconcile(&mut connected, waiting).await {
                        return;
                    }
                    confirm(waiting);
                }
                () = &mut probing => {
                    tracing::warn!("the tail of Redis brings nothing, and is replaced");
                    return;
                }
            }
        }
    }

    /// Subscribes to the channels that have a log, and unsubscribes from those that have none.
    async fn reconcile(&self, connected: &mut LinkConnection, changes: &[ChannelChange]) -> bool {
        let (wanted, unwanted) = self.channels.split(changes);
        self.subscribe(connected, &wanted, true).await
            && self.subscribe(connected, &unwanted, false).await
    }

    async fn subscribe(
        &self,
        connected: &mut LinkConnection,
        names: &[Arc<str>],
        is_wanted: bool,
    ) -> bool {
        if names.is_empty() {
            return true;
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let connection = &mut connected.connection;
        let subscribing = async {
            match is_wanted {
                true => connection.subscribe(names).await,
                false => connection.unsubscribe(names).await,
            }
        };
        match timeout(self.engine.time(), subscribing).await {
            Ok(Ok(())) => {
                *self.channels.failure() = None;
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the tail of Redis cannot be subscribed to");
                *self.channels.failure() = Some(error);
                false
            }
            Err(_) => false,
        }
    }

    /// Returns when a probe does not come back in time.
    async fn keep_probing(&self) {
        for round in 1.. {
            sleep(self.probe).await;
            if !self.channels.probe(&self.engine).await {
                return;
            }
            if round % AUDIT == 0 {
                self.audit().await;
            }
        }
    }

    /// Compares the newest ids of all logs with those in Redis.
    async fn audit(&self) {
        let audits = self.channels.all().into_iter().map(|follower| async move {
            let Some(seen) = follower.newest() else {
                return;
            };
            let newest = self.engine.audit(&follower.keys, seen).await;
            let is_missed = matches!(newest, Ok(Some(newest)) if newest > follower.tail.newest());
            if is_missed {
                follower.miss();
            }
        });
        stream::iter(audits)
            .buffer_unordered(READERS)
            .for_each(|()| async {})
            .await;
    }
}
