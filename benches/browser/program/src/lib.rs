//! The Rust contenders of the benchmark in the browser. On any other target this crate is empty.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod contenders;
mod tasks;

use wasm_bindgen::prelude::*;

use self::{
    contenders::{Theirs, Wsio},
    tasks::js,
};

/// Does a task against the server of the benchmark: `count` times `size` bytes, and they all have
/// arrived. Resolves to the seconds it took.
///
/// # Errors
///
/// There is no such contender or task, those of the connection, and that something else arrives
/// than was sent.
#[wasm_bindgen]
pub async fn run(
    contender: String,
    task: String,
    url: String,
    size: usize,
    count: usize,
) -> Result<f64, JsValue> {
    match contender.as_str() {
        "ws_stream_wasm" => tasks::run::<Theirs>(&contender, &task, url, size, count).await,
        "WebSocket" | "WebSocketStream" => {
            tasks::run::<Wsio>(&contender, &task, url, size, count).await
        }
        _ => Err(js(format!("no contender {contender}"))),
    }
}
