//! The tasks, each of which ends when the page or the server has seen all that was due.

use std::fmt::Display;

use bytes::Bytes;
use futures::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{BytesCodec, Framed};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Window;

use crate::contenders::Contender;

/// Connects, does a task, and closes.
pub(crate) async fn run<C: Contender>(
    socket: &str,
    task: &str,
    url: String,
    size: usize,
    count: usize,
) -> Result<f64, JsValue> {
    // A download begins with the connection.
    let clock = Clock::start()?;
    let contender = C::connect(url, socket).await?;
    match task {
        "download" => download(contender, size * count, clock).await,
        "download-bytes" => download_bytes(contender, size * count, clock).await,
        "upload" => upload(contender, size, count).await,
        "write" => upload_bytes(contender, size, count, Writing::Write).await,
        "framed" => upload_bytes(contender, size, count, Writing::Framed).await,
        "round-trips" => round_trips(contender, size, count).await,
        _ => Err(js(format!("no task {task}"))),
    }
}

async fn download(mut it: impl Contender, due: usize, clock: Clock) -> Result<f64, JsValue> {
    let mut received = 0;
    while received < due {
        received += it.receive().await?.as_ref().len();
    }
    let seconds = clock.elapsed();
    verify(received, due)?;
    it.close().await?;
    Ok(seconds)
}

async fn download_bytes(it: impl Contender, due: usize, clock: Clock) -> Result<f64, JsValue> {
    let mut io = it.into_io();
    let mut buffer = vec![0; 64 << 10];
    let mut received = 0;
    while received < due {
        let read = io.read(&mut buffer).await.map_err(js)?;
        if read == 0 {
            break;
        }
        received += read;
    }
    let seconds = clock.elapsed();
    verify(received, due)?;
    io.shutdown().await.map_err(js)?;
    Ok(seconds)
}

async fn upload(mut it: impl Contender, size: usize, count: usize) -> Result<f64, JsValue> {
    let pattern = Pattern::new(size);
    let clock = Clock::start()?;
    for piece in pattern.pieces(size, count) {
        it.send(&piece).await?;
    }
    verify_answer(it.receive().await?.as_ref())?;
    let seconds = clock.elapsed();
    it.close().await?;
    Ok(seconds)
}

/// How bytes are written.
enum Writing {
    /// By `write_all`, with one flush in the end.
    Write,
    /// By `Framed::send`, which flushes every time.
    Framed,
}

async fn upload_bytes(
    it: impl Contender,
    size: usize,
    count: usize,
    writing: Writing,
) -> Result<f64, JsValue> {
    let mut io = it.into_io();
    let pattern = Pattern::new(size);
    let clock = Clock::start()?;
    match writing {
        Writing::Write => {
            for piece in pattern.pieces(size, count) {
                io.write_all(&piece).await.map_err(js)?;
            }
            io.flush().await.map_err(js)?;
        }
        Writing::Framed => {
            let mut framed = Framed::new(&mut io, BytesCodec::new());
            for piece in pattern.pieces(size, count) {
                let sent = SinkExt::<Bytes>::send(&mut framed, piece).await;
                sent.map_err(js)?;
            }
        }
    }
    let mut answer = [0; 256];
    let read = io.read(&mut answer).await.map_err(js)?;
    verify_answer(&answer[..read])?;
    let seconds = clock.elapsed();
    io.shutdown().await.map_err(js)?;
    Ok(seconds)
}

async fn round_trips(mut it: impl Contender, size: usize, count: usize) -> Result<f64, JsValue> {
    let pattern = Pattern::new(size);
    let clock = Clock::start()?;
    for piece in pattern.pieces(size, count) {
        it.send(&piece).await?;
        if it.receive().await?.as_ref() != piece {
            return Err(js("another message came back than was sent"));
        }
    }
    let seconds = clock.elapsed();
    it.close().await?;
    Ok(seconds)
}

/// The pattern of bytes that the server expects, from which pieces are taken.
struct Pattern(Bytes);

impl Pattern {
    const PERIOD: usize = 251;

    /// For pieces of up to `len` bytes.
    fn new(len: usize) -> Self {
        let period = (0..251).cycle();
        Self(period.take(len + Self::PERIOD).collect())
    }

    fn pieces(&self, len: usize, count: usize) -> impl Iterator<Item = Bytes> {
        (0..count).map(move |index| {
            let start = index * len % Self::PERIOD;
            self.0.slice(start..start + len)
        })
    }
}

struct Clock {
    window: Window,
    began: f64,
}

impl Clock {
    fn start() -> Result<Self, JsValue> {
        let window: Window = js_sys::global().dyn_into()?;
        let began = now(&window);
        Ok(Self { window, began })
    }

    /// In seconds.
    fn elapsed(&self) -> f64 {
        now(&self.window) - self.began
    }
}

fn now(window: &Window) -> f64 {
    window.performance().map_or(f64::NAN, |it| it.now() / 1e3)
}

fn verify(received: usize, due: usize) -> Result<(), JsValue> {
    if received == due {
        return Ok(());
    }
    Err(js(format!(
        "{received} bytes were received, {due} were due"
    )))
}

fn verify_answer(answer: &[u8]) -> Result<(), JsValue> {
    if answer == b"complete" {
        return Ok(());
    }
    Err(js(String::from_utf8_lossy(answer)))
}

pub(crate) fn js(error: impl Display) -> JsValue {
    JsValue::from_str(&error.to_string())
}
