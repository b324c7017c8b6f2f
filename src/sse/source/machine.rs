//! The state machine of an event source; the faces next door only translate.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    Attempt, Connector, Policy, SourceError, SourceErrorKind, SourceEvent, SourceState, Verdict,
    builder::Options,
    connection::{Connecting, Open},
    handle::Shared,
    outbox::Outbox,
    reconnect::Backoff,
};
use crate::{
    backend::{Alarm as _, Timer},
    sse::{SseDecoder, SseItem},
};

type Item = Result<SourceEvent, SourceError>;

/// Connects, reads, and connects again after the last event id.
///
/// What a connection brought is given in full before its end is looked at: the last event id is
/// always that of the last event that was given.
pub(super) struct Machine<C: Connector> {
    connector: C,
    pub(super) phase: Phase<C>,
    decoder: SseDecoder,
    last_event_id: String,
    backoff: Backoff,
    policy: Policy,
    connect_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    attempts: u64,
    was_open: bool,
    /// The sink is being closed: what ends now is not made again.
    pub(super) is_closing: bool,
    pub(super) outbox: Outbox,
    pub(super) shared: Arc<Shared>,
}

/// Where a machine is.
pub(super) enum Phase<C: Connector> {
    Start,
    Waiting(Timer),
    Connecting(Connecting<C>),
    Open(Open<C>),
    Closed,
}

/// How many pieces of a connection are read in one go, when none of them makes an item, until
/// other tasks get their turn.
const BUDGET: usize = 64;

impl<C: Connector> Machine<C> {
    pub(super) fn new(connector: C, options: Options) -> Self {
        Self {
            connector,
            phase: Phase::Start,
            decoder: SseDecoder::with_limits(options.max_line, options.max_event),
            last_event_id: options.last_event_id,
            backoff: Backoff::new(options.reconnect),
            policy: options.policy,
            connect_timeout: options.connect_timeout,
            idle_timeout: options.idle_timeout,
            attempts: 0,
            was_open: false,
            is_closing: false,
            outbox: Outbox::new(options.send_limit),
            shared: Arc::default(),
        }
    }

    pub(super) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Whether nothing is left to be done, either: what a handle has closed still has a connection
    /// until it is polled.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        // Before looking whether a handle has closed it: nothing in between is missed.
        self.shared.reader.register(cx.waker());
        for _ in 0..BUDGET {
            if self.shared.is_closed() {
                self.close();
                return Poll::Ready(None);
            }
            let step = match &mut self.phase {
                Phase::Start => Step::Connect,
                Phase::Waiting(timer) => match Pin::new(timer).poll(cx) {
                    Poll::Ready(()) => Step::Connect,
                    Poll::Pending => return Poll::Pending,
                },
                Phase::Connecting(connecting) => match connecting.poll(cx) {
                    Poll::Ready(Ok(body)) => Step::Opened(body),
                    Poll::Ready(Err(error)) => Step::Failed(error),
                    Poll::Pending => return Poll::Pending,
                },
                Phase::Open(open) => match self.decoder.next() {
                    Some(item) => Step::Decoded(item),
                    None => match open.poll(cx) {
                        Poll::Ready(Ok(bytes)) => {
                            self.decoder.feed(&bytes);
                            continue;
                        }
                        Poll::Ready(Err(error)) => Step::Failed(error),
                        Poll::Pending => return Poll::Pending,
                    },
                },
                Phase::Closed => return Poll::Ready(None),
            };
            if let Some(item) = self.take(step) {
                return Poll::Ready(Some(item));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on by `step`; the item that it makes, if any.
    fn take(&mut self, step: Step<C>) -> Option<Item> {
        match step {
            Step::Connect => self.connect(),
            Step::Opened(body) => return Some(Ok(self.opened(body))),
            Step::Failed(_) if self.is_closing => self.close(),
            Step::Failed(error) => return Some(Err(self.failed(error))),
            Step::Decoded(Ok(item)) => return self.decoded(item).map(Ok),
            Step::Decoded(Err(error)) => {
                return Some(Err(SourceError::new(SourceErrorKind::Malformed, error)));
            }
        }
        None
    }

    fn connect(&mut self) {
        self.attempts += 1;
        let connecting = self.connector.connect(Attempt {
            number: self.attempts,
            retries: self.backoff.retries(),
            last_event_id: self.last_event_id.clone(),
        });
        self.phase = Phase::Connecting(Connecting::new(connecting, self.connect_timeout));
    }

    fn opened(&mut self, body: Pin<Box<C::Body>>) -> SourceEvent {
        self.was_open = true;
        self.phase = Phase::Open(Open::new(body, self.idle_timeout));
        self.shared.set(SourceState::Open);
        self.shared.sender.wake();
        SourceEvent::Open
    }

    fn decoded(&mut self, item: SseItem) -> Option<SourceEvent> {
        match item {
            SseItem::Event(event) => {
                if let Some(id) = &event.id {
                    self.last_event_id.clone_from(id);
                }
                Some(SourceEvent::Event(event))
            }
            SseItem::Comment(comment) => Some(SourceEvent::Comment(comment)),
            SseItem::Id(id) => {
                self.last_event_id = id;
                None
            }
            SseItem::Retry(delay) => {
                self.backoff.set_base(delay);
                None
            }
        }
    }

    /// An attempt failed or a connection ended: decides what follows.
    fn failed(&mut self, error: SourceError) -> SourceError {
        if let Phase::Open(open) = &self.phase {
            self.backoff.connected_for(open.age());
        }
        // An event that was cut off is none (WHATWG HTML § 9.2.6).
        self.decoder.end();
        self.outbox.disconnected();
        self.shared.sender.wake();
        let is_final = self.policy.judge(&error) == Verdict::Final
            || !(self.was_open || self.backoff.retries_initial());
        let delay = if is_final {
            None
        } else {
            self.backoff.next(error.retry_after())
        };
        match delay {
            Some(delay) => {
                self.phase = Phase::Waiting(Timer::after(delay));
                self.shared.set(SourceState::Connecting);
                error.retried_in(delay)
            }
            None => {
                self.close();
                error.made_final()
            }
        }
    }

    /// Ends it, wherever it is.
    pub(super) fn close(&mut self) {
        if self.is_over() {
            return;
        }
        self.phase = Phase::Closed;
        self.shared.set(SourceState::Closed);
        self.outbox.disconnected();
        self.shared.sender.wake();
    }
}

/// What a machine has to do next.
enum Step<C: Connector> {
    Connect,
    Opened(Pin<Box<C::Body>>),
    Failed(SourceError),
    Decoded(Result<SseItem, crate::sse::SseError>),
}
