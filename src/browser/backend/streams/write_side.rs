//! What waits to be written.

use std::collections::VecDeque;

use js_sys::Uint8Array;

use super::bindings::{JsPromise, JsWriter};
use crate::{WsMessage, event::CloseCode};

/// The writing side.
///
/// One write is under way at a time; what comes meanwhile waits here and not in the stream. An
/// idle stream takes its copy of the bytes within `write`, so that a view of the module's memory
/// will do (WebSockets § WebSocketStream, "write": "a copy of the bytes"), while in a stream's
/// queue it would have changed by the time it is its turn. And `close()` overtakes what is in the
/// queue, and with that in it Chromium's page crashes.
#[derive(Debug)]
pub(super) struct WriteSide {
    pub(super) writer: Option<JsWriter>,
    /// Whether a write is under way.
    pub(super) writing: bool,
    /// A write has failed: the stream is over.
    pub(super) broken: bool,
    pub(super) closing: CloseProgress,
    queue: VecDeque<QueuedWrite>,
    in_flight: usize,
    queued: usize,
    /// Up to how many bytes are merged into one message.
    merge: usize,
    copies: bool,
}

#[derive(Debug)]
pub(super) enum CloseProgress {
    No,
    /// As soon as what waits is written.
    Wanted(Option<CloseCode>, String),
    /// The browser has been told.
    Told,
}

#[derive(Debug)]
enum QueuedWrite {
    Message(WsMessage),
    /// Bytes that others may join.
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

    /// How many bytes were taken and not sent, also of what has been given up.
    pub(super) fn buffered(&self) -> usize {
        self.in_flight + self.queued
    }

    /// Whether nothing is left but the write under way.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Gives up what waits.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// The write under way is done.
    pub(super) fn written(&mut self) {
        self.writing = false;
        self.in_flight = 0;
    }

    /// Takes a message; the write, if it was the stream's turn.
    pub(super) fn push(&mut self, message: WsMessage) -> Option<JsPromise> {
        self.queued += message.len();
        self.queue.push_back(QueuedWrite::Message(message));
        self.next()
    }

    /// Takes bytes; the write, if it was the stream's turn.
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

    /// Writes what is next, if it is the stream's turn.
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
