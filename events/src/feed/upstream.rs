//! Events that a client sends, each handled once.

use std::{
    error::Error,
    hash::{BuildHasher, Hasher, RandomState},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use futures::{
    StreamExt, TryStreamExt,
    future::{BoxFuture, Either, select},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use wsio::{
    WsMessage, WsMeta, WsReceiver,
    sse::{SseErrorKind, SseEvent, SseItem, SseReader, upstream},
};

use crate::{EventLog, SourceClaim, SourceGrant};

/// The time without an event after which a connection releases its source.
const IDLE: Duration = Duration::from_secs(1);

/// The interval at which a claim is renewed while an event is handled.
const RENEWAL: Duration = Duration::from_secs(1);

/// The interval at which a source that another connection has is asked for again.
const ASKING: Duration = Duration::from_millis(50);

/// The longest delay before a store that fails is asked again.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// The time for which a store that fails is asked again after the connection is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// An event that a client has sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpstreamEvent {
    /// The event. Its id, if it has one, is the client's.
    pub event: SseEvent,
    /// The key of the event: `SOURCE-NUMBER` from a client that numbers its events, and the same
    /// whenever the event comes again. From another client it is random.
    ///
    /// Use it with [`EventLog::append_once`]. Whoever knows the source's id can forge its events;
    /// where the keys of clients go to other clients, send a hash.
    pub key: String,
    /// The log that the connection is sent.
    pub log: EventLog,
}

pub(super) type OnEvent = Arc<
    dyn Fn(UpstreamEvent) -> BoxFuture<'static, Result<(), Box<dyn Error + Send + Sync>>>
        + Send
        + Sync,
>;

/// The reason why no more events are received from a client.
#[derive(Debug)]
pub(super) enum UpstreamEnd {
    /// The connection is over.
    Lost,
    /// An event is over the limit.
    TooLarge,
    /// The handler failed.
    Failed,
    /// Another connection has the source.
    Superseded,
    /// There is no number after the last one.
    Exhausted,
}

/// The receiving side of one connection.
pub(super) struct UpstreamReceiver<'a> {
    on_event: &'a OnEvent,
    meta: &'a WsMeta,
    log: EventLog,
    /// The number up to which events are confirmed.
    handled: watch::Sender<u64>,
    source: UpstreamSource,
    lost_at: Option<Instant>,
}

/// The source of the events of a connection.
enum UpstreamSource {
    /// The client does not number its events; their keys do.
    Unnumbered {
        id: u128,
        next: u64,
    },
    Numbered(NumberedSource),
}

struct NumberedSource {
    claim: SourceClaim,
    /// The number of the next event on this connection.
    next: Option<u64>,
    /// The number up to which the source has been handled, while this connection has the source.
    seen: Option<u64>,
}

impl<'a> UpstreamReceiver<'a> {
    pub(super) fn new(
        on_event: &'a OnEvent,
        meta: &'a WsMeta,
        log: EventLog,
        handled: watch::Sender<u64>,
    ) -> Self {
        let id = u128::from(random()) << 64 | u128::from(random());
        Self {
            on_event,
            meta,
            log,
            handled,
            source: UpstreamSource::Unnumbered { id, next: 1 },
            lost_at: None,
        }
    }

    /// Receives to the end.
    pub(super) async fn run(mut self, messages: WsReceiver, max_event: usize) -> UpstreamEnd {
        let bytes = messages.map_ok(WsMessage::into_bytes);
        let mut items = SseReader::with_limits(bytes, max_event, max_event);
        let end = loop {
            let item = if self.has_source() {
                match timeout(IDLE, items.next()).await {
                    Ok(item) => item,
                    Err(_) => {
                        self.release().await;
                        continue;
                    }
                }
            } else {
                items.next().await
            };
            let taken = match item {
                Some(Ok(SseItem::Event(event))) => self.take(event).await,
                Some(Ok(SseItem::Comment(comment))) => {
                    self.note(&comment);
                    Ok(())
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) if error.kind() != SseErrorKind::Io => Err(UpstreamEnd::TooLarge),
                Some(Err(_)) | None => Err(UpstreamEnd::Lost),
            };
            if let Err(end) = taken {
                break end;
            }
        };
        self.release().await;
        end
    }

    /// Notes the source of the events, once.
    fn note(&mut self, comment: &str) {
        if let UpstreamSource::Unnumbered { .. } = self.source
            && let Some((id, first)) = upstream::parse_source(comment)
        {
            self.source = UpstreamSource::Numbered(NumberedSource {
                claim: SourceClaim {
                    source: id.into(),
                    owner: random(),
                },
                next: Some(first),
                seen: None,
            });
        }
    }

