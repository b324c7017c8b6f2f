//! The options of an event source.

use std::time::Duration;

use super::{Connector, EventSource, Policy, Reconnect, machine::SourceMachine};
use crate::{
    options::CONNECT_TIMEOUT,
    sse::{MAX_EVENT, MAX_LINE},
};

/// Builds an [`EventSource`]; see [`EventSource::ws`], `EventSource::http` and
/// [`EventSource::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct SourceBuilder<C> {
    pub(crate) connector: C,
    options: SourceOptions,
}

/// The options that are independent of the connector. Sizes are in bytes.
#[derive(Debug, Clone)]
pub(super) struct SourceOptions {
    pub(super) reconnect: Reconnect,
    pub(super) policy: Policy,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) last_event_id: Option<String>,
    pub(super) max_line: usize,
    pub(super) max_event: usize,
    pub(super) send_limit: usize,
}

impl<C> SourceBuilder<C> {
    pub(super) fn new(connector: C) -> Self {
        Self {
            connector,
            options: SourceOptions {
                reconnect: Reconnect::new(),
                policy: Policy::default(),
                connect_timeout: Some(CONNECT_TIMEOUT),
                idle_timeout: None,
                last_event_id: None,
                max_line: MAX_LINE,
                max_event: MAX_EVENT,
                send_limit: 1 << 20,
            },
        }
    }

    /// Sets how often and after which delays the source reconnects.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.options.reconnect = reconnect;
        self
    }

    /// Sets which errors are final.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.options.policy = policy;
        self
    }

    /// Sets how long an attempt may take until it is connected, its preparation included, or
    /// `None` for no limit. The default is 30 seconds. An attempt that takes longer is dropped,
    /// and the source retries.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.connect_timeout = timeout.into();
        self
    }

    /// Sets how long a connection may stay silent until it counts as lost and the source
    /// reconnects, or `None`, the default, for no limit.
    ///
    /// Every byte of the event stream counts as a sign of life, comments included. WebSocket Pings
    /// do not count.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.idle_timeout = timeout.into();
        self
    }

    /// Sets the id to resume after, such as one that was saved in an earlier run of the program.
    /// The default is none, and so is the empty id.
    pub fn last_event_id<'a>(mut self, id: impl Into<Option<&'a str>>) -> Self {
        self.options.last_event_id = id.into().map(str::to_owned);
        self
    }

    /// Sets how many bytes a line and an event may have. The defaults are 8 MiB and 16 MiB.
    ///
    /// A longer one is skipped and yields an error of kind
    /// [`Malformed`](super::SourceErrorKind::Malformed). The connection stays open, since a server
    /// would send the same event again. For the same reason keep the limits above the largest event
    /// of the server: an `EventLog` of `wsio-events` accepts no event above its `Limits::max_event`,
    /// 1 MiB by default.
    pub fn limits(mut self, max_line: usize, max_event: usize) -> Self {
        self.options.max_line = max_line;
        self.options.max_event = max_event;
        self
    }

    /// Sets how many bytes of events that are unsent or unconfirmed the sink holds until it is no
    /// longer ready. The default is 1 MiB. The sink holds at most this many bytes and one event more.
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
    /// Builds the event source. It connects when it is first polled.
    #[must_use = "an event source does nothing unless polled"]
    pub fn build(self) -> EventSource<C> {
        EventSource::new(SourceMachine::new(self.connector, self.options))
    }
}
