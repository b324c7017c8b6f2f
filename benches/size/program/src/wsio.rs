//! The program with wsio.

use futures::{SinkExt, StreamExt};
use wasm_bindgen::prelude::*;
use wsio::WsMeta;

/// Connects, sends back what it receives until the end, and closes.
///
/// # Errors
///
/// Those of the connection.
#[wasm_bindgen]
pub async fn echo(url: String) -> Result<(), JsError> {
    let (meta, mut stream) = WsMeta::builder(url).connect().await?;
    while let Some(message) = stream.next().await {
        stream.send(message?).await?;
    }
    meta.close().await;
    Ok(())
}

/// The same with bytes.
///
/// # Errors
///
/// Those of the connection.
#[cfg(feature = "wsio-io")]
#[wasm_bindgen]
pub async fn echo_bytes(url: String) -> Result<(), JsError> {
    let (_, stream) = WsMeta::builder(url).connect().await?;
    crate::io::echo(stream.into_io()).await
}
