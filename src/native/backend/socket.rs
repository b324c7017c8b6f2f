//! The WebSocket of one native connection.

mod polling;

use std::{
    collections::VecDeque,
    fmt,
    task::{Context, Poll, ready},
    time::Duration,
};

use super::{
    Link, NativeInstant,
    keepalive::{Beat, Keepalive},
    linger::linger,
    link::Received,
};
use crate::{
    WsMessage,
    backend::{Backend as _, Clock as _, End, Unsendable},
    error::{Cause, Violation},
    event::{CloseCode, CloseEvent, CloseFrame},
};

/// The size of the read-ahead that looks for the end while nobody reads, in bytes.
const READ_AHEAD: usize = 64 * 1024;

/// The number of messages that are read ahead; empty ones count as well.
const MESSAGES_AHEAD: usize = 1024;

/// The number of messages that are discarded until other tasks get their turn.
const DISCARDS_PER_POLL: usize = 256;

/// The bytes that may wait for the transport before written bytes have to wait themselves: what the
/// operating system holds besides keeps the line busy, and less memory stays in the caches.
const WRITE_THROUGH: usize = 128_000;

/// The limits of a socket, from the options of all targets and of this one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketLimits {
    pub(crate) write_chunk: usize,
    pub(crate) high_water_mark: usize,
    pub(crate) close_timeout: Option<Duration>,
    pub(crate) keepalive: Option<(Duration, Duration)>,
}

pub(crate) struct NativeSocket {
    /// `None` once the connection is over.
    link: Option<Box<dyn Link>>,
    phase: Phase,
    /// The messages read ahead.
    inbox: VecDeque<WsMessage>,
    inbox_bytes: usize,
    is_discarding: bool,
    /// `true` if something was taken for sending since everything was last flushed.
    is_dirty: bool,
    /// Why sending failed. What arrived before is still to be read, so it is not the end yet.
    broken: Option<Cause>,
    /// `true` if the end came before everything was flushed.
    is_cut: bool,
    limits: SocketLimits,
    keepalive: Option<Keepalive>,
    last_message: NativeInstant,
    /// The link of a connection that is over, until it can be dropped.
    remains: Option<Box<dyn Link>>,
}

/// ```text
///          start_close                      the peer's Close
///   Open ──────────────▶ Closing ─────────────────┐
///    │                     │                      ▼
///    ├──── the peer's Close ─────────────▶ Answering ── ours flushed ──▶ Over
///    │                     │                      │                       ▲
///    └─ violation, EOF, ───┴── abort ─────────────┴───────────────────────┘
///       error, no Pong
/// ```
#[derive(Debug)]
enum Phase {
    Open,
    /// We sent a Close frame, the peer has not yet.
    Closing,
    /// The peer's Close frame is in; ours is to be flushed.
    Answering(CloseEvent),
    Over(End),
}

impl NativeSocket {
    pub(crate) fn new(link: Box<dyn Link>, limits: SocketLimits) -> Self {
        Self {
            link: Some(link),
            phase: Phase::Open,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            is_discarding: false,
            is_dirty: false,
            broken: None,
            is_cut: false,
            limits,
            keepalive: limits
                .keepalive
                .map(|(interval, timeout)| Keepalive::new(interval, timeout)),
            last_message: NativeInstant::now(),
            remains: None,
        }
    }

