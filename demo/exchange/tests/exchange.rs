//! The exchange notices what is wrong with what is sent back.
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use wsio::{WsMessage, WsStream};
use wsio_demo_exchange::{Outcome, Plan, Report, Step, StepOutcome};

/// Keeps the order of the steps.
struct Recorder {
    began: Instant,
    started: Vec<Step>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            started: Vec::new(),
        }
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

    fn sent(&mut self, _step: Step, _text: &str) {}

    fn received(&mut self, _step: Step, _text: &str) {}

    fn progress(&mut self, _step: Step, _bytes: u64, _total: u64) {}

    fn status(&mut self, _step: Step, _text: &str) {}

    fn finished(&mut self, _outcome: &StepOutcome) {}
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
            let accepted = wsio::native::accept_with(tcp, async |request| {
                path = request.path().to_owned();
                Ok(wsio::native::UpgradeResponse::new())
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

/// A good sink.
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
