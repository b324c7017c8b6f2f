//! The state machine of an event source; its public faces only translate.
//!
//! ```text
//!   Start                                   .---- open_delay is zero ----.
//!     | first poll                          |                            v
//!     '---------------> Connecting ---------+---> Silent -------------> Open
//!                        ^      |  connected        |  first bytes, or    |
//!        delay is over   |      |                   |  open_delay is over |
//!     .------------------'      | failed            | refused             | ended
//!     |                         v                   v                     |
//!   Waiting <--- retry --- error is yielded <-------+---------------------'
//!                               | final
//!                               v
//!   any phase --- close() --> Closed
//! ```

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use super::{
    Attempt, Connector, Policy, SourceError, SourceErrorKind, SourceEvent, SourceState, Verdict,
    builder::SourceOptions,
    connection::{EstablishedConnection, PendingConnection},
    handle::SharedSourceState,
    read_ahead::ReadAhead,
    reconnect::RetryDelays,
    send_queue::SendQueue,
};
use crate::{
    backend::{Alarm as _, Timer},
    sse::{SseDecoder, SseError, SseItem},
};

/// Connects, reads, and reconnects after the last event id.
///
/// All items that have arrived are yielded before the end of the connection is. The decoder's last
/// event id is that of the last event yielded.
pub(super) struct SourceMachine<C: Connector> {
    connector: C,
    pub(super) phase: SourcePhase<C>,
    decoder: SseDecoder,
    delays: RetryDelays,
    policy: Policy,
    connect_timeout: Option<Duration>,
    idle_timeout: Option<Duration>,
    attempts: u64,
    was_open: bool,
    /// The sink is being closed: the source does not reconnect after the end of this connection.
    pub(super) is_closing: bool,
    pub(super) queue: SendQueue,
    /// Sends what is in the queue. It is there since the first event was accepted: only connections
    /// that are sinks can send.
    pub(super) send: Option<SendStep<C>>,
    /// What closing the sink has read for the stream.
    pub(super) ahead: Option<ReadAhead>,
    pub(super) shared: Arc<SharedSourceState>,
}

/// Sends the events of a queue over a connection, and flushes it if asked to.
pub(super) type SendStep<C> = fn(
    &mut SendQueue,
    &mut Context<'_>,
    Pin<&mut <C as Connector>::Body>,
    bool,
) -> Poll<Result<(), SourceError>>;

/// The phase of an event source.
pub(super) enum SourcePhase<C: Connector> {
    Start,
    Waiting(Timer),
    Connecting(PendingConnection<C>),
    /// Connected, but the server may still refuse; see [`Connector::open_delay`].
    Silent(EstablishedConnection<C>, Timer),
    Open(EstablishedConnection<C>),
    Closed,
}

/// The time after which a connection on which nothing has arrived counts as one to a server that
/// does not confirm, if no other has told. A server that confirms says so at once.
const SILENCE: Duration = Duration::from_secs(10);

/// The most pieces that one poll reads while none of them completes an item, so that other tasks
/// get their turn.
pub(super) const PIECES_PER_POLL: usize = 64;

impl<C: Connector> SourceMachine<C> {
    pub(super) fn new(connector: C, options: SourceOptions) -> Self {
        let mut decoder = SseDecoder::with_limits(options.max_line, options.max_event);
        decoder.set_last_event_id(options.last_event_id.as_deref());
        Self {
            connector,
            phase: SourcePhase::Start,
            decoder,
            delays: RetryDelays::new(options.reconnect),
            policy: options.policy,
            connect_timeout: options.connect_timeout,
            idle_timeout: options.idle_timeout,
            attempts: 0,
            was_open: false,
            is_closing: false,
            queue: SendQueue::new(options.send_limit),
            send: None,
            ahead: None,
            shared: Arc::default(),
        }
    }

