//! The exchange sees what there is to see, and notices what is wrong.
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use wsio::{WsMessage, WsStream};
use wsio_demo_exchange::{Outcome, Plan, Report, Step, StepOutcome};
use wsio_server::Server;

/// Keeps the order of what it is told.
struct Recorder {
    began: Instant,
    started: Vec<Step>,
    finished: Vec<Step>,
    talk: Vec<(Step, String)>,
    progress: Vec<(Step, u64)>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            started: Vec::new(),
            finished: Vec::new(),
            talk: Vec::new(),
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
        self.talk.push((step, text.to_owned()));
    }

    fn received(&mut self, step: Step, text: &str) {
        self.talk.push((step, text.to_owned()));
    }

    fn progress(&mut self, step: Step, bytes: u64, _total: u64) {
        self.progress.push((step, bytes));
    }

    fn finished(&mut self, outcome: &StepOutcome) {
        self.finished.push(outcome.step);
    }
}

const BYTES: u64 = 1_000_003;

async fn run(server: impl Into<String>) -> (Outcome, Recorder) {
    let mut recorder = Recorder::new();
    let plan = Plan {
        bytes: BYTES,
        ..Plan::new(server)
    };
    let outcome = wsio_demo_exchange::run(&plan, &mut recorder).await;
    (outcome, recorder)
}

/// Every connection is given to `serve` with the path it asked for.
async fn scripted<F>(serve: impl Fn(String, WsStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let mut path = String::new();
            let accepted = wsio::native::accept_with(tcp, |request| {
                path = request.path().to_owned();
                Ok(wsio::native::Response::new())
            });
            let (_meta, stream) = accepted.await.unwrap();
            tokio::spawn(serve(path, stream));
        }
    });
    format!("ws://{address}")
}

/// Echoes, lets `spoil` change each message, and ends with the peer.
async fn echo(mut stream: WsStream, spoil: fn(Vec<u8>) -> Vec<u8>) {
    while let Some(Ok(message)) = stream.next().await {
        let bytes = spoil(message.into_bytes().to_vec());
        if stream.send(WsMessage::from(bytes)).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_good_server_passes_every_step() {
    let server = Server::start("127.0.0.1:0").await.unwrap();
    let (outcome, recorder) = run(format!("ws://{}", server.addr)).await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert_eq!(recorder.started, Step::ALL);
    assert_eq!(recorder.finished, Step::ALL);
    assert_eq!(recorder.last_progress(Step::Up), Some(BYTES));
    assert_eq!(recorder.last_progress(Step::Down), Some(BYTES));
    for pair in recorder.talk.chunks(2) {
        assert_eq!(pair[0], pair[1], "the echo follows what was sent");
    }
    let figures = &outcome.step(Step::Down).unwrap().figures;
    assert_eq!((figures.sent, figures.received), (0, BYTES));
    server.shutdown().await;
}

#[tokio::test]
async fn a_wrong_echo_fails_the_lines() {
    let server = scripted(|_, stream| echo(stream, |bytes| bytes.to_ascii_uppercase())).await;
    let (outcome, recorder) = run(server).await;
    assert!(!outcome.is_success());
    assert!(!outcome.step(Step::Lines).unwrap().ok);
    assert_eq!(recorder.started, [Step::Connect, Step::Lines]);
    assert!(outcome.failure.unwrap().contains("HELLO"));
}

#[tokio::test]
async fn a_wrong_digest_fails_the_stream_up() {
    let server = scripted(async |path, mut stream| {
        if path != "/sink" {
            return echo(stream, |bytes| bytes).await;
        }
        while let Some(Ok(WsMessage::Binary(_))) = stream.next().await {}
        let receipt = format!(r#"{{"bytes":{BYTES},"sha256":"{:064}"}}"#, 0);
        stream.send(receipt.into()).await.unwrap();
        while stream.next().await.is_some() {}
    });
    let (outcome, _) = run(server.await).await;
    assert!(!outcome.step(Step::Up).unwrap().ok);
    assert!(outcome.failure.unwrap().contains("hashed"));
}

#[tokio::test]
async fn nobody_there_is_a_failure_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (outcome, recorder) = run(format!("ws://{address}")).await;
    assert!(!outcome.step(Step::Connect).unwrap().ok);
    assert_eq!(recorder.started, [Step::Connect]);
    assert!(outcome.failure.is_some());
}

#[tokio::test]
async fn a_wrong_byte_fails_the_stream_down() {
    let server = scripted(async |path, mut stream| match path.as_str() {
        "/sink" => receive_and_hash(stream).await,
        "/flood" => {
            let mut bytes: Vec<u8> = (0..BYTES).map(|offset| (offset % 251) as u8).collect();
            bytes[700_000] ^= 1;
            stream.send(bytes.into()).await.unwrap();
        }
        _ => echo(stream, |bytes| bytes).await,
    });
    let (outcome, _) = run(server.await).await;
    assert!(outcome.step(Step::Up).unwrap().ok, "{outcome:?}");
    assert!(!outcome.step(Step::Down).unwrap().ok);
    assert!(outcome.failure.unwrap().contains("byte 700000"));
}

/// What a good sink does.
async fn receive_and_hash(mut stream: WsStream) {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    let mut count = 0;
    while let Some(Ok(WsMessage::Binary(bytes))) = stream.next().await {
        count += bytes.len();
        hash.update(&bytes);
    }
    let hash: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let receipt = format!(r#"{{"bytes":{count},"sha256":"{hash}"}}"#);
    stream.send(receipt.into()).await.unwrap();
    while stream.next().await.is_some() {}
}
