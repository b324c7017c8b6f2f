//! The operations on logs in Redis, each one script.

use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::Instant;
use wsio_events::{
    EventId, Limits, NewEvent, Page, PageLimits, SourceClaim, SourceGrant, StoredEvent,
    WindowLimits,
};

use crate::{
    error::CallError,
    keys::LogKeys,
    link::{RedisLink, RepeatCall},
    reply::{self, Appended},
    script::{self, RedisScript},
};

/// The size of the largest body that a message carries: what is larger is read by those who need
/// it, so that a burst does not fill the buffer that Redis has for each tail.
const MAX_MESSAGE: usize = 32 << 10;

/// The shortest time for which a log without events is remembered.
const IDLE: Duration = Duration::from_secs(600);

/// The connection for commands, and what all of them need.
pub(crate) struct RedisEngine {
    link: RedisLink,
    limits: Limits,
    time: Duration,
}

impl RedisEngine {
    pub(crate) fn new(link: RedisLink, limits: Limits, time: Duration) -> Self {
        Self { link, limits, time }
    }

    pub(crate) fn link(&self) -> &RedisLink {
        &self.link
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns the time in which every operation ends.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// Opens a log, and returns its newest id and its newest events, oldest first.
    pub(crate) async fn open(
        &self,
        keys: &LogKeys,
        window: WindowLimits,
    ) -> Result<(EventId, Vec<StoredEvent>), CallError> {
        let opened = self.begin(keys).await?;
        let limits = PageLimits {
            events: window.events,
            bytes: window.bytes,
        };
        let (newest, mut recent) = self.read(keys, None, limits).await?;
        recent.reverse();
        Ok((newest.unwrap_or(opened), recent))
    }

    /// Begins a log that has never been used, and returns the id of the newest event.
    async fn begin(&self, keys: &LogKeys) -> Result<EventId, CallError> {
        let mut command = script::OPEN.call(&[&keys.events, &keys.meta]);
        command.arg(self.idle());
        let answer = self
            .run(&script::OPEN, &command, RepeatCall::Harmless)
            .await?;
        reply::id(&answer).ok_or(CallError::Answer)
    }

    /// Appends an event that is larger than `seen`.
    pub(crate) async fn append(
        &self,
        keys: &LogKeys,
        event: &NewEvent,
        seen: EventId,
    ) -> Result<Appended, CallError> {
        let once = event.key().map(|key| keys.once(key));
        let mut names = vec![keys.events.as_str(), keys.meta.as_str()];
        names.extend(once.as_deref());
        let mut command = script::APPEND.call(&names);
        command
            .arg(&event.body()[..])
            .arg(&*keys.channel)
            .arg(seen.epoch)
            .arg(seen.number)
            .arg(self.limits.events)
            .arg(self.limits.bytes)
            .arg(self.age())
            .arg(millis(self.limits.memory))
            .arg(self.idle())
            .arg(MAX_MESSAGE);
        let repeat = match once {
            Some(_) => RepeatCall::Harmless,
            None => RepeatCall::Never,
        };
        let answer = self.run(&script::APPEND, &command, repeat).await?;
        reply::appended(&answer).ok_or(CallError::Answer)
    }

    /// Returns the oldest events after an id.
    pub(crate) async fn page(
        &self,
        keys: &LogKeys,
        after: EventId,
        limits: PageLimits,
    ) -> Result<Page, CallError> {
        let (newest, events) = self.read(keys, Some(after), limits).await?;
        let newest = match newest {
            Some(newest) => newest,
            None => self.begin(keys).await?,
        };
        Ok(Page { events, newest })
    }

    async fn read(
        &self,
        keys: &LogKeys,
        after: Option<EventId>,
        limits: PageLimits,
    ) -> Result<(Option<EventId>, Vec<StoredEvent>), CallError> {
        // Redis knows no id after the largest.
        let largest = EventId::new(u64::MAX, u64::MAX - 1);
        let after = after.map(|id| id.min(largest).to_string());
        let mut command = script::PAGE.call(&[&keys.events, &keys.meta]);
        command
            .arg(after.unwrap_or_default())
            .arg(limits.events)
            .arg(limits.bytes)
            .arg(self.age());
        let answer = self
            .run(&script::PAGE, &command, RepeatCall::Harmless)
            .await?;
        reply::page(&answer)
    }

    /// Tells Redis what has been seen of an open log; returns its newest id, or `None` if the log
    /// is lost.
    pub(crate) async fn audit(
        &self,
        keys: &LogKeys,
        seen: EventId,
    ) -> Result<Option<EventId>, CallError> {
        let mut command = script::AUDIT.call(&[&keys.meta]);
        command
            .arg(seen.epoch)
            .arg(seen.number)
            .arg(self.age())
            .arg(self.idle());
        let answer = self
            .run(&script::AUDIT, &command, RepeatCall::Harmless)
            .await?;
        reply::id_or_none(&answer)
    }

    pub(crate) async fn claim(
        &self,
        keys: &LogKeys,
        claim: &SourceClaim,
    ) -> Result<SourceGrant, CallError> {
        let (is_granted, seen) = self.source(keys, claim, "claim", 0).await?;
        Ok(match is_granted {
            true => SourceGrant::Granted(seen),
            false => SourceGrant::Held,
        })
    }

    pub(crate) async fn advance(
        &self,
        keys: &LogKeys,
        claim: &SourceClaim,
        seen: u64,
    ) -> Result<bool, CallError> {
        let (is_granted, _) = self.source(keys, claim, "advance", seen).await?;
        Ok(is_granted)
    }

    pub(crate) async fn release(
        &self,
        keys: &LogKeys,
        claim: &SourceClaim,
    ) -> Result<(), CallError> {
        self.source(keys, claim, "release", 0).await.map(drop)
    }

    async fn source(
        &self,
        keys: &LogKeys,
        claim: &SourceClaim,
        what: &str,
        handled: u64,
    ) -> Result<(bool, Option<u64>), CallError> {
        let mut command = script::SOURCE.call(&[&keys.sources, &keys.sources_used]);
        command
            .arg(what)
            .arg(&*claim.source)
            .arg(claim.owner)
            .arg(handled)
            .arg(millis(SourceClaim::LEASE))
            .arg(millis(self.limits.memory))
            .arg(self.limits.sources.max(1));
        let answer = self.run(&script::SOURCE, &command, RepeatCall::Harmless);
        reply::source(&answer.await?).ok_or(CallError::Answer)
    }

    async fn run(
        &self,
        script: &RedisScript,
        command: &Cmd,
        repeat: RepeatCall,
    ) -> Result<Value, CallError> {
        let deadline = Instant::now() + self.time;
        self.link.run(script, command, repeat, deadline).await
    }

    /// Returns the time for which Redis remembers how far a log has come of which there is no event.
    /// What is open is renewed much more often.
    fn idle(&self) -> u64 {
        let longer = self.age().saturating_mul(2).max(millis(self.limits.memory));
        longer.max(millis(IDLE))
    }

    fn age(&self) -> u64 {
        self.limits.age.map_or(0, |age| millis(age).max(1))
    }
}

/// Returns a time in milliseconds as scripts can calculate with it.
fn millis(time: Duration) -> u64 {
    const MAX: u64 = 1 << 45;
    u64::try_from(time.as_millis()).unwrap_or(MAX).clamp(1, MAX)
}