    /// Returns the id of the last event yielded.
    pub(super) fn last_event_id(&self) -> Option<&str> {
        match &self.ahead {
            Some(ahead) if ahead.is_behind() => ahead.last_event_id(),
            _ => self.decoder.last_event_id(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Returns whether nothing is left to be done, either: after a handle has closed the source,
    /// its connection stays until the source is polled.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, SourcePhase::Closed)
    }

    /// Returns whether the stream has nothing left to yield.
    pub(super) fn is_terminated(&self) -> bool {
        match &self.ahead {
            Some(ahead) if ahead.is_behind() => ahead.is_at_end(),
            _ => self.is_over(),
        }
    }

    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<SourceEvent, SourceError>>> {
        // Registering comes before the check for a close by a handle, so that none is missed.
        self.shared.reader.register(cx.waker());
        let Some(ahead) = &mut self.ahead else {
            return self.poll_item(cx);
        };
        match ahead.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if self.is_terminated() => Poll::Ready(None),
            None => {
                // The task that closes the sink may wait for the same.
                self.poll_item(&mut Context::from_waker(&self.both_tasks()))
            }
        }
    }

    /// Returns a waker of the tasks that poll the stream and the sink.
    pub(super) fn both_tasks(&self) -> Waker {
        Waker::from(Arc::clone(&self.shared))
    }

    /// Returns the next item, with all that is to be done before it.
    pub(super) fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<SourceEvent, SourceError>>> {
        for _ in 0..PIECES_PER_POLL {
            if self.shared.is_closed() {
                self.close();
                return Poll::Ready(None);
            }
            if self.is_over() {
                return Poll::Ready(None);
            }
            let Poll::Ready(step) = self.poll_step(cx) else {
                return Poll::Pending;
            };
            if let Some(item) = self.take(step) {
                return Poll::Ready(Some(item));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends over the connection; pending while none is open.
    pub(super) fn poll_send_open(&mut self, flush: bool) -> Poll<()> {
        let waker = self.both_tasks();
        let SourcePhase::Open(open) = &mut self.phase else {
            return Poll::Pending;
        };
        let Some(send) = self.send else {
            return Poll::Ready(());
        };
        if open.has_failed_to_send() {
            return Poll::Pending;
        }
        let mut cx = Context::from_waker(&waker);
        match send(&mut self.queue, &mut cx, open.body.as_mut(), flush) {
            Poll::Ready(Err(error)) => {
                open.note_failed_send(error);
                self.shared.reader.wake();
                Poll::Pending
            }
            sent => sent.map(drop),
        }
    }

    /// Decides that the server does not confirm if it has been silent for too long, or else is
    /// pending until it has, or for ever if something else has told.
    pub(super) fn poll_undecided(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.phase {
            SourcePhase::Open(open) if self.queue.is_undecided() => {
                ready!(open.poll_age(cx, SILENCE));
                self.queue.decide_plain();
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<SourceStep<C>> {
        // What an earlier connection had flushed, the sender does not flush again.
        if self.queue.owes() && self.poll_send_open(true).is_ready() {
            self.shared.sender.wake();
        }
        match &mut self.phase {
            SourcePhase::Start => Poll::Ready(SourceStep::Connect),
            SourcePhase::Waiting(timer) => Pin::new(timer).poll(cx).map(|()| SourceStep::Connect),
            SourcePhase::Connecting(connecting) => {
                connecting.poll(cx).map(|connected| match connected {
                    Ok(body) => SourceStep::Connected(body),
                    Err(error) => SourceStep::Failed(error),
                })
            }
            SourcePhase::Silent(connection, timer) => match connection.poll(cx) {
                Poll::Ready(Ok(bytes)) => {
                    self.decoder.feed(&bytes);
                    Poll::Ready(SourceStep::Opened)
                }
                Poll::Ready(Err(error)) if error.kind() == SourceErrorKind::Status => {
                    Poll::Ready(SourceStep::Failed(error))
                }
                Poll::Ready(Err(error)) => {
                    connection.keep_end(error);
                    Poll::Ready(SourceStep::Opened)
                }
                Poll::Pending => Pin::new(timer).poll(cx).map(|()| SourceStep::Opened),
            },
            SourcePhase::Open(connection) => match self.decoder.next() {
                Some(item) => Poll::Ready(SourceStep::Decoded(item)),
                None => connection.poll(cx).map(|piece| match piece {
                    Ok(bytes) => {
                        self.decoder.feed(&bytes);
                        SourceStep::Fed
                    }
                    Err(error) => SourceStep::Failed(error),
                }),
            },
            SourcePhase::Closed => Poll::Pending,
        }
    }

    /// Takes a step, and returns the item it yields, if any.
    fn take(&mut self, step: SourceStep<C>) -> Option<Result<SourceEvent, SourceError>> {
        match step {
            SourceStep::Connect => self.connect(),
            SourceStep::Connected(body) => return self.connected(body).map(Ok),
            SourceStep::Opened => {
                return match mem::replace(&mut self.phase, SourcePhase::Start) {
                    SourcePhase::Silent(connection, _) => Some(Ok(self.opened(connection))),
                    phase => {
                        self.phase = phase;
                        None
                    }
                };
            }
            SourceStep::Fed => {}
            SourceStep::Failed(_) if self.is_closing => self.close(),
            SourceStep::Failed(error) => return Some(Err(self.failed(error))),
            SourceStep::Decoded(item) => {
                let comment = match &item {
                    Ok(SseItem::Comment(comment)) => Some(comment.as_str()),
                    _ => None,
                };
                if self.learn(comment) {
                    return None;
                }
                return match item {
                    Ok(item) => self.decoded(item).map(Ok),
                    Err(error) => Some(Err(SourceError::new(SourceErrorKind::Malformed, error))),
                };
            }
        }
        None
    }

    fn connect(&mut self) {
        self.attempts += 1;
        let connecting = self.connector.connect(Attempt {
            number: self.attempts,
            retries: self.delays.retries(),
            last_event_id: self.decoder.last_event_id().map(str::to_owned),
        });
        let connection = PendingConnection::new(connecting, self.connect_timeout);
        self.phase = SourcePhase::Connecting(connection);
    }

    fn connected(&mut self, body: Pin<Box<C::Body>>) -> Option<SourceEvent> {
        let connection = EstablishedConnection::new(body, self.idle_timeout);
        let delay = self.connector.open_delay();
        if delay.is_zero() {
            return Some(self.opened(connection));
        }
        self.phase = SourcePhase::Silent(connection, Timer::after(delay));
        None
    }

    fn opened(&mut self, connection: EstablishedConnection<C>) -> SourceEvent {
        self.was_open = true;
        self.phase = SourcePhase::Open(connection);
        self.shared.set(SourceState::Open);
        self.shared.sender.wake();
        SourceEvent::Open
    }

    /// Learns from an item what the server says of the events that it was sent. Returns whether it
    /// says nothing else.
    fn learn(&mut self, comment: Option<&str>) -> bool {
        let bytes = self.queue.bytes();
        let is_learned = self.queue.learn(comment);
        if self.queue.bytes() < bytes {
            self.shared.sender.wake();
        }
        is_learned
    }

    fn decoded(&mut self, item: SseItem) -> Option<SourceEvent> {
        match item {
            SseItem::Event(event) => Some(SourceEvent::Event(event)),
            SseItem::Comment(comment) => Some(SourceEvent::Comment(comment)),
            SseItem::Id(_) => None,
            SseItem::Retry(delay) => {
                self.delays.set_base(delay);
                None
            }
        }
    }

    /// Decides what follows a failed attempt or the end of a connection.
    fn failed(&mut self, error: SourceError) -> SourceError {
        if let SourcePhase::Open(connection) = &self.phase {
            self.delays.connected_for(connection.age());
            if self.queue.is_undecided() && connection.age() >= SILENCE {
                self.queue.decide_plain();
            }
        }
        // An event that was cut off is none (WHATWG HTML § 9.2.6).
        self.decoder.end();
        self.queue.disconnected();
        self.shared.sender.wake();
        let is_final = self.policy.judge(&error) == Verdict::Final
            || !(self.was_open || self.delays.retries_initial());
        let delay = if is_final {
            None
        } else {
            self.delays.next(error.retry_after())
        };
        match delay {
            Some(delay) => {
                self.phase = SourcePhase::Waiting(Timer::after(delay));
                self.shared.set(SourceState::Connecting);
                error.retried_in(delay)
            }
            None => {
                self.close();
                error.made_final()
            }
        }
    }

    /// Ends the source in any phase.
    pub(super) fn close(&mut self) {
        if self.is_over() {
            return;
        }
        self.phase = SourcePhase::Closed;
        self.shared.set(SourceState::Closed);
        self.queue.disconnected();
        self.shared.sender.wake();
    }
}

/// The next step of a source.
enum SourceStep<C: Connector> {
    Connect,
    Connected(Pin<Box<C::Body>>),
    Opened,
    Fed,
    Failed(SourceError),
    Decoded(Result<SseItem, SseError>),
}
