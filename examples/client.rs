//! A native client: sends lines to a server that echoes bytes, and prints what comes back.
//!
//! With `cargo run --example server` in another terminal:
//!
//! ```text
//! cargo run --example client -- ws://127.0.0.1:8080/ hello wörld
//! ```
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

use std::{env, error::Error};

use futures::{SinkExt, StreamExt};
use tokio_util::codec::{Framed, LinesCodec};
use wsio::WsMeta;

/// Bytes; a server cannot make us keep more of a line that does not end.
const LONGEST_LINE: usize = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("usage: client <ws://address> [line]...")?;

    let (meta, stream) = WsMeta::builder(url).connect().await?;
    println!("connected to {}", meta.url());

    let codec = LinesCodec::new_with_max_length(LONGEST_LINE);
    let mut lines = Framed::new(stream.into_io(), codec);
    for line in arguments {
        lines.send(&line).await?;
        let echo = lines.next().await.ok_or("the server closed early")??;
        println!("{echo}");
    }

    let end = meta.close_code(1000).await?;
    println!("closed with code {}", end.code);
    Ok(())
}
