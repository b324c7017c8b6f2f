//! The WebSocket of one native connection.

mod polling;

use std::{
    collections::VecDeque,
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{self, Message, protocol};

use super::{
    Link, NativeInstant,
    failure::{Verdict, judge},
    keepalive::{Beat, Keepalive},
};
use crate::{
    WsMessage,
    backend::{self, Clock as _, End, Unsendable, Violation},
    error::Cause,
    event::{CloseCode, CloseEvent},
};

/// How many bytes are read ahead to find the end while nobody reads.
const READ_AHEAD: usize = 64 * 1024;

/// What a socket keeps to, from the options and the setup.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketLimits {
    pub(crate) write_chunk: usize,
    pub(crate) high_water_mark: usize,
    pub(crate) keepalive: Option<(Duration, Duration)>,
}

pub(crate) struct NativeSocket {
    /// `None` once the connection is over.
    link: Option<Box<dyn Link>>,
    phase: Phase,
    /// What was read ahead while looking for the end.
    inbox: VecDeque<WsMessage>,
    inbox_bytes: usize,
    discarding: bool,
    /// How many bytes tungstenite took since it was last flushed; an upper bound of what it has.
    unflushed: usize,
    /// Whether some of that may be tungstenite's, and not yet the transport's.
    queued: bool,
    /// Why sending failed. What arrived before is still to be read, so it is not the end yet.
    broken: Option<Cause>,
    /// Whether the end came before everything was flushed.
    lost: bool,
    limits: SocketLimits,
    keepalive: Option<Keepalive>,
    last_message: NativeInstant,
}

#[derive(Debug)]
enum Phase {
    Open,
    /// We sent a Close frame, the peer has not yet.
    Closing,
    /// The peer's Close frame is in; ours is to be flushed.
    Answering(CloseEvent),
    /// The peer broke the rules. It is sent a Close frame, and what it sends is drained: to close
    /// a TCP connection with unread data would reset it, and the Close frame might not arrive.
    Failing(Violation, Step),
    Over(End),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Flush,
    Shutdown,
    Drain,
}

impl NativeSocket {
    pub(crate) fn new(link: Box<dyn Link>, limits: SocketLimits) -> Self {
        Self {
            link: Some(link),
            phase: Phase::Open,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            discarding: false,
            unflushed: 0,
            queued: false,
            broken: None,
            lost: false,
            limits,
            keepalive: limits
                .keepalive
                .map(|(interval, timeout)| Keepalive::new(interval, timeout)),
            last_message: NativeInstant::now(),
        }
    }

    /// The next message from the wire.
    fn poll_wire(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>> {
        loop {
            match &self.phase {
                Phase::Open | Phase::Closing => {
                    // What a full socket left behind goes out whoever polls.
                    if self.unflushed > 0 {
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
                    let event = event.clone();
                    // An answer that fails to go out changes nothing: the peer has said all.
                    if let Some(link) = &mut self.link {
                        if is_flushed(&ready!(link.poll_flush(cx))) {
                            self.unflushed = 0;
                        }
                        let _ = link.poll_shutdown(cx);
                    }
                    self.over(End::closed(event));
                }
                Phase::Failing(failure, _) => {
                    let end = End::failed(failure);
                    ready!(self.poll_failing(cx));
                    self.over(end);
                }
                Phase::Over(end) => return Poll::Ready(Err(end.clone())),
            }
        }
    }

    /// A message, or `None` when the phase has changed.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<WsMessage>> {
        loop {
            let Some(link) = &mut self.link else {
                self.over(End::lost(None));
                return Poll::Ready(None);
            };
            let next = ready!(link.poll_next(cx));
            self.last_message = NativeInstant::now();
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Poll::Ready(Some(WsMessage::Text(text.as_str().to_owned())));
                }
                Some(Ok(Message::Binary(bytes))) => {
                    return Poll::Ready(Some(WsMessage::Binary(bytes)));
                }
                // tungstenite answers a Ping by itself, with the next read or flush.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    self.phase = Phase::Answering(close_event(frame));
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    match judge(error) {
                        Verdict::Over(end) => self.over(end),
                        Verdict::Fail(failure) => backend::Backend::fail(self, failure),
                    }
                    return Poll::Ready(None);
                }
                None => {
                    self.over(End::lost(None));
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn poll_failing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let (Some(link), Phase::Failing(_, step)) = (&mut self.link, &mut self.phase) else {
                return Poll::Ready(());
            };
            *step = match step {
                Step::Flush => {
                    if !is_flushed(&ready!(link.poll_flush(cx))) {
                        return Poll::Ready(());
                    }
                    self.unflushed = 0;
                    Step::Shutdown
                }
                Step::Shutdown => {
                    ready!(link.poll_shutdown(cx));
                    Step::Drain
                }
                Step::Drain => return link.poll_drain(cx),
            };
        }
    }

