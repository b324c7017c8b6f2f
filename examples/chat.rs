//! A chat of several clients, each with one event source that sends and receives over a WebSocket.
//!
//! ```text
//! cargo run --example chat
//! ```
//!
//! A client sends each line to the server as an event. The server appends it to a log, and the log
//! sends it to all clients, the sender included: all of them receive the same lines in the same
//! order. A client that joins late or reconnects receives the earlier lines from the log.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

use std::{error::Error, time::Duration};

use axum::Router;
use futures::{Sink, SinkExt, Stream, StreamExt, future::try_join_all, try_join};
use serde::{Deserialize, Serialize};
use wsio::sse::{EventSource, SourceError, SourceEvent, SseEvent};
use wsio_axum::{EventRoute, Server};
use wsio_events::EventLog;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let summary = run(Options::default()).await?;
    println!("every client received {} lines", summary.heard[0].len());
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Options {
    /// The pause before each line.
    pub(crate) pace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pace: Duration::from_millis(300),
        }
    }
}

pub(crate) struct Summary {
    /// The lines that each client received; the client that joined late comes last.
    pub(crate) heard: Vec<Vec<Line>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) from: String,
    pub(crate) text: String,
}

/// The names of the clients, and their lines.
const CHAT: [(&str, &[&str]); 3] = [
    (
        "ada",
        &[
            "hello",
            "does anybody know a good byte stream?",
            "I like it",
        ],
    ),
    ("ben", &["hi all", "over WebSocket, please"]),
    ("cleo", &["good morning", "wsio", "bye"]),
];

pub(crate) async fn run(options: Options) -> Result<Summary, Failure> {
    let log = EventLog::default();
    let said = log.clone();
    let route = EventRoute::new().replay(true).on_event(move |event| {
        let said = said.clone();
        async move { pass_on(&said, event).await }
    });
    let server = Server::builder()
        .routes(Router::new().route("/chat", route.serve(log)))
        .start("127.0.0.1:0")
        .await?;
    let url = format!("ws://{}/chat", server.addr);

    let all = CHAT.iter().map(|(_, lines)| lines.len()).sum();
    let clients = CHAT.map(|(name, lines)| take_part(&url, name, lines, all, options.pace));
    let mut heard = try_join_all(clients).await?;
    heard.push(take_part(&url, "dan", &[], all, options.pace).await?);
    server.shutdown().await;

    if heard.iter().any(|lines| *lines != heard[0]) {
        return Err(format!("the clients received different lines: {heard:?}").into());
    }
    for (name, lines) in CHAT {
        let heard = heard[0].iter().filter(|line| line.from == name);
        if !heard
            .map(|line| line.text.as_str())
            .eq(lines.iter().copied())
        {
            return Err(format!("some lines of {name} were lost").into());
        }
    }
    Ok(Summary { heard })
}

/// The server: it appends valid lines to the log, and drops others.
async fn pass_on(log: &EventLog, event: SseEvent) {
    if let Err(error) = serde_json::from_str::<Line>(&event.data) {
        eprintln!("server: not a line: {error}");
    } else if let Err(error) = log.append(event).await {
        eprintln!("server: {error}");
    }
}

/// A client: sends its lines, and receives until it has the given number of lines.
async fn take_part(
    url: &str,
    name: &str,
    lines: &[&str],
    all: usize,
    pace: Duration,
) -> Result<Vec<Line>, Failure> {
    let (mut mouth, mut ears) = EventSource::ws(url).build().split();
    // Both run at once, because only receiving connects.
    let ((), heard) = try_join!(
        say(&mut mouth, name, lines, pace),
        hear(&mut ears, name, all)
    )?;
    mouth.close().await?;
    Ok(heard)
}

async fn say<S>(mouth: &mut S, name: &str, lines: &[&str], pace: Duration) -> Result<(), Failure>
where
    S: Sink<SseEvent, Error = SourceError> + Unpin,
{
    for text in lines {
        tokio::time::sleep(pace).await;
        let line = Line {
            from: name.to_owned(),
            text: (*text).to_owned(),
        };
        let data = serde_json::to_string(&line)?;
        mouth.send(SseEvent::new(data)).await?;
    }
    Ok(())
}

async fn hear<S>(ears: &mut S, name: &str, all: usize) -> Result<Vec<Line>, Failure>
where
    S: Stream<Item = Result<SourceEvent, SourceError>> + Unpin,
{
    let mut heard = Vec::new();
    while heard.len() < all {
        match ears.next().await.ok_or("the chat ended early")? {
            Ok(SourceEvent::Event(event)) => {
                let line: Line = serde_json::from_str(&event.data)?;
                println!("{name} receives {}: {}", line.from, line.text);
                heard.push(line);
            }
            Ok(_) => {}
            Err(error) if error.is_final() => return Err(error.into()),
            Err(error) => println!("{name}: {error}"),
        }
    }
    Ok(heard)
}
