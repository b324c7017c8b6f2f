//! A long job that reports its progress, and a client that loses its connection but no step.
//!
//! ```text
//! cargo run --example job_progress
//! ```
//!
//! A POST starts the job and returns its id. Any number of clients can read the events of the job
//! under this id at any time. To resume, a client needs the id of the job and that of the last event:
//!
//! - A client that closes keeps both, and the next one resumes from there.
//! - When the connection is lost, perhaps within an event, the client reconnects by itself, sends the
//!   last id as `Last-Event-ID`, and receives the events it missed.
//! - A client that connects after the end of the job, without an id, receives all events.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

#[path = "support/network.rs"]
mod network;

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use wsio::sse::{EventSource, Reconnect, SourceEvent, SseEvent};
use wsio_axum::{EventRequest, EventRoute, Server};
use wsio_events::{AppendError, EventLog};

use self::network::Network;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let summary = run(Options::default()).await?;
    let Watched {
        steps, connections, ..
    } = summary.in_parts;
    println!("{} steps, over {connections} connections", steps.len());
    println!("{} steps afterwards", summary.afterwards.steps.len());
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Options {
    pub(crate) steps: u64,
    /// The duration of a step.
    pub(crate) pace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            steps: 40,
            pace: Duration::from_millis(50),
        }
    }
}

pub(crate) struct Summary {
    /// The steps seen by a client that was closed in between and lost a connection.
    pub(crate) in_parts: Watched,
    /// The steps seen by a client that connected after the end of the job.
    pub(crate) afterwards: Watched,
}

pub(crate) async fn run(options: Options) -> Result<Summary, Failure> {
    let routes = Router::new()
        .route("/jobs", post(start))
        .route("/jobs/{id}", get(progress))
        .with_state(Jobs::new());
    let server = Server::builder()
        .routes(routes)
        .start("127.0.0.1:0")
        .await?;
    // An event has more than 64 bytes here, so that the connection breaks before the last one.
    let network = Network::failing_once(server.addr, options.steps * 32).await?;

    let id = start_job(&format!("http://{}", server.addr), &options).await?;
    println!("the id of the job is {id}");
    let url = format!("http://{}/jobs/{id}", server.addr);
    let mut in_parts = Watched::default();
    in_parts.watch(&url, options.steps / 4).await?;
    println!(
        "closed after event {:?}, and resumed",
        in_parts.last_event_id
    );
    let shaky = format!("http://{}/jobs/{id}", network.addr);
    in_parts.watch(&shaky, u64::MAX).await?;
    println!("once more from the beginning");
    let mut afterwards = Watched::default();
    afterwards.watch(&url, u64::MAX).await?;
    server.shutdown().await;

    for Watched { steps, .. } in [&in_parts, &afterwards] {
        if !steps.iter().copied().eq(1..=options.steps) {
            return Err(format!("some step is missing or repeated: {steps:?}").into());
        }
    }
    if in_parts.connections < 3 {
        return Err("the connection was not lost".into());
    }
    Ok(Summary {
        in_parts,
        afterwards,
    })
}

/// The server: it keeps a log of events for each job.
#[derive(Clone)]
struct Jobs {
    /// A long-running server would remove the logs of jobs that ended some time ago.
    logs: Arc<Mutex<HashMap<String, EventLog>>>,
    route: EventRoute,
}

#[derive(Deserialize)]
struct Order {
    steps: u64,
    pace_ms: u64,
}

async fn start(State(jobs): State<Jobs>, Query(order): Query<Order>) -> (StatusCode, String) {
    let log = EventLog::default();
    let id = jobs.add(log.clone());
    tokio::spawn(work(order, log));
    (StatusCode::ACCEPTED, id)
}

async fn progress(
    State(jobs): State<Jobs>,
    Path(id): Path<String>,
    request: EventRequest,
) -> Response {
    match jobs.find(&id) {
        Some(log) => jobs.route.answer(&log, request),
        None => request.refuse(StatusCode::NOT_FOUND, None),
    }
}

impl Jobs {
    fn new() -> Self {
        Self {
            logs: Arc::default(),
            // A client without an id has seen no event, and receives all of them.
            route: EventRoute::new().replay(true),
        }
    }

    fn add(&self, log: EventLog) -> String {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let id = format!("job-{}", logs.len() + 1);
        logs.insert(id.clone(), log);
        id
    }

    fn find(&self, id: &str) -> Option<EventLog> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.get(id).cloned()
    }
}

/// The job is independent of clients: there may be none, or many.
async fn work(order: Order, log: EventLog) -> Result<(), AppendError> {
    for step in 1..=order.steps {
        tokio::time::sleep(Duration::from_millis(order.pace_ms)).await;
        let data = json!({ "step": step, "of": order.steps }).to_string();
        log.append(SseEvent::new(data).with_name("progress"))
            .await?;
    }
    log.append(SseEvent::new("all is well").with_name("done"))
        .await?;
    log.end().await?;
    Ok(())
}

/// The client.
async fn start_job(server: &str, options: &Options) -> Result<String, Failure> {
    let (steps, pace) = (options.steps, options.pace.as_millis());
    let url = format!("{server}/jobs?steps={steps}&pace_ms={pace}");
    let response = reqwest::Client::new().post(url).send().await?;
    Ok(response.error_for_status()?.text().await?)
}

#[derive(Deserialize)]
struct Progress {
    step: u64,
    of: u64,
}

/// The steps that clients have seen of a job, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// The numbers of the steps, in the order received.
    pub(crate) steps: Vec<u64>,
    /// The id after which the next client resumes. A page would keep it in its storage.
    pub(crate) last_event_id: Option<String>,
    pub(crate) connections: usize,
}

impl Watched {
    /// Watches until the job is done, or until this step.
    async fn watch(&mut self, url: &str, until: u64) -> Result<(), Failure> {
        let mut events = EventSource::http(url)
            .last_event_id(self.last_event_id.as_deref())
            .reconnect(Reconnect::new().delay(Duration::from_millis(200)))
            .idle_timeout(Duration::from_secs(45))
            .build();
        while let Some(item) = events.next().await {
            match item {
                Ok(SourceEvent::Open) => self.connections += 1,
                Ok(SourceEvent::Event(event)) => {
                    let done = self.see(&event)?;
                    self.last_event_id = events.last_event_id().map(str::to_owned);
                    if done || self.steps.last() == Some(&until) {
                        return Ok(());
                    }
                }
                // A comment, sent as a heartbeat.
                Ok(_) => {}
                Err(error) if error.is_final() => return Err(error.into()),
                Err(error) => println!("{error}"),
            }
        }
        Err("the stream ended before the job".into())
    }

    /// Returns whether the job is done.
    fn see(&mut self, event: &SseEvent) -> Result<bool, Failure> {
        match event.name.as_str() {
            "progress" => {
                let Progress { step, of } = serde_json::from_str(&event.data)?;
                println!("step {step} of {of}");
                self.steps.push(step);
                Ok(false)
            }
            "done" => {
                println!("done: {}", event.data);
                Ok(true)
            }
            // `lagged`, if the server no longer has the missed events.
            other => Err(format!("{other}: {}", event.data).into()),
        }
    }
}
