//! What the page is served beyond the routes of the server: itself, its tasks, and somewhere to
//! upload to.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Result, bail, ensure};
use axum::{
    Json, Router,
    extract::{Query, State},
    response::Response,
    routing::{get, post},
};
use futures::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc};
use tower_http::services::ServeDir;
use wsio::{WsMessage, WsMeta, WsStream};
use wsio_axum::WsUpgrade;
use wsio_server::pattern;

/// What the page is to do.
#[derive(Debug, Serialize)]
pub(crate) struct Task {
    /// `rust` or `javascript`.
    pub(crate) language: &'static str,
    pub(crate) contender: &'static str,
    pub(crate) task: &'static str,
    pub(crate) url: String,
    /// In bytes.
    pub(crate) size: usize,
    pub(crate) count: usize,
}

/// How it went.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    Seconds(f64),
    Failure(String),
}

/// The driver's side of the page.
pub(crate) struct Desk {
    pub(crate) tasks: mpsc::Sender<Task>,
    pub(crate) reports: mpsc::Receiver<Report>,
}

#[derive(Clone)]
struct Office {
    tasks: Arc<Mutex<mpsc::Receiver<Task>>>,
    reports: mpsc::Sender<Report>,
}

/// The files in `page` at `/`, `/task`, and `/upload`.
pub(crate) fn routes(page: &Path) -> (Router, Desk) {
    let (tasks, tasks_out) = mpsc::channel(1);
    let (reports_in, reports) = mpsc::channel(1);
    let office = Office {
        tasks: Arc::new(Mutex::new(tasks_out)),
        reports: reports_in,
    };
    let router = Router::new()
        .route("/task", post(next))
        .route("/upload", get(upload))
        .fallback_service(ServeDir::new(page))
        .with_state(office);
    (router, Desk { tasks, reports })
}

/// Takes the report on the last task, if there was one, and answers with the next, if there is
/// one.
async fn next(
    State(office): State<Office>,
    Json(report): Json<Option<Report>>,
) -> Json<Option<Task>> {
    if let Some(report) = report {
        // Nobody waits for it when the benchmark is being ended.
        let _ = office.reports.send(report).await;
    }
    Json(office.tasks.lock().await.recv().await)
}

#[derive(Debug, Deserialize)]
struct Upload {
    bytes: usize,
}

/// Receives so many bytes in binary messages, whatever their sizes, and answers with `complete`
/// if they were those of the pattern: `/sink` hashes what it receives, which would be a good part
/// of what is measured.
async fn upload(Query(Upload { bytes }): Query<Upload>, upgrade: WsUpgrade) -> Response {
    upgrade.on_upgrade(async move |meta, mut stream| {
        let answer = match receive(&mut stream, bytes).await {
            Ok(()) => "complete".to_owned(),
            Err(error) => error.to_string(),
        };
        let answer = WsMessage::Binary(answer.into());
        if stream.send(answer).await.is_ok() {
            ended(&meta, stream).await;
        }
    })
}

async fn receive(stream: &mut WsStream, due: usize) -> Result<()> {
    let expected = Expected::new();
    let mut received = 0;
    while received < due {
        let message = stream.next().await.context("the connection has ended")??;
        let WsMessage::Binary(bytes) = message else {
            bail!("a text arrived");
        };
        ensure!(
            expected.is_at(received, &bytes),
            "other bytes arrived behind {received}"
        );
        received += bytes.len();
    }
    ensure!(received == due, "{received} bytes arrived, {due} were due");
    Ok(())
}

async fn ended(meta: &WsMeta, mut stream: WsStream) {
    while let Some(Ok(_)) = stream.next().await {}
    meta.closed().await;
}

/// The bytes that are to arrive.
struct Expected(Vec<u8>);

impl Expected {
    /// Of the pattern.
    const PERIOD: usize = 251;
    /// What is compared at once.
    const STEP: usize = Self::PERIOD * 64;

    fn new() -> Self {
        Self((0..Self::PERIOD + Self::STEP).map(pattern).collect())
    }

    fn is_at(&self, offset: usize, bytes: &[u8]) -> bool {
        let expected = &self.0[offset % Self::PERIOD..];
        bytes
            .chunks(Self::STEP)
            .all(|chunk| chunk == &expected[..chunk.len()])
    }
}
