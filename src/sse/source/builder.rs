//! Everything that can be said about an event source before it begins.

use std::time::Duration;

use super::{Connector, EventSource, Policy, Reconnect, machine::Machine};
use crate::{
    options::CONNECT_TIMEOUT,
    sse::{MAX_EVENT, MAX_LINE},
};

/// Makes an [`EventSource`]; see [`EventSource::ws`], `EventSource::http` and
/// [`EventSource::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SourceBuilder<C> {
    pub(crate) connector: C,
    options: Options,
}

/// What every event source has to know, whatever makes its connections. Sizes are in bytes.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) reconnect: Reconnect,
    pub(super) policy: Policy,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) last_event_id: String,
    pub(super) max_line: usize,
    pub(super) max_event: usize,
    pub(super) send_limit: usize,
}

impl<C> SourceBuilder<C> {
    pub(super) fn new(connector: C) -> Self {
        Self {
            connector,
            options: Options {
                reconnect: Reconnect::new(),
                policy: Policy::default(),
                connect_timeout: Some(CONNECT_TIMEOUT),
                idle_timeout: None,
                last_event_id: String::new(),
                max_line: MAX_LINE,
                max_event: MAX_EVENT,
                send_limit: 1 << 20,
            },
        }
    }

    /// How often and after what delays to connect again.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.options.reconnect = reconnect;
        self
    }

    /// Which errors are final.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.options.policy = policy;
        self
    }

    /// How long an attempt may take until its connection is open, what is done to prepare it
    /// included; `None` for no limit. The default is 30 seconds. A connection that takes longer
    /// is given up and tried again.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.connect_timeout = timeout.into();
        self
    }

    /// How long a connection may bring nothing until it counts as lost and is made again; `None`,
    /// the default, for no limit.
    ///
    /// Every byte counts, so that a server stays connected by sending comments. What the
    /// transport exchanges by itself, such as WebSocket Pings, does not.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.idle_timeout = timeout.into();
        self
    }

    /// The id to resume after, of the last event that an earlier program has dealt with. The
    /// default is none.
    pub fn last_event_id(mut self, id: impl Into<String>) -> Self {
        self.options.last_event_id = id.into();
        self
    }

    /// How many bytes a line may have, and how many an event: 8 MiB and 16 MiB by default. What
    /// is longer is left out, and reported by an error of kind
    /// [`Malformed`](super::SourceErrorKind::Malformed); the connection goes on, since another
    /// one would bring the same.
    pub fn limits(mut self, max_line: usize, max_event: usize) -> Self {
        self.options.max_line = max_line;
        self.options.max_event = max_event;
        self
    }

    /// How many bytes of events that are to be sent are kept until the sink is no longer ready;
    /// the default is 1 MiB. What is kept is at most this and one event.
    pub fn send_limit(mut self, bytes: usize) -> Self {
        self.options.send_limit = bytes;
        self
    }

    pub(crate) fn map<D>(self, change: impl FnOnce(C) -> D) -> SourceBuilder<D> {
        SourceBuilder {
            connector: change(self.connector),
            options: self.options,
        }
    }
}

impl<C: Connector> SourceBuilder<C> {
    /// The event source. It connects when it is first polled.
    #[must_use = "an event source does nothing unless polled"]
    pub fn build(self) -> EventSource<C> {
        EventSource::new(Machine::new(self.connector, self.options))
    }
}
