//! The writing side of a `WebSocketStream`.

use std::collections::VecDeque;

use js_sys::Uint8Array;

use super::bindings::{JsPromise, JsWriter};
use crate::{WsMessage, event::CloseCode};

/// The queue of messages to write, of which one is under way at a time.
///
/// Further messages wait here and not in the browser's stream, for two reasons. An idle stream copies
/// the bytes within `write` (WebSockets § WebSocketStream, "write": "a copy of the bytes"), so that a
/// view of the module's memory is enough; in the stream's queue, the memory would have changed by
/// the time of the copy. And `close()` overtakes the stream's queue, which crashes Chromium's page.
#[derive(Debug)]
pub(super) struct WriteSide {
    pub(super) writer: Option<JsWriter>,
    /// Whether a write is under way.
    pub(super) writing: bool,
    /// Whether a write has failed, which ends the stream.
    pub(super) broken: bool,
    pub(super) closing: CloseProgress,
    queue: VecDeque<QueuedWrite>,
    in_flight: usize,
    queued: usize,
    /// The largest message to merge bytes into.
    merge: usize,
    copies: bool,
}

#[derive(Debug)]
pub(super) enum CloseProgress {
    No,
    /// To be started as soon as the queue is written.
    Wanted(Option<CloseCode>, String),
    /// Started by the browser.
    Told,
}

#[derive(Debug)]
enum QueuedWrite {
    Message(WsMessage),
    /// Bytes that further bytes may be merged into.
    Bytes(Vec<u8>),
}

impl WriteSide {
    pub(super) fn new(merge: usize, copies: bool) -> Self {
        Self {
            writer: None,
            writing: false,
            broken: false,
            closing: CloseProgress::No,
            queue: VecDeque::new(),
            in_flight: 0,
            queued: 0,
            merge,
            copies,
        }
    }

    /// Returns the number of bytes accepted and not sent, including dropped ones.
    pub(super) fn buffered(&self) -> usize {
        self.in_flight + self.queued
    }

    /// Returns whether nothing is queued behind the write under way.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Drops the queue.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// Notes that the write under way is done.
    pub(super) fn written(&mut self) {
        self.writing = false;
        self.in_flight = 0;
    }

    /// Queues a message. Returns the promise of a write, if one was started.
    pub(super) fn push(&mut self, message: WsMessage) -> Option<JsPromise> {
        self.queued += message.len();
        self.queue.push_back(QueuedWrite::Message(message));
        self.next()
    }

    /// Queues bytes. Returns the promise of a write, if one was started.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Option<JsPromise> {
        if !self.writing && self.queue.is_empty() {
            return self.write_bytes(bytes);
        }
        self.queued += bytes.len();
        match self.queue.back_mut() {
            Some(QueuedWrite::Bytes(last)) if last.len() + bytes.len() <= self.merge => {
                last.extend_from_slice(bytes);
            }
            _ => self.queue.push_back(QueuedWrite::Bytes(bytes.to_vec())),
        }
        self.next()
    }

    /// Starts the next write, unless one is under way.
    pub(super) fn next(&mut self) -> Option<JsPromise> {
        if self.writing || self.broken || self.writer.is_none() {
            return None;
        }
        match self.queue.pop_front()? {
            QueuedWrite::Message(WsMessage::Text(text)) => {
                self.queued -= text.len();
                self.write(text.len(), |writer| writer.write_text(&text))
            }
            QueuedWrite::Message(WsMessage::Binary(bytes)) => {
                self.queued -= bytes.len();
                self.write_bytes(&bytes)
            }
            QueuedWrite::Bytes(bytes) => {
                self.queued -= bytes.len();
                self.write_bytes(&bytes)
            }
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Option<JsPromise> {
        let copies = self.copies;
        self.write(bytes.len(), |writer| {
            if copies {
                writer.write_array(&Uint8Array::from(bytes))
            } else {
                writer.write_bytes(bytes)
            }
        })
    }

    fn write(
        &mut self,
        len: usize,
        write: impl FnOnce(&JsWriter) -> JsPromise,
    ) -> Option<JsPromise> {
        let promised = write(self.writer.as_ref()?);
        self.writing = true;
        self.in_flight = len;
        Some(promised)
    }
}