    /// Receives the next message from the link.
    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>> {
        loop {
            match &self.phase {
                Phase::Open | Phase::Closing => {
                    // What a full transport left behind goes out whoever polls.
                    if self.is_dirty {
                        let _ = self.poll_flush_link(cx);
                    }
                    match self.poll_message(cx) {
                        Poll::Ready(Some(message)) => return Poll::Ready(Ok(message)),
                        Poll::Ready(None) => {}
                        Poll::Pending if self.is_beating(cx) => {}
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Phase::Answering(event) => {
                    let end = End::closed(event.clone());
                    // An answer that fails to go out changes nothing: the peer has said all.
                    if let Some(link) = &mut self.link {
                        if ready!(link.poll_flush(cx)).is_ok() {
                            self.is_dirty = false;
                        }
                        let _ = link.poll_shutdown(cx);
                    }
                    self.finish(end);
                }
                Phase::Over(end) => return Poll::Ready(Err(end.clone())),
            }
        }
    }

    /// Receives a message, or `None` when the phase has changed.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<WsMessage>> {
        let Some(link) = &mut self.link else {
            self.finish(End::lost(None));
            return Poll::Ready(None);
        };
        let received = ready!(link.poll_next(cx));
        if self.keepalive.is_some() {
            self.last_message = NativeInstant::now();
        }
        match received {
            Received::Message(message) => return Poll::Ready(Some(message)),
            Received::Close(frame) => self.phase = Phase::Answering(close_event(frame)),
            Received::Violation(violation) => self.fail_link(&violation),
            Received::Lost(cause) => self.finish(End::lost(cause)),
        }
        Poll::Ready(None)
    }

    /// Ends the connection with a Close frame that says why. What was read ahead stays readable.
    fn fail_link(&mut self, violation: &Violation) {
        if let Some(mut link) = self.link.take() {
            link.push_close(Some(CloseFrame {
                code: violation.code,
                reason: violation.message.to_owned(),
            }));
            linger(link, self.limits.close_timeout);
        }
        self.finish(End::failed(violation));
    }

    /// Reads ahead, up to the limits; ready at the end.
    fn poll_read_ahead(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut discards = DISCARDS_PER_POLL;
        while !self.is_read_ahead() {
            match ready!(self.poll_link(cx)) {
                Ok(_) if self.is_discarding && discards > 0 => discards -= 1,
                Ok(_) if self.is_discarding => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(message) => {
                    self.inbox_bytes += message.len();
                    self.inbox.push_back(message);
                }
                Err(end) => return Poll::Ready(end),
            }
        }
        match &self.phase {
            Phase::Over(end) => Poll::Ready(end.clone()),
            _ => {
                let _ = self.poll_flush_link(cx);
                Poll::Pending
            }
        }
    }

    /// Returns whether nothing more is read until somebody takes a message.
    fn is_read_ahead(&self) -> bool {
        self.inbox_bytes >= READ_AHEAD || self.inbox.len() >= MESSAGES_AHEAD
    }

    /// Returns whether the keepalive clock called for something, so that the link has to be polled
    /// again.
    fn is_beating(&mut self, cx: &mut Context<'_>) -> bool {
        let last_activity = self.last_activity();
        let Some(keepalive) = &mut self.keepalive else {
            return false;
        };
        match keepalive.poll(cx, last_activity) {
            Poll::Ready(Beat::Ping) => {
                if let (Phase::Open, Some(link)) = (&self.phase, &mut self.link) {
                    link.push_ping();
                    self.is_dirty = true;
                }
                true
            }
            Poll::Ready(Beat::Dead) => {
                self.finish(End::overdue("the peer did not answer a Ping in time"));
                true
            }
            Poll::Pending => false,
        }
    }

    /// Ready when few enough bytes wait for the transport that more of them keep it busy; fails
    /// unless the connection is open.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        self.check_sendable()?;
        if self.buffered_amount() < WRITE_THROUGH.min(self.limits.high_water_mark) {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush_link(cx)
    }

    fn poll_flush_link(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        self.check_flushable()?;
        if let Some(link) = &mut self.link {
            let flushed = ready!(link.poll_flush(cx));
            self.is_dirty = false;
            self.broken = flushed.err();
        }
        Poll::Ready(self.check_flushable())
    }

    /// Fails if something that was taken for sending is known to be lost.
    fn check_flushable(&self) -> Result<(), Unsendable> {
        match &self.broken {
            None if !self.is_cut => Ok(()),
            cause => Err(Unsendable {
                cause: cause.clone(),
            }),
        }
    }

    fn check_sendable(&self) -> Result<(), Unsendable> {
        match (&self.broken, &self.phase) {
            (None, Phase::Open) => Ok(()),
            (cause, _) => Err(Unsendable {
                cause: cause.clone(),
            }),
        }
    }

    fn finish(&mut self, end: End) {
        self.remains = self.link.take();
        self.keepalive = None;
        self.is_cut = self.is_dirty;
        self.is_dirty = false;
        self.phase = Phase::Over(end);
    }
}

impl fmt::Debug for NativeSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeSocket")
            .field("phase", &self.phase)
            .field("buffered_amount", &self.buffered_amount())
            .field("inbox_bytes", &self.inbox_bytes)
            .finish_non_exhaustive()
    }
}

/// The end as the peer's Close frame reports it.
fn close_event(frame: Option<CloseFrame>) -> CloseEvent {
    let (code, reason) = match frame {
        Some(frame) => (frame.code, frame.reason),
        None => (CloseCode::NO_STATUS, String::new()),
    };
    CloseEvent {
        code,
        reason,
        was_clean: true,
    }
}
