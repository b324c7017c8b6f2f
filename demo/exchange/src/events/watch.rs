//! Following the event log, over either transport.

use std::time::Duration;

use futures::{StreamExt, future::Either};
use serde::{Deserialize, Serialize};
use wsio::sse::{
    EventSource, HttpConnector, Reconnect, SourceBuilder, SourceError, SourceEvent, SourceState,
    SseEvent, WsConnector,
};

use super::{PATH, Place, Tally, Tick, http};

/// The event that tells of a server that does not have what was asked for.
pub(crate) const LAGGED: &str = "lagged";

/// The log brings ten events a second: a connection without any for so long is dead.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);

/// The transport of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// The body of an HTTP answer.
    Http,
}

impl Transport {
    /// Both.
    pub const ALL: [Self; 2] = [Self::WebSocket, Self::Http];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::Http => "HTTP",
        }
    }
}

/// An event source on the demo's log, with the count of what came.
#[derive(Debug)]
pub struct Watch {
    /// The address of the log, `ws:` or `wss:`.
    url: String,
    reconnect: Reconnect,
    transport: Transport,
    source: Source,
    tally: Tally,
    reconnects: u64,
    /// Attempts that failed since there was a connection.
    failed: u64,
    /// Whether there was a connection, and the source has lost it.
    is_lost: bool,
}

type Source = Either<EventSource<WsConnector>, EventSource<HttpConnector>>;

/// The visible state of a [`Watch`].
#[derive(Debug)]
pub enum Happening {
    /// A connection is open.
    Open,
    /// An event has come, and how it follows the one before.
    Tick(Tick, Place),
    /// There is no connection, or something is wrong with it; the error says what comes next.
    Failed(SourceError),
    /// An event that should be one of the log's cannot be read.
    Unreadable(serde_json::Error),
}

impl Watch {
    /// Follows the log of the server at `server`, such as `ws://127.0.0.1:8080`, from now on.
    /// `client` is the name under which the server drops its connections, of letters and digits.
    #[must_use]
    pub fn new(server: &str, client: &str, transport: Transport, reconnect: Reconnect) -> Self {
        let url = format!("{server}{PATH}?client={client}");
        Self {
            source: source(&url, transport, reconnect.clone(), None),
            url,
            reconnect,
            transport,
            tally: Tally::default(),
            reconnects: 0,
            failed: 0,
            is_lost: false,
        }
    }

    /// Returns the next happening, or `None` once the source is closed, until it is opened again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Happening> {
        loop {
            let was_open = self.state() == SourceState::Open;
            match self.source.next().await? {
                Ok(SourceEvent::Open) => {
                    self.reconnects += u64::from(self.is_lost);
                    self.is_lost = false;
                    self.failed = 0;
                    return Some(Happening::Open);
                }
                Ok(SourceEvent::Event(event)) => {
                    if let Some(happening) = self.read(&event) {
                        return Some(happening);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    if was_open {
                        self.is_lost = self.state() != SourceState::Open;
                    } else {
                        self.failed += 1;
                    }
                    return Some(Happening::Failed(error));
                }
            }
        }
    }

    /// Ends the connection. What comes until it is opened again is not missed, as long as the
    /// server keeps it.
    pub fn close(&mut self) {
        match &mut self.source {
            Either::Left(source) => source.close(),
            Either::Right(source) => source.close(),
        }
        self.is_lost = false;
    }

    /// Begins anew, over any transport, after the last event that came. If a connection was lost,
    /// the next one counts as made again, too.
    pub fn open(&mut self, transport: Transport) {
        let is_lost = self.is_lost;
        self.close();
        self.is_lost = is_lost;
        self.transport = transport;
        self.failed = 0;
        let last = match &self.source {
            Either::Left(source) => source.last_event_id(),
            Either::Right(source) => source.last_event_id(),
        };
        self.source = source(&self.url, transport, self.reconnect.clone(), last);
    }

    /// Returns the state of the event source.
    #[must_use]
    pub fn state(&self) -> SourceState {
        match &self.source {
            Either::Left(source) => source.ready_state(),
            Either::Right(source) => source.ready_state(),
        }
    }

    /// Returns the transport.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the tally of events.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Returns the number of reconnections.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Returns the number of attempts that have failed since there was a connection.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    fn read(&mut self, event: &SseEvent) -> Option<Happening> {
        if event.name == LAGGED {
            self.tally.tell();
            return None;
        }
        Some(match Tick::from_event(event)? {
            Ok(tick) => Happening::Tick(tick, self.tally.add(&tick)),
            Err(error) => Happening::Unreadable(error),
        })
    }
}

fn source(url: &str, transport: Transport, reconnect: Reconnect, last: Option<&str>) -> Source {
    match transport {
        Transport::WebSocket => {
            let builder = EventSource::ws(url);
            Either::Left(configured(builder, reconnect, last).build())
        }
        Transport::Http => {
            let builder = EventSource::http(http(url));
            Either::Right(configured(builder, reconnect, last).build())
        }
    }
}

fn configured<C>(
    builder: SourceBuilder<C>,
    reconnect: Reconnect,
    last: Option<&str>,
) -> SourceBuilder<C> {
    builder
        .reconnect(reconnect)
        .last_event_id(last)
        .idle_timeout(SILENCE)
}