    /// Whether the keepalive clock called for something, so that the wire has to be polled again.
    fn is_beating(&mut self, cx: &mut Context<'_>) -> bool {
        let last_activity = backend::Backend::last_activity(self);
        let Some(keepalive) = &mut self.keepalive else {
            return false;
        };
        match keepalive.poll(cx, last_activity) {
            Poll::Ready(Beat::Ping) => {
                if let (Phase::Open, Some(link)) = (&self.phase, &mut self.link) {
                    let sent = link.start_send(Message::Ping(Bytes::new()));
                    self.unflushed += 1;
                    self.queued = true;
                    self.note(sent);
                }
                true
            }
            Poll::Ready(Beat::Dead) => {
                self.over(End::overdue("the peer did not answer a Ping in time"));
                true
            }
            Poll::Pending => false,
        }
    }

    fn poll_flush_link(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        self.check_flushable()?;
        if let Some(link) = &mut self.link {
            let flushed = ready!(link.poll_flush(cx));
            self.unflushed = 0;
            self.queued = false;
            if !is_flushed(&flushed) {
                self.note(flushed);
            }
        }
        Poll::Ready(self.check_flushable())
    }

    /// Whether nothing that was taken for sending is known to be lost.
    fn check_flushable(&self) -> Result<(), Unsendable> {
        match &self.broken {
            None if !self.lost => Ok(()),
            cause => Err(Unsendable {
                cause: cause.clone(),
            }),
        }
    }

    /// Remembers that sending failed.
    fn note(&mut self, sent: tungstenite::Result<()>) {
        if let Err(error) = sent {
            self.broken = Some(Arc::new(error));
        }
    }

    fn check_sendable(&self) -> Result<(), Unsendable> {
        match (&self.broken, &self.phase) {
            (None, Phase::Open | Phase::Closing) => Ok(()),
            (cause, _) => Err(Unsendable {
                cause: cause.clone(),
            }),
        }
    }

    fn over(&mut self, end: End) {
        self.link = None;
        self.keepalive = None;
        self.lost = self.unflushed > 0;
        self.unflushed = 0;
        self.phase = Phase::Over(end);
    }
}

impl fmt::Debug for NativeSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeSocket")
            .field("phase", &self.phase)
            .field("unflushed", &self.unflushed)
            .field("inbox_bytes", &self.inbox_bytes)
            .finish_non_exhaustive()
    }
}

/// Whether everything went out. That the closing handshake is complete is an error to tungstenite.
fn is_flushed(flushed: &tungstenite::Result<()>) -> bool {
    matches!(
        flushed,
        Ok(()) | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)
    )
}

/// The end as the peer's Close frame tells it.
fn close_event(frame: Option<protocol::CloseFrame>) -> CloseEvent {
    let (code, reason) = match frame {
        Some(frame) => (u16::from(frame.code).into(), frame.reason.to_string()),
        None => (CloseCode::NO_STATUS, String::new()),
    };
    CloseEvent {
        code,
        reason,
        was_clean: true,
    }
}
