//! Token streaming as by language-model servers: an answer is a stream with one event per token.
//!
//! ```text
//! cargo run --example token_stream
//! ```
//!
//! Over HTTP, the question is the body of a POST, and the response is the event stream. Over a
//! WebSocket, the client sends each question as an event, and receives the answer over the same
//! connection. A token is an event with JSON data, and `[DONE]` ends the answer; an answer without it
//! was cut short. A failure after the first token is too late for an HTTP status, so it is sent as an
//! event with the name `error`.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

use std::{
    convert::Infallible,
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, response::Response, routing::get};
use futures::{SinkExt, Stream, StreamExt, TryFutureExt, try_join};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wsio::sse::{EventSource, Reconnect, SourceError, SourceEvent, SseEvent};
use wsio_axum::{EventRequest, EventRoute, Server};
use wsio_events::{AppendError, EventLog};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let summary = run(Options::default()).await?;
    for answer in &summary.answers {
        println!(
            "{} tokens, the first after {:.0?}, the last after {:.0?}",
            answer.tokens, answer.first, answer.last
        );
    }
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Options {
    /// The time that the model takes for a token.
    pub(crate) pace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pace: Duration::from_millis(80),
        }
    }
}

pub(crate) struct Summary {
    /// The answers to both questions over HTTP, then to both over one WebSocket.
    pub(crate) answers: Vec<Answer>,
}

pub(crate) async fn run(options: Options) -> Result<Summary, Failure> {
    let model = Model {
        route: EventRoute::new().replay(true),
        pace: options.pace,
    };
    let routes = Router::new().route("/answers", get(over_websocket).post(over_http));
    let server = Server::builder()
        .routes(routes.with_state(model))
        .start("127.0.0.1:0")
        .await?;
    let (question, story) = ("What is a WebSocket?", "Tell me a story.");
    let mut answers = Vec::new();
    for prompt in [question, story] {
        answers.push(ask_over_http(server.addr, prompt).await?);
    }
    answers.extend(ask_over_websocket(server.addr, &[question, story]).await?);
    server.shutdown().await;

    for both in answers.chunks(2) {
        let complete = both[0].text == recall(question) && both[0].trouble.is_none();
        let broken = both[1].tokens == MOST_TOKENS && both[1].trouble.is_some();
        if !complete || !broken {
            return Err(format!("the answers are wrong: {both:?}").into());
        }
    }
    Ok(Summary { answers })
}

/// The server: it answers over both transports under the same URL.
#[derive(Clone)]
struct Model {
    route: EventRoute,
    pace: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
struct Question {
    prompt: String,
}

async fn over_http(
    State(model): State<Model>,
    request: EventRequest,
    Json(question): Json<Question>,
) -> Response {
    let log = EventLog::default();
    let response = model.route.answer(&log, request);
    tokio::spawn(async move {
        model.answer(&log, &question.prompt).await?;
        log.end().await
    });
    response
}

/// Answers any number of questions, one after the other.
async fn over_websocket(State(model): State<Model>, request: EventRequest) -> Response {
    let log = EventLog::default();
    let (route, answers) = (model.route.clone(), log.clone());
    let route = route.on_event(move |upstream| {
        let (model, answers) = (model.clone(), answers.clone());
        async move {
            let answered = match serde_json::from_str::<Question>(&upstream.event.data) {
                Ok(question) => model.answer(&answers, &question.prompt).await,
                Err(error) => trouble(&answers, &format!("not a question: {error}")).await,
            };
            if let Err(error) = answered {
                eprintln!("server: {error}");
            }
            // The question has been dealt with, and is not to come again.
            Ok::<(), Infallible>(())
        }
    });
    route.answer(&log, request)
}

/// The largest number of tokens in an answer.
const MOST_TOKENS: usize = 12;

impl Model {
    async fn answer(&self, log: &EventLog, prompt: &str) -> Result<(), AppendError> {
        for (n, token) in recall(prompt).split_inclusive(' ').enumerate() {
            tokio::time::sleep(self.pace).await;
            if log.subscribers() == 0 {
                // The client has disconnected: the rest would be wasted.
                return Ok(());
            }
            if n == MOST_TOKENS {
                return trouble(log, &format!("the answer exceeds {n} tokens")).await;
            }
            log.append(SseEvent::new(json!({ "text": token }).to_string()))
                .await?;
        }
        log.append(SseEvent::new("[DONE]")).await?;
        Ok(())
    }
}

async fn trouble(log: &EventLog, message: &str) -> Result<(), AppendError> {
    let data = json!({ "message": message }).to_string();
    log.append(SseEvent::new(data).with_name("error")).await?;
    Ok(())
}

fn recall(prompt: &str) -> &'static str {
    match prompt {
        "What is a WebSocket?" => "A connection over which both ends talk when they like.",
        "Tell me a story." => {
            "Once upon a time there was a proxy that kept everything to itself until the end."
        }
        _ => "I do not know.",
    }
}

/// An answer as received by the client.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) tokens: usize,
    /// The time until the first token.
    pub(crate) first: Duration,
    /// The time until the last token.
    pub(crate) last: Duration,
    /// The reason why the answer is incomplete, if it is.
    pub(crate) trouble: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Token {
    text: String,
}

#[derive(Debug, Deserialize)]
struct Trouble {
    message: String,
}

async fn ask_over_http(server: SocketAddr, prompt: &str) -> Result<Answer, Failure> {
    println!("POST: {prompt}");
    let mut events = EventSource::http(format!("http://{server}/answers"))
        .method("POST")
        .header("Content-Type", "application/json")
        .body(json!({ "prompt": prompt }).to_string())
        // After a reconnect, the model would start the answer again.
        .reconnect(Reconnect::never())
        .build();
    print_answer(&mut events).await
}

async fn ask_over_websocket(server: SocketAddr, prompts: &[&str]) -> Result<Vec<Answer>, Failure> {
    let source = EventSource::ws(format!("ws://{server}/answers"))
        .reconnect(Reconnect::never())
        .build();
    let (mut questions, mut events) = source.split();
    let mut answers = Vec::new();
    for prompt in prompts {
        println!("WebSocket: {prompt}");
        let question = SseEvent::new(json!({ "prompt": prompt }).to_string());
        // Only the stream connects, so it is polled while the question is being sent.
        let asking = questions.send(question).err_into();
        let ((), answer) = try_join!(asking, print_answer(&mut events))?;
        answers.push(answer);
    }
    questions.close().await?;
    Ok(answers)
}

/// Prints the tokens as they arrive.
async fn print_answer<S>(events: &mut S) -> Result<Answer, Failure>
where
    S: Stream<Item = Result<SourceEvent, SourceError>> + Unpin,
{
    let asked = Instant::now();
    let mut answer = Answer::default();
    while let Some(item) = events.next().await {
        let SourceEvent::Event(event) = item? else {
            continue;
        };
        if event.name == "error" {
            let trouble: Trouble = serde_json::from_str(&event.data)?;
            println!("… {}", trouble.message);
            answer.trouble = Some(trouble.message);
            return Ok(answer);
        }
        if event.data == "[DONE]" {
            println!();
            return Ok(answer);
        }
        let token: Token = serde_json::from_str(&event.data)?;
        print!("{}", token.text);
        io::stdout().flush()?;
        answer.last = asked.elapsed();
        if answer.tokens == 0 {
            answer.first = answer.last;
        }
        answer.tokens += 1;
        answer.text.push_str(&token.text);
    }
    Err("the answer was cut short".into())
}
