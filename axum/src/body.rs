//! An event stream as the body of an answer.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use futures::Stream;
use tokio::sync::OwnedSemaphorePermit;
use wsio_events::EventFeed;

/// Returns the feed as a body, which holds the slot until it is dropped.
pub(crate) fn events(feed: EventFeed, slot: OwnedSemaphorePermit) -> Body {
    Body::from_stream(EventBody { feed, _slot: slot })
}

struct EventBody {
    feed: EventFeed,
    _slot: OwnedSemaphorePermit,
}

impl Stream for EventBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.feed)
            .poll_next(cx)
            .map_err(io::Error::other)
    }
}
