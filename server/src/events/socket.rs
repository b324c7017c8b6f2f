//! An event stream over a WebSocket, and the events that the client sends.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::{
    SinkExt, StreamExt, TryStreamExt,
    stream::{SplitSink, SplitStream},
};
use http::StatusCode;
use wsio::{
    CloseCode, Error, WsMessage, WsMeta, WsStream,
    sse::{SseErrorKind, SseEvent, SseItem, SseReader},
};

use super::feed::{End, Feed};
use crate::conn::Cut;

/// The largest message that is sent, in bytes: larger events come in several.
const MAX_MESSAGE: usize = 128_000;

/// The close code for what is larger than allowed (RFC 6455 § 7.4.1).
const MESSAGE_TOO_BIG: u16 = 1009;

/// The close code after the last event of a log, as HTTP would say it: nothing is left to come
/// back for.
const ENDED: u16 = 4000 + StatusCode::NO_CONTENT.as_u16();

/// The close code after which a client comes back.
const TRY_AGAIN: u16 = 4000 + StatusCode::INTERNAL_SERVER_ERROR.as_u16();

/// What is done with an event that a client sends.
pub(super) type OnEvent =
    Arc<dyn Fn(SseEvent) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What is done with what clients send.
#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) on_event: Option<OnEvent>,
    /// The largest event, in bytes.
    pub(super) max_event: usize,
}

/// Serves one client until it, or the feed, has come to an end.
pub(super) async fn serve(
    meta: WsMeta,
    stream: WsStream,
    feed: Feed,
    upstream: Upstream,
    cut: Option<Cut>,
) {
    let (sink, messages) = stream.split();
    let sending = async {
        if send(&meta, sink, feed, cut).await {
            return;
        }
        // What the client has sent before the end is still to be read.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = sending => {}
        () = receive(&meta, messages, upstream) => {}
    }
}

/// Sends everything, and closes. Returns whether the connection is not to be used any more.
async fn send(
    meta: &WsMeta,
    mut sink: SplitSink<WsStream, WsMessage>,
    mut feed: Feed,
    cut: Option<Cut>,
) -> bool {
    while let Some(chunk) = feed.chunk().await {
        if let Err(error) = send_chunk(&mut sink, chunk).await {
            tracing::debug!(%error, "the subscriber is gone");
            return false;
        }
    }
    let code = match feed.end() {
        Some(End::Cut) => {
            // All has been flushed.
            if let Some(cut) = cut {
                cut.now();
            }
            return true;
        }
        Some(End::Closing) => CloseCode::GOING_AWAY,
        Some(End::Failed) => TRY_AGAIN.into(),
        Some(End::Log) | None => ENDED.into(),
    };
    if let Err(error) = meta.close_code(code).await {
        tracing::debug!(%error, "not closed");
    }
    false
}

async fn send_chunk(
    sink: &mut SplitSink<WsStream, WsMessage>,
    mut chunk: Bytes,
) -> Result<(), Error> {
    while !chunk.is_empty() {
        let piece = chunk.split_to(chunk.len().min(MAX_MESSAGE));
        sink.feed(WsMessage::Binary(piece)).await?;
    }
    sink.flush().await
}

/// Reads to the end.
async fn receive(meta: &WsMeta, mut messages: SplitStream<WsStream>, upstream: Upstream) {
    let Some(on_event) = upstream.on_event else {
        while let Some(Ok(_)) = messages.next().await {}
        return;
    };
    let max = upstream.max_event;
    let bytes = messages.map_ok(WsMessage::into_bytes);
    let mut items = SseReader::with_limits(bytes, max, max);
    while let Some(item) = items.next().await {
        match item {
            Ok(SseItem::Event(event)) => on_event(event).await,
            Ok(_) => {}
            Err(error) if error.kind() == SseErrorKind::Io => return,
            Err(error) => {
                tracing::debug!(%error, "a subscriber sends too much");
                if let Err(error) = meta.close_code(MESSAGE_TOO_BIG).await {
                    tracing::debug!(%error, "not closed");
                }
                return;
            }
        }
    }
}
