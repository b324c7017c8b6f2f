//! The events of a connection as a stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::{Stream, stream::FusedStream};
use pharos::Events;

use crate::WsEvent;

/// The events of a connection: the current state first, then every change. Ends after
/// [`WsEvent::Closed`].
///
/// Returned by [`WsMeta::events`](crate::WsMeta::events). A connection has four events at most, so
/// that a stream that is never read holds up nothing.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct WsEvents {
    events: Option<Events<WsEvent>>,
}

impl WsEvents {
    pub(super) fn new(events: Option<Events<WsEvent>>) -> Self {
        Self { events }
    }
}

impl Stream for WsEvents {
    type Item = WsEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WsEvent>> {
        let next = match &mut self.events {
            Some(events) => std::task::ready!(Pin::new(events).poll_next(cx)),
            None => None,
        };
        if next.is_none() {
            self.events = None;
        }
        Poll::Ready(next)
    }
}

impl FusedStream for WsEvents {
    fn is_terminated(&self) -> bool {
        self.events.is_none()
    }
}
