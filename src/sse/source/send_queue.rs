//! The queue of events to be sent.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures::Sink;

use super::{SourceError, SourceErrorKind};
use crate::{
    backend,
    sse::{
        SseEvent, SseItem,
        encoder::{encode_event, encode_item},
        upstream,
    },
};

/// Accepted events, until the server has confirmed them or, if it does not confirm, until a
/// connection has flushed them.
///
/// Events that a lost connection had taken may or may not have arrived. They are sent again over the
/// next one, under the same numbers.
#[derive(Debug)]
pub(super) struct SendQueue {
    /// The events, oldest first. A connection takes them in order.
    events: VecDeque<Bytes>,
    /// The bytes of all of them.
    bytes: usize,
    limit: usize,
    /// The number of the first of them. The source counts from 1.
    first: u64,
    /// How many of them some connection has flushed.
    given: usize,
    /// How many of them this connection has taken.
    written: usize,
    /// How many of them this connection has flushed.
    flushed: usize,
    peer: UpstreamPeer,
    /// Whether the last server known to be of either kind confirms events.
    has_met_confirming: bool,
    /// Whether this connection has been told the source and the number of its first event.
    is_introduced: bool,
    /// The id of the source, made when it is first needed.
    source: Option<String>,
}

/// The kind of the server of a connection. The first item of its stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UpstreamPeer {
    Unknown,
    /// It confirms events.
    Confirming,
    /// It knows nothing of confirmations.
    Plain,
}

impl SendQueue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            limit,
            first: 1,
            given: 0,
            written: 0,
            flushed: 0,
            peer: UpstreamPeer::Unknown,
            has_met_confirming: false,
            is_introduced: false,
            source: None,
        }
    }

    pub(super) fn push(&mut self, event: &SseEvent) -> Result<(), SourceError> {
        let mut bytes = BytesMut::new();
        encode_event(event, &mut bytes)
            .map_err(|error| SourceError::new(SourceErrorKind::InvalidEvent, error))?;
        self.bytes += bytes.len();
        self.events.push_back(bytes.freeze());
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether no more events are accepted for now.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= self.limit && !self.is_empty()
    }

    /// Returns whether all events are confirmed, or flushed to a server that does not confirm.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Returns whether some connection has flushed all events.
    pub(super) fn is_given(&self) -> bool {
        self.given == self.events.len()
    }

    /// Returns whether this connection still has to be sent what an earlier one had flushed.
    pub(super) fn owes(&self) -> bool {
        self.flushed < self.given
    }

    /// Returns whether nothing is known that tells if events will be confirmed.
    pub(super) fn is_undecided(&self) -> bool {
        self.peer == UpstreamPeer::Unknown && !self.has_met_confirming
    }

    /// Learns from an item of the server; `None` if it is no comment. Returns whether the comment is
    /// for the queue alone.
    pub(super) fn learn(&mut self, comment: Option<&str>) -> bool {
        match self.peer {
            UpstreamPeer::Unknown if comment == Some(upstream::OFFER) => {
                self.peer = UpstreamPeer::Confirming;
                self.has_met_confirming = true;
                true
            }
            UpstreamPeer::Unknown => {
                self.decide_plain();
                false
            }
            UpstreamPeer::Confirming => {
                let handled = comment.and_then(upstream::parse_handled);
                if let Some(number) = handled {
                    // No server has handled what this connection was not given.
                    let count = number.saturating_sub(self.first - 1);
                    self.forget(self.written.min(count.try_into().unwrap_or(usize::MAX)));
                }
                handled.is_some()
            }
            UpstreamPeer::Plain => false,
        }
    }

    /// Takes the server of this connection for one that does not confirm.
    pub(super) fn decide_plain(&mut self) {
        self.peer = UpstreamPeer::Plain;
        self.has_met_confirming = false;
        self.forget(self.flushed);
    }

    /// Queues all events again, in the same order, since the connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.written = 0;
        self.flushed = 0;
        self.is_introduced = false;
        self.peer = UpstreamPeer::Unknown;
    }

    /// Forgets so many of the oldest events, which this connection has taken.
    fn forget(&mut self, count: usize) {
        let forgotten: usize = self.events.drain(..count).map(|event| event.len()).sum();
        self.bytes -= forgotten;
        self.first += count as u64;
        self.written -= count;
        self.flushed = self.flushed.saturating_sub(count);
        self.given = self.given.saturating_sub(count);
    }

    /// Writes the events to the connection, and flushes it if asked to.
    pub(super) fn poll_send<S: Sink<Bytes>>(
        &mut self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut S>,
        flush: bool,
    ) -> Poll<Result<(), S::Error>> {
        while let Some(event) = self.events.get(self.written) {
            ready!(body.as_mut().poll_ready(cx))?;
            let mut bytes = event.clone();
            if !self.is_introduced && self.peer != UpstreamPeer::Plain {
                // With the event, so that there are as many messages as without.
                bytes = self.introduced(&bytes);
                self.is_introduced = true;
            }
            body.as_mut().start_send(bytes)?;
            self.written += 1;
        }
        if flush {
            ready!(body.poll_flush(cx))?;
            self.flushed = self.written;
            self.given = self.given.max(self.flushed);
            if self.peer == UpstreamPeer::Plain {
                self.forget(self.flushed);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the first event of this connection behind the comment that says which one it is.
    fn introduced(&mut self, event: &[u8]) -> Bytes {
        let source = self.source.get_or_insert_with(|| {
            let words = backend::random_words();
            words.map(|word| format!("{word:08x}")).concat()
        });
        let comment = upstream::source_comment(source, self.first);
        let mut bytes = BytesMut::new();
        // The comment has no line break.
        let _ = encode_item(&SseItem::Comment(comment), &mut bytes);
        bytes.extend_from_slice(event);
        bytes.freeze()
    }
}
