//! The whole of it, with the native client at both ends of the wire.

use std::time::{Duration, Instant};

use futures::StreamExt;
use wsio::{
    ErrorKind, WsMeta,
    sse::{Reconnect, SourceState},
};
use wsio_demo_exchange::{
    Plan, Report, Step, StepOutcome,
    events::{DROPS, EVENTS, Happening, Place, Transport, Watch, drop_connections},
};
use wsio_demo_fleet::Wire;
use wsio_server::{Running, Server};

use crate::{events, store};

const BYTES: u64 = 1_000_003;

/// Keeps what it is told.
struct Recorder {
    began: Instant,
    started: Vec<Step>,
    finished: Vec<Step>,
    said: Vec<(Step, String)>,
    progress: Vec<(Step, u64)>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            started: Vec::new(),
            finished: Vec::new(),
            said: Vec::new(),
            progress: Vec::new(),
        }
    }

    fn last_progress(&self, step: Step) -> Option<u64> {
        let of_step = self.progress.iter().filter(|(of, _)| *of == step);
        of_step.map(|(_, bytes)| *bytes).next_back()
    }
}

impl Report for Recorder {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn pause(&self) {}

    fn started(&mut self, step: Step) {
        self.started.push(step);
    }

    fn sent(&mut self, step: Step, text: &str) {
        self.said.push((step, text.to_owned()));
    }

    fn received(&mut self, step: Step, text: &str) {
        self.said.push((step, text.to_owned()));
    }

    fn progress(&mut self, step: Step, bytes: u64, _total: u64) {
        self.progress.push((step, bytes));
    }

    fn status(&mut self, _step: Step, _text: &str) {}

    fn finished(&mut self, outcome: &StepOutcome) {
        self.finished.push(outcome.step);
    }
}

/// A server with the event log, and its address.
async fn serve() -> (Running, String) {
    // The exchange uses reqwest, which panics without if other packages turned on its rustls.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let log = store::open_own();
    tokio::spawn(events::append_ticks(log.clone(), Duration::from_millis(5)));
    let routes = Wire::to_routes(events::served(log)).routes();
    let server = Server::builder().routes(routes).grace(Duration::ZERO);
    let server = server.start("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}", server.addr);
    (server, address)
}

#[tokio::test]
async fn the_server_passes_every_step() {
    let (server, address) = serve().await;
    let mut recorder = Recorder::new();
    let plan = Plan {
        bytes: BYTES,
        ..Plan::new(address)
    };
    let outcome = wsio_demo_exchange::run(&plan, &mut recorder).await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert_eq!(recorder.started, Step::ALL);
    assert_eq!(recorder.finished, Step::ALL);
    assert_eq!(recorder.last_progress(Step::Up), Some(BYTES));
    assert_eq!(recorder.last_progress(Step::Down), Some(BYTES));
    let is_talk = |(step, _): &&(Step, String)| matches!(step, Step::Lines | Step::Json);
    let talk: Vec<_> = recorder.said.iter().filter(is_talk).collect();
    for pair in talk.chunks(2) {
        assert_eq!(pair[0], pair[1], "the echo follows what was sent");
    }
    let figures = &outcome.step(Step::Down).unwrap().figures;
    assert_eq!((figures.sent, figures.received), (0, BYTES));
    let events = &outcome.step(Step::Events).unwrap().figures.events;
    for side in events {
        assert!(side.received >= EVENTS, "{side:?}");
        assert_eq!((side.drops, side.gaps, side.repeats), (DROPS, 0, 0));
        assert!(side.reconnects >= DROPS, "{side:?}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_cut_ends_the_connections_of_one_client_without_a_close() {
    let (_server, address) = serve().await;
    let connect = async |client: &str| {
        let url = format!("{address}/demo/events?client={client}");
        let (_, stream) = WsMeta::builder(url).connect().await.unwrap();
        stream
    };
    let (mut cut, mut other) = (connect("cut").await, connect("other").await);
    cut.next().await.unwrap().unwrap();
    drop_connections(&address, "cut").await.unwrap();
    let end = loop {
        match cut.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("an orderly end"),
        }
    };
    assert_eq!(end.kind(), ErrorKind::Lost);
    // More than the connection can have held.
    for _ in 0..100 {
        other.next().await.unwrap().unwrap();
    }
}

/// Takes events until so many have come, each the next one, and says how often a connection was
/// opened meanwhile.
async fn take(watch: &mut Watch, events: u64) -> u64 {
    let (until, mut opened) = (watch.tally().received + events, 0);
    while watch.tally().received < until {
        match watch.next().await.unwrap() {
            Happening::Open => opened += 1,
            Happening::Tick(_, place) => assert_eq!(place, Place::Next),
            other => panic!("{other:?}"),
        }
    }
    opened
}

#[tokio::test]
async fn a_watch_goes_on_over_the_other_transport() {
    let (_server, address) = serve().await;
    let reconnect = Reconnect::new().delay(Duration::from_secs(600));
    let mut watch = Watch::new(&address, "watch", Transport::WebSocket, reconnect);
    assert_eq!(take(&mut watch, 10).await, 1);

    drop_connections(&address, "watch").await.unwrap();
    let error = loop {
        match watch.next().await.unwrap() {
            Happening::Failed(error) => break error,
            Happening::Tick(_, place) => assert_eq!(place, Place::Next),
            other => panic!("{other:?}"),
        }
    };
    assert!(error.retry_in().is_some(), "{error}");
    assert_eq!((watch.reconnects(), watch.failed()), (0, 0));
    // Not waiting is a reconnect too.
    watch.open(Transport::Http);
    assert_eq!(take(&mut watch, 10).await, 1);
    assert_eq!(watch.reconnects(), 1);

    watch.close();
    assert!(watch.next().await.is_none());
    assert_eq!(watch.state(), SourceState::Closed);
    // Being closed is not.
    watch.open(Transport::WebSocket);
    assert_eq!(take(&mut watch, 10).await, 1);
    assert_eq!(watch.reconnects(), 1);
    let tally = watch.tally();
    assert_eq!((tally.gaps, tally.repeats, tally.anew), (0, 0, 0));
}
