//! A chat of several clients, each with one event source that sends and receives over a WebSocket.
//!
//! ```text
//! cargo run --example chat
//! ```
//!
//! A client sends each line to the server as an event. The server appends it to a log, and the log
//! sends it to all clients, the sender included: all of them receive the same lines in the same
//! order. A client that joins late or reconnects receives the earlier lines from the log.
//!
//! Meanwhile the plug is pulled out, again and again: no line is lost, and none arrives twice. A client
//! sends again what the server has not confirmed, and the server skips what it has seen.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

use std::{convert::Infallible, error::Error, io, net::SocketAddr, time::Duration};

use axum::Router;
use futures::{
    Sink, SinkExt, Stream, StreamExt,
    future::{pending, try_join_all},
    try_join,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};
use wsio::sse::{EventSource, Reconnect, SourceError, SourceEvent, SseEvent};
use wsio_axum::{EventRoute, Server};
use wsio_events::{AppendError, EventLog, UpstreamEvent};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let summary = run(Options::default()).await?;
    println!(
        "every client received {} lines, though the plug was pulled {} times",
        summary.heard[0].len(),
        summary.pulled,
    );
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
    /// How often the plug was pulled.
    pub(crate) pulled: usize,
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
    let route = EventRoute::new().replay(true).on_event(pass_on);
    let server = Server::builder()
        .routes(Router::new().route("/chat", route.serve(EventLog::default())))
        .start("127.0.0.1:0")
        .await?;
    let wire = Wire::to(server.addr).await?;
    let url = format!("ws://{}/chat", wire.addr);

    let all = CHAT.iter().map(|(_, lines)| lines.len()).sum();
    let clients = CHAT.map(|(name, lines)| take_part(&url, name, lines, all, options.pace));
    let mut pulled = 0;
    let mut heard = tokio::select! {
        heard = try_join_all(clients) => heard?,
        never = wire.pull_out(options.pace, all, &mut pulled) => match never {},
    };
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
    Ok(Summary { heard, pulled })
}

/// The server: it appends valid lines to the log, and drops others. A line that comes again, because
/// the server was interrupted, has the same key, and is not appended again.
async fn pass_on(upstream: UpstreamEvent) -> Result<(), AppendError> {
    match serde_json::from_str::<Line>(&upstream.event.data) {
        Ok(_) => {
            let appending = upstream.log.append_once(&upstream.key, upstream.event);
            appending.await.map(drop)
        }
        Err(error) => {
            eprintln!("server: not a line: {error}");
            Ok(())
        }
    }
}

/// A wire between the clients and the server, with a plug.
struct Wire {
    addr: SocketAddr,
    plug: watch::Sender<()>,
}

impl Wire {
    async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let plug = watch::Sender::new(());
        let plugs = plug.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut pulled = plugs.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await?;
                    tokio::select! {
                        copied = copy_bidirectional(&mut client, &mut server) => copied.map(drop),
                        _ = pulled.changed() => Ok(()),
                    }
                });
            }
        });
        Ok(Self { addr, plug })
    }

    /// Breaks all connections after each interval, so many times, and counts them.
    async fn pull_out(&self, interval: Duration, times: usize, pulled: &mut usize) -> Infallible {
        while *pulled < times {
            sleep(interval).await;
            self.plug.send_replace(());
            *pulled += 1;
        }
        pending().await
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
    let delay = Duration::from_millis(5).max(pace / 10);
    let reconnect = Reconnect::new().delay(delay);
    let source = EventSource::ws(url).reconnect(reconnect).build();
    let (mut mouth, mut ears) = source.split();
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
