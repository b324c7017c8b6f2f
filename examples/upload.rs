//! A large upload, which the server reads as a stream in constant memory.
//!
//! ```text
//! cargo run --release --example upload
//! ```
//!
//! An argument after `--` sets the size in MiB; the default is 1024. The server hashes the bytes as
//! they arrive and returns the hash, which the client compares with its own. If the server is slower
//! than the client, the client waits.
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

#[path = "support/memory.rs"]
mod memory;

use std::{env, error::Error, io, time::Instant};

use axum::{Router, extract::Query, response::Response, routing::any};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use wsio::{WsIo, WsMeta};
use wsio_axum::{Server, WsUpgrade};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut options = Options::default();
    if let Some(mib) = env::args().nth(1) {
        options.bytes = mib.parse::<u32>().map(u64::from)? << 20;
    }
    let summary = run(options).await?;
    println!("the server received the same {} bytes", summary.bytes);
    Ok(())
}

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) struct Options {
    pub(crate) bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { bytes: 1 << 30 }
    }
}

#[derive(Debug)]
pub(crate) struct Summary {
    /// The size of the upload.
    pub(crate) bytes: u64,
}

/// The largest growth of the memory of the whole program during the upload, in bytes.
const MEMORY: u64 = 16 << 20;

pub(crate) async fn run(options: Options) -> Result<Summary, Failure> {
    let routes = Router::new().route("/upload", any(receive));
    let server = Server::builder()
        .routes(routes)
        .start("127.0.0.1:0")
        .await?;
    let before = memory::peak();
    let began = Instant::now();
    let url = format!("ws://{}/upload?bytes={}", server.addr, options.bytes);
    let (ours, theirs) = upload(&url, options.bytes).await?;
    let mib_per_second = (options.bytes >> 20) as f64 / began.elapsed().as_secs_f64();
    server.shutdown().await;

    println!("{mib_per_second:.0} MiB/s, hashed twice");
    if ours != theirs {
        return Err(format!("the hashes differ: {ours:x?} here, {theirs:x?} there").into());
    }
    if let (Some(before), Some(peak)) = (before, memory::peak()) {
        println!(
            "{} MiB of memory at most, {} MiB before",
            peak >> 20,
            before >> 20
        );
        if peak - before > MEMORY {
            return Err("the memory is not constant".into());
        }
    }
    Ok(Summary {
        bytes: options.bytes,
    })
}

type Hash = [u8; 32];

/// The server.
#[derive(Deserialize)]
struct Announced {
    /// The size. A WebSocket has no half-close, so the client announces it.
    bytes: u64,
}

async fn receive(Query(announced): Query<Announced>, upgrade: WsUpgrade) -> Response {
    upgrade.on_upgrade(async move |_, stream| {
        if let Err(error) = hash_upload(stream.into_io(), announced.bytes).await {
            eprintln!("server: {error}");
        }
    })
}

async fn hash_upload(io: WsIo, bytes: u64) -> io::Result<()> {
    let mut hasher = Sha256::new();
    let mut upload = io.take(bytes);
    loop {
        // Borrows the bytes of a message from the receive buffer, without a copy.
        let piece = upload.fill_buf().await?;
        let len = piece.len();
        if len == 0 {
            break;
        }
        hasher.update(piece);
        upload.consume(len);
    }
    if upload.limit() > 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut io = upload.into_inner();
    io.write_all(&hasher.finalize()).await?;
    io.shutdown().await
}

/// The client: it returns its own hash and that of the server.
async fn upload(url: &str, bytes: u64) -> Result<(Hash, Hash), Failure> {
    let (_, stream) = WsMeta::builder(url).connect().await?;
    let mut io = stream.into_io();
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} to go")?;
    let bar = ProgressBar::new(bytes).with_style(style);
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; PIECE];
    for offset in (0..bytes).step_by(PIECE) {
        let piece = read_file(&mut buffer, offset, bytes);
        hasher.update(piece);
        io.write_all(piece).await?;
        bar.inc(piece.len() as u64);
    }
    bar.finish();
    let mut theirs = Hash::default();
    io.read_exact(&mut theirs).await?;
    io.shutdown().await?;
    Ok((hasher.finalize().into(), theirs))
}

/// The size of each write, in bytes.
const PIECE: usize = 128 * 1024;

/// Fills the buffer; a real client would read a file. No two pieces are equal.
fn read_file(buffer: &mut [u8], offset: u64, bytes: u64) -> &[u8] {
    for word in buffer.chunks_mut(4096) {
        word[..8].copy_from_slice(&offset.to_le_bytes());
    }
    let len = usize::try_from(bytes - offset).unwrap_or(PIECE);
    &buffer[..len.min(PIECE)]
}
