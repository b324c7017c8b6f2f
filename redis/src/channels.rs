//! The channels of the open logs: pass each message on to its log.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{RedisError, Value};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};
use wsio_events::LogTail;

use crate::{
    engine::RedisEngine,
    error::CallError,
    follower::Follower,
    keys::{LogKeys, probe_channel},
    link::RepeatCall,
    reply,
};

/// The logs that are open in this process, by channel.
pub(crate) struct Channels {
    followers: Mutex<HashMap<Arc<str>, Followers>>,
    changes: mpsc::UnboundedSender<ChannelChange>,
    readings: mpsc::UnboundedSender<Arc<Follower>>,
    probe: Arc<str>,
    /// The largest probe that has come back.
    probed: watch::Sender<u64>,
    probes: AtomicU64,
    /// The reason for which the channels could not be subscribed to, if the last attempt failed.
    failure: Mutex<Option<RedisError>>,
}

/// The open logs of one channel: nearly always one.
#[derive(Clone, Default)]
struct Followers(Arc<[Arc<Follower>]>);

/// A channel that is to be subscribed to if a log is open, or not to be if none is.
pub(crate) struct ChannelChange {
    channel: Arc<str>,
    done: Option<oneshot::Sender<()>>,
}

/// The requests to the tasks of a tail.
pub(crate) struct TailWork {
    pub(crate) changes: mpsc::UnboundedReceiver<ChannelChange>,
    pub(crate) readings: mpsc::UnboundedReceiver<Arc<Follower>>,
}

impl ChannelChange {
    /// Returns whether somebody waits for it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.done.as_ref().is_some_and(|done| !done.is_closed())
    }
}

impl Channels {
    pub(crate) fn new(prefix: &str, process: u64) -> (Arc<Self>, TailWork) {
        let (changes, changes_out) = mpsc::unbounded_channel();
        let (readings, readings_out) = mpsc::unbounded_channel();
        let channels = Arc::new(Self {
            followers: Mutex::default(),
            changes,
            readings,
            probe: probe_channel(prefix, process),
            probed: watch::Sender::new(0),
            probes: AtomicU64::new(0),
            failure: Mutex::default(),
        });
        let work = TailWork {
            changes: changes_out,
            readings: readings_out,
        };
        (channels, work)
    }

    /// Takes a message: the channel and the payload.
    pub(crate) fn receive(&self, message: &[Value]) {
        let [channel, payload] = message else {
            return;
        };
        let (Some(channel), Some(payload)) = (reply::bytes(channel), reply::bytes(payload)) else {
            return;
        };
        let Ok(channel) = std::str::from_utf8(channel) else {
            return;
        };
        if channel == &*self.probe {
            let probe = std::str::from_utf8(payload).unwrap_or_default();
            let probe: u64 = probe.parse().unwrap_or_default();
            self.probed.send_modify(|it| *it = probe.max(*it));
            return;
        }
        let Some(followers) = self.lock().get(channel).cloned() else {
            return;
        };
        let message = reply::message(payload);
        for follower in &*followers.0 {
            drop(follower.receive(&message));
        }
    }

    /// Adds a log; returns when its messages arrive.
    pub(crate) async fn follow(
        self: &Arc<Self>,
        keys: Arc<LogKeys>,
        tail: LogTail,
        time: Duration,
    ) -> Result<Following, CallError> {
        let channel = Arc::clone(&keys.channel);
        let follower = Follower::new(keys, tail, self.readings.clone());
        self.edit(&channel, |all| all.push(Arc::clone(&follower)));
        let following = Following {
            channels: Arc::clone(self),
            follower,
        };
        let (done, is_done) = oneshot::channel();
        self.change(&channel, Some(done));
        match timeout(time, is_done).await {
            Ok(Ok(())) => Ok(following),
            _ => Err(CallError::Away(self.failure().clone())),
        }
    }

    pub(crate) fn failure(&self) -> MutexGuard<'_, Option<RedisError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, channel: &Arc<str>, done: Option<oneshot::Sender<()>>) {
        let channel = Arc::clone(channel);
        // The task that receives it lives as long as the connection.
        let _ = self.changes.send(ChannelChange { channel, done });
    }

    /// Edits the followers of a channel.
    fn edit(&self, channel: &Arc<str>, edit: impl FnOnce(&mut Vec<Arc<Follower>>)) {
        let mut channels = self.lock();
        let followers = channels.remove(channel);
        let mut followers = followers.unwrap_or_default().0.to_vec();
        edit(&mut followers);
        if !followers.is_empty() {
            channels.insert(Arc::clone(channel), Followers(followers.into()));
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Follower>> {
        let channels = self.lock();
        channels
            .values()
            .flat_map(|all| all.0.iter().cloned())
            .collect()
    }

    /// Returns the channels of these changes: those to subscribe to, and those not to.
    pub(crate) fn split(&self, changes: &[ChannelChange]) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let names = changes.iter().map(|change| Arc::clone(&change.channel));
        let channels = self.lock();
        names.partition(|name| *name == self.probe || channels.contains_key(name))
    }

    /// Returns all channels to subscribe to.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.lock().keys().cloned().collect();
        names.push(Arc::clone(&self.probe));
        names
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Followers>> {
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channels {
    /// Sends a message over the connection for commands; returns whether the tail brings it in
    /// time. If it cannot be sent, that says nothing of the tail.
    pub(crate) async fn probe(&self, engine: &RedisEngine) -> bool {
        let probe = self.probes.fetch_add(1, Ordering::Relaxed) + 1;
        let mut command = redis::cmd("PUBLISH");
        command.arg(&*self.probe).arg(probe);
        let deadline = Instant::now() + engine.time();
        let sent = engine.link().call(&command, RepeatCall::Harmless, deadline);
        if sent.await.is_err() {
            return true;
        }
        let mut probed = self.probed.subscribe();
        let coming = probed.wait_for(|it| *it >= probe);
        timeout(engine.time(), coming).await.is_ok()
    }

    /// Waits for the tail to work.
    pub(crate) async fn first(&self, engine: &RedisEngine) -> Result<(), CallError> {
        let (done, is_done) = oneshot::channel();
        self.change(&self.probe, Some(done));
        let is_done = timeout(engine.time(), is_done).await;
        if is_done.is_ok() && self.probe(engine).await {
            return Ok(());
        }
        Err(CallError::Away(self.failure().clone()))
    }
}

pub(crate) fn confirm(waiting: &mut Vec<ChannelChange>) {
    for change in waiting.drain(..) {
        if let Some(done) = change.done {
            // Who asked may have gone.
            let _ = done.send(());
        }
    }
}

/// A log that is followed until this is dropped.
pub(crate) struct Following {
    channels: Arc<Channels>,
    pub(crate) follower: Arc<Follower>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.follower.close();
        let channel = &self.follower.keys.channel;
        let is_it = |other: &Arc<Follower>| Arc::ptr_eq(other, &self.follower);
        self.channels
            .edit(channel, |all| all.retain(|other| !is_it(other)));
        self.channels.change(channel, None);
    }
}