    /// Handles an event, unless it has been handled before.
    async fn take(&mut self, event: SseEvent) -> Result<(), UpstreamEnd> {
        let source = match &mut self.source {
            UpstreamSource::Unnumbered { id, next } => {
                let key = format!("{id:032x}-{next}");
                *next += 1;
                let log = self.log.clone();
                let handling = (self.on_event)(UpstreamEvent { event, key, log });
                return handling.await.map_err(|error| failed(&*error));
            }
            UpstreamSource::Numbered(source) => source,
        };
        let number = source.next.ok_or(UpstreamEnd::Exhausted)?;
        source.next = number.checked_add(1);
        let claim = source.claim.clone();
        let seen = match source.seen {
            Some(seen) => seen,
            None => self.claim(&claim, number).await?,
        };
        if number > seen {
            let key = format!("{}-{number}", claim.source);
            let log = self.log.clone();
            self.handle(UpstreamEvent { event, key, log }, &claim, seen)
                .await?;
            self.record(&claim, number).await?;
        }
        self.handled.send_replace(number);
        Ok(())
    }

    /// Handles an event, and renews the claim meanwhile.
    async fn handle(
        &self,
        event: UpstreamEvent,
        claim: &SourceClaim,
        seen: u64,
    ) -> Result<(), UpstreamEnd> {
        let handling = (self.on_event)(event);
        let renewing = pin!(self.renew(claim, seen));
        let Either::Left((handled, _)) = select(handling, renewing).await;
        handled.map_err(|error| failed(&*error))
    }

    /// Claims the source, and returns the number up to which it has been handled.
    async fn claim(&mut self, claim: &SourceClaim, number: u64) -> Result<u64, UpstreamEnd> {
        let mut delay = ASKING;
        let seen = loop {
            match self.log.stored().claim_source(claim.clone()).await {
                Ok(SourceGrant::Granted(Some(seen))) => break seen,
                // The client has forgotten all before this one.
                Ok(SourceGrant::Granted(None)) => break number - 1,
                Ok(SourceGrant::Held) => delay = ASKING,
                Err(error) => {
                    tracing::warn!(%error, "a source of events cannot be claimed");
                    delay = MAX_DELAY.min(delay * 2);
                }
            }
            self.pause(delay).await?;
        };
        self.set_seen(Some(seen));
        Ok(seen)
    }

    /// Renews the claim for ever. What fails is asked again: without a claim the record fails.
    async fn renew(&self, claim: &SourceClaim, seen: u64) -> std::convert::Infallible {
        loop {
            sleep(RENEWAL).await;
            let renewing = self.log.stored().advance_source(claim.clone(), seen);
            if let Err(error) = renewing.await {
                tracing::warn!(%error, "the claim of a source of events cannot be renewed");
            }
        }
    }

    /// Records that the source has been handled up to this number.
    async fn record(&mut self, claim: &SourceClaim, number: u64) -> Result<(), UpstreamEnd> {
        let mut delay = ASKING;
        loop {
            match self
                .log
                .stored()
                .advance_source(claim.clone(), number)
                .await
            {
                Ok(true) => break,
                Ok(false) => return Err(UpstreamEnd::Superseded),
                Err(error) => {
                    tracing::warn!(%error, "an event of a client cannot be recorded as handled");
                    self.pause(delay).await?;
                    delay = MAX_DELAY.min(delay * 2);
                }
            }
        }
        self.set_seen(Some(number));
        Ok(())
    }

    /// Releases the source, so that another connection need not wait.
    async fn release(&mut self) {
        if let UpstreamSource::Numbered(source) = &mut self.source
            && source.seen.take().is_some()
            && let Err(error) = self.log.stored().release_source(source.claim.clone()).await
        {
            tracing::debug!(%error, "a source of events is not released");
        }
    }

    fn has_source(&self) -> bool {
        matches!(&self.source, UpstreamSource::Numbered(source) if source.seen.is_some())
    }

    fn set_seen(&mut self, seen: Option<u64>) {
        if let UpstreamSource::Numbered(source) = &mut self.source {
            source.seen = seen;
        }
    }

    /// Waits, but not for ever once the connection is lost: the client sends again what is not
    /// confirmed.
    async fn pause(&mut self, delay: Duration) -> Result<(), UpstreamEnd> {
        if self.lost_at.is_some() {
            sleep(delay).await;
        } else if timeout(delay, self.meta.closed()).await.is_ok() {
            self.lost_at = Some(Instant::now());
        }
        match self.lost_at {
            Some(lost_at) if lost_at.elapsed() >= PATIENCE => Err(UpstreamEnd::Lost),
            _ => Ok(()),
        }
    }
}

fn failed(error: &(dyn Error + Send + Sync + 'static)) -> UpstreamEnd {
    let error = error as &(dyn Error + 'static);
    tracing::warn!(error, "an event of a client is not handled");
    UpstreamEnd::Failed
}

/// Returns 64 random bits: the keys of a [`RandomState`] are the operating system's random numbers.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
