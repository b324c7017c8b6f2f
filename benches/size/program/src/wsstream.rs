//! The program with `ws_stream_wasm`.

use futures::{SinkExt, StreamExt};
use wasm_bindgen::prelude::*;
use ws_stream_wasm::WsMeta;

/// Connects, sends back what it receives until the end, and closes.
///
/// # Errors
///
/// Those of the connection.
#[wasm_bindgen]
pub async fn echo(url: String) -> Result<(), JsError> {
    let (meta, mut stream) = WsMeta::connect(url, None).await?;
    while let Some(message) = stream.next().await {
        stream.send(message).await?;
    }
    meta.close().await?;
    Ok(())
}

/// The same with bytes.
///
/// # Errors
///
/// Those of the connection.
#[cfg(feature = "wsstream-io")]
#[wasm_bindgen]
pub async fn echo_bytes(url: String) -> Result<(), JsError> {
    let (_, stream) = WsMeta::connect(url, None).await?;
    crate::io::echo(stream.into_io()).await
}
