//! The demo's servers: how the page sees and commands them, and what each of them runs.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, anyhow};
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::post,
};
use serde::Deserialize;
use tokio::{
    io::{AsyncWriteExt, copy, sink, stdin, stdout},
    sync::watch,
    time::sleep,
};
use wsio_axum::{EventRoute, Server};
use wsio_demo_exchange::servers::{PATH, Part, Servers};
use wsio_demo_fleet::{Fleet, Storm, Wire};
use wsio_events::{EventLog, Limits};

use crate::{events, store};

/// The time for which faults are made.
const STORM: Duration = Duration::from_secs(10);

/// The state at `/demo/servers`, as a log of which the newest event counts, and below it the
/// commands.
pub(crate) fn routes(fleet: Option<Arc<Fleet>>, wire: Wire) -> Router {
    let states = EventLog::new(Limits::new().events(1));
    let commanded = Commanded {
        fleet,
        wire,
        is_storm: watch::Sender::new(false),
    };
    tokio::spawn(append_states(states.clone(), commanded.clone()));
    Router::new()
        .route(PATH, EventRoute::new().replay(true).serve(states))
        .route(&format!("{PATH}/kill"), post(kill))
        .route(&format!("{PATH}/start"), post(start))
        .route(&format!("{PATH}/drop"), post(drop_all))
        .route(&format!("{PATH}/storm"), post(storm))
        .with_state(commanded)
}

/// Appends the state at each change of it.
async fn append_states(log: EventLog, commanded: Commanded) {
    let Commanded { fleet, wire, .. } = commanded;
    let mut passages = wire.passages();
    let mut is_storm = commanded.is_storm.subscribe();
    let mut changes = fleet.as_ref().map(|fleet| fleet.changes());
    loop {
        let servers = Servers {
            parts: fleet.as_ref().map(|it| it.states()).unwrap_or_default(),
            passages: passages.borrow_and_update().clone(),
            is_storm: *is_storm.borrow_and_update(),
        };
        let appended = match servers.to_event() {
            Ok(event) => log.append(event).await.map_err(anyhow::Error::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = appended {
            eprintln!("the state of the servers cannot be told: {error}");
        }
        let changed = async {
            match &mut changes {
                Some(changes) => changes.next().await,
                None => std::future::pending().await,
            }
        };
        let goes_on = tokio::select! {
            goes_on = changed => goes_on,
            passed = passages.changed() => passed.is_ok(),
            raging = is_storm.changed() => raging.is_ok(),
        };
        if !goes_on {
            return;
        }
    }
}

#[derive(Debug, Clone)]
struct Commanded {
    fleet: Option<Arc<Fleet>>,
    wire: Wire,
    is_storm: watch::Sender<bool>,
}

#[derive(Debug, Deserialize)]
struct Which {
    part: Part,
    /// Without anything that it had kept.
    #[serde(default)]
    empty: bool,
}

async fn kill(State(it): State<Commanded>, Query(Which { part, .. }): Query<Which>) -> StatusCode {
    let Some(fleet) = it.fleet else {
        return StatusCode::NOT_FOUND;
    };
    status(&fleet.kill_part(part).await)
}

/// Answers at once: a server waits for the engine.
async fn start(State(it): State<Commanded>, Query(which): Query<Which>) -> StatusCode {
    let Some(fleet) = it.fleet else {
        return StatusCode::NOT_FOUND;
    };
    let Which { part, empty } = which;
    if fleet.states().iter().all(|state| state.part != part) {
        return StatusCode::NOT_FOUND;
    }
    tokio::spawn(async move {
        let started = if empty && part == Part::Engine {
            fleet.start_engine_empty().await
        } else {
            fleet.start_part(part).await
        };
        if let Err(error) = started {
            eprintln!("{part}: {error:#}");
        }
    });
    StatusCode::ACCEPTED
}

async fn drop_all(State(it): State<Commanded>) -> StatusCode {
    it.wire.cut(None);
    StatusCode::NO_CONTENT
}

/// Answers at once. There is one storm at a time.
async fn storm(State(it): State<Commanded>) -> StatusCode {
    let Some(fleet) = it.fleet else {
        return StatusCode::NOT_FOUND;
    };
    if it.is_storm.send_replace(true) {
        return StatusCode::CONFLICT;
    }
    tokio::spawn(async move {
        let storm = Storm::new(fleet, it.wire, events::now());
        match storm.rage(sleep(STORM)).await {
            Ok(faults) => println!("  faults at random: {faults}"),
            Err(error) => eprintln!("faults at random: {error:#}"),
        }
        it.is_storm.send_replace(false);
    });
    StatusCode::ACCEPTED
}

fn status(done: &Result<()>) -> StatusCode {
    match done {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::NOT_FOUND,
    }
}

/// Runs a server on the engine until the end of the input. It writes the address on which it listens
/// to its output.
pub(crate) async fn run(engine: &str) -> Result<()> {
    let log = store::open_shared(engine).await;
    let server = Server::builder()
        .routes(events::served(log))
        .start("127.0.0.1:0")
        .await?;
    let mut output = stdout();
    output
        .write_all(format!("{}\n", server.addr).as_bytes())
        .await?;
    output.flush().await?;
    copy(&mut stdin(), &mut sink()).await?;
    Err(anyhow!("the demo has gone"))
}
