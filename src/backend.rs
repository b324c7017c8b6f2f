//! The seam: all that a target has to provide, as traits, and the choice of the target.
//!
//! Everything above this module exists once. A backend is a [`Backend`], driven by polling, and
//! two small types that tell time. It keeps no task of its own and knows nothing of halves,
//! observers or timeouts: those are [`pair`](crate::pair)'s.

use std::{
    fmt,
    future::Future,
    io::IoSlice,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    Error, ErrorKind, WsMessage,
    address::Endpoint,
    error::{Cause, Violation},
    event::{CloseCode, CloseEvent, CloseFrame},
    options::Options,
};

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use crate::target::browser::backend as selected;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use crate::target::native::backend as selected;

/// The selected target's socket.
pub(crate) type Platform = selected::Socket;
/// The selected target's additions to [`Builder`](crate::Builder).
pub(crate) type PlatformOptions = <Platform as Backend>::PlatformOptions;
/// The selected target's transport of a connection that is over.
pub(crate) type Remains = <Platform as Backend>::Remains;

#[cfg(all(
    feature = "http",
    not(all(target_family = "wasm", target_os = "unknown"))
))]
pub(crate) use selected::tls::Tls;
pub(crate) use selected::{Moment, Timer};
#[cfg(feature = "event-source")]
pub(crate) use selected::{random_seed, random_words, refusal_header};

/// A WebSocket as a state machine that is polled.
///
/// Every `cx` handed to one socket leads to the same waker, which wakes all tasks that wait for the
/// connection, in whatever direction: a socket never has to know who is polling.
pub(crate) trait Backend: Sized + Send + 'static {
    /// The options for connecting that only this target has.
    type PlatformOptions: fmt::Debug + Clone + Default + Send + Sync;

    /// The transport of a connection that is over. Dropping it may run a user's code.
    type Remains: Send;

    /// Resolves to an open connection. Dropping the future closes the half-open socket.
    fn connect(
        endpoint: Endpoint,
        options: &Options,
        platform: Self::PlatformOptions,
    ) -> impl Future<Output = Result<(Self, Negotiated), Error>> + Send;

    /// Returns whether this target can send a Close frame with `code`.
    fn may_close_with(code: CloseCode) -> bool;

    /// Runs the end of a connection whose stream was dropped, as far as this target can do that
    /// without owning a task for each connection.
    fn run_detached(task: impl Future<Output = ()> + Send + 'static);

    /// Runs `task` to its end in the background, or drops it where nothing runs tasks.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Receives the next message; after the last one, returns how the connection ended, as often
    /// as asked.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsMessage, End>>;

    /// Drives the connection to its end without taking messages out of it: what arrives stays
    /// readable by `poll_recv`, and no more than a bounded amount is read ahead.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End>;

    /// Returns whether the peer is held back because nobody takes messages out, so that its
    /// silence means nothing.
    fn is_held_back(&self) -> bool;

    /// Ready when less than the high-water mark waits to be sent. Fails unless the connection is
    /// open.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>>;

    /// Takes a message for sending. Fails unless the connection is open.
    fn send(&mut self, message: WsMessage) -> Result<(), Unsendable>;

    /// Takes bytes for sending as binary messages once there is room, sets them on their way at
    /// once, and returns how many it took: at least one unless there are none. An empty write sends
    /// nothing. Fails unless the connection is open.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Unsendable>>;

    /// Ready when everything that was taken for sending is out of this library's hands.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>>;

    /// Begins the closing handshake, after what was taken for sending. Does nothing once begun.
    fn start_close(&mut self, frame: Option<CloseFrame>);

    /// Returns whether messages that arrive after a [`start_close`](Backend::start_close) called
    /// now would be discarded unread.
    fn discards_input_after_close(&self) -> bool;

    /// Ends the connection because of a message that was taken out: tells the peer why, and
    /// discards everything behind it. Does nothing once the connection is over.
    fn fail(&mut self, violation: &Violation);

    /// Gives up at once: nothing is sent or received any more. What was received before stays
    /// readable.
    fn abort(&mut self, end: End);

    /// Discards the messages that wait to be read, and all that still come.
    fn discard_input(&mut self);

    /// Takes the transport of a connection that is over, to be dropped where that may take time.
    fn take_remains(&mut self) -> Option<Self::Remains>;

    /// Returns whether a closing handshake has begun, from either side.
    fn is_closing(&self) -> bool;

    /// Returns how many bytes wait to be sent.
    fn buffered_amount(&self) -> usize;

    /// Returns when something was last received.
    fn last_activity(&self) -> Moment;
}

/// A point in time that only ever moves forward.
pub(crate) trait Clock: Copy + fmt::Debug + Send + Sync {
    fn now() -> Self;
    fn elapsed(&self) -> Duration;
}

/// A future that is ready once, when its time has come.
pub(crate) trait Alarm: Future<Output = ()> + Send + Sync + Unpin {
    fn after(delay: Duration) -> Self;
}

/// Fails to compile where the selected target does not keep to the seam.
const _: fn() = || {
    fn clock<T: Clock>() {}
    fn alarm<T: Alarm>() {}
    clock::<Moment>();
    alarm::<Timer>();
};

/// The outcome of the opening handshake.
#[derive(Debug, Clone, Default)]
pub(crate) struct Negotiated {
    pub(crate) url: String,
    pub(crate) protocol: String,
    pub(crate) extensions: String,
}

/// Sending failed because the connection is not open (any more).
#[derive(Debug)]
pub(crate) struct Unsendable {
    pub(crate) cause: Option<Cause>,
}

/// The end of a connection, and the error for the reader, if any.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) event: CloseEvent,
    pub(crate) error: Option<Error>,
}

impl End {
    /// An end by Close frames.
    pub(crate) fn closed(event: CloseEvent) -> Self {
        let error = (!event.is_success()).then(|| {
            let (kind, message) = if event.was_clean {
                (
                    ErrorKind::Closed,
                    "the connection was closed with an error code",
                )
            } else {
                (ErrorKind::Lost, "the connection was lost")
            };
            Error::new(kind, message).with_close_event(event.clone())
        });
        Self { event, error }
    }

    /// An end without a Close frame.
    pub(crate) fn lost(cause: Option<Cause>) -> Self {
        let event = CloseEvent::lost();
        let error = Error::new(ErrorKind::Lost, "the connection was lost")
            .with_cause(cause)
            .with_close_event(event.clone());
        Self {
            event,
            error: Some(error),
        }
    }

    /// An end because a time ran out.
    pub(crate) fn overdue(what: &'static str) -> Self {
        let cause = std::io::Error::new(std::io::ErrorKind::TimedOut, what);
        Self::lost(Some(std::sync::Arc::new(cause)))
    }

    /// An end brought about by `failure`. As a browser does when it fails a connection, the
    /// event says 1006; the error's kind tells why.
    pub(crate) fn failed(failure: &Violation) -> Self {
        let event = CloseEvent::lost();
        let error = Error::new(failure.kind, failure.message)
            .with_cause(failure.cause.clone())
            .with_close_event(event.clone());
        Self {
            event,
            error: Some(error),
        }
    }
}
