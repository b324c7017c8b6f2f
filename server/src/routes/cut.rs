//! Event streams that break off after so many events.

use std::{io, task::Poll};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures::{SinkExt, Stream, StreamExt, TryStreamExt};
use http::header;
use wsio::{
    CloseCode, WsMessage, WsMeta, WsReceiver,
    sse::{SseEvent, SseItem, SseReader},
};
use wsio_axum::EventRequest;
use wsio_events::{EventFeed, EventLog, FeedEnd};

use crate::stream::Cut;

/// Serves the feed, and cuts the connection where the feed ends by its limit. Events from the
/// client are appended to `upstream`.
pub(super) fn answer(
    feed: EventFeed,
    cut: Cut,
    upstream: Option<EventLog>,
    request: EventRequest,
) -> Response {
    match request.into_upgrade() {
        Some(upgrade) => upgrade.on_upgrade(async move |meta, stream| {
            let (sink, messages) = stream.split();
            tokio::select! {
                () = send(&meta, sink, feed, cut) => {}
                () = receive(messages, upstream) => {}
            }
        }),
        None => {
            let headers = [(header::CONTENT_TYPE, "text/event-stream")];
            (headers, Body::from_stream(chunks(feed, cut))).into_response()
        }
    }
}

async fn send(
    meta: &WsMeta,
    mut sink: impl SinkExt<WsMessage> + Unpin,
    mut feed: EventFeed,
    cut: Cut,
) {
    while let Some(Ok(chunk)) = feed.next().await {
        if sink.send(WsMessage::Binary(chunk)).await.is_err() {
            return;
        }
    }
    let code = match feed.end() {
        // All has been flushed.
        Some(FeedEnd::Limit) => return cut.now(),
        Some(FeedEnd::Log) => CloseCode::from_http_status(204),
        _ => None,
    };
    if let Err(error) = meta.close_code(code.unwrap_or(CloseCode::GOING_AWAY)).await {
        tracing::debug!(%error, "not closed");
    }
}

async fn receive(messages: WsReceiver, upstream: Option<EventLog>) {
    let mut items = SseReader::new(messages.map_ok(WsMessage::into_bytes));
    while let Some(Ok(item)) = items.next().await {
        if let (SseItem::Event(event), Some(log)) = (item, &upstream) {
            append(log, event).await;
        }
    }
}

/// Appends an event of a client.
async fn append(log: &EventLog, event: SseEvent) {
    if let Err(error) = log.append(event).await {
        tracing::debug!(%error, "a client's event is not appended");
    }
}

fn chunks(mut feed: EventFeed, cut: Cut) -> impl Stream<Item = io::Result<bytes::Bytes>> {
    let mut end = None;
    futures::stream::poll_fn(move |cx| {
        if end.is_none() {
            match std::task::ready!(feed.poll_next_unpin(cx)) {
                Some(Ok(chunk)) => return Poll::Ready(Some(Ok(chunk))),
                None => end = feed.end(),
            }
        }
        if end == Some(FeedEnd::Limit) {
            // The connection ends at the flush that comes now. An error would end it before the
            // last chunk has gone out.
            cut.at_flush();
            return Poll::Pending;
        }
        Poll::Ready(None)
    })
}
