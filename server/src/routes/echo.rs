//! Routes that echo.

use axum::{
    response::Response,
    routing::{MethodRouter, any},
};
use futures::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use wsio::{WsMeta, WsStream};

use wsio_axum::WsUpgrade;

use super::Shared;

pub(super) fn echo() -> MethodRouter<Shared> {
    any(async |upgrade: WsUpgrade| upgrade.on_upgrade(messages))
}

pub(super) fn echo_bytes() -> MethodRouter<Shared> {
    any(async |upgrade: WsUpgrade| -> Response { upgrade.on_upgrade(bytes) })
}

/// Sends every message back, until the client closes.
pub(super) async fn messages(_: WsMeta, mut stream: WsStream) {
    // Not `split` and `forward`: the half made by `split` holds a message back until the next
    // one, and finds the connection closing when that was the last before a Close frame.
    while let Some(Ok(message)) = stream.next().await {
        if let Err(error) = stream.send(message).await {
            tracing::debug!(%error, "echo ended");
            break;
        }
    }
}

async fn bytes(_: WsMeta, stream: WsStream) {
    let (mut reader, mut writer) = tokio::io::split(stream.into_io());
    let copied = async {
        tokio::io::copy(&mut reader, &mut writer).await?;
        writer.shutdown().await
    };
    if let Err(error) = copied.await {
        tracing::debug!(%error, "echo ended");
    }
}
