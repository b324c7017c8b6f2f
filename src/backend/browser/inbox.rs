//! What the socket's events have brought and nobody has read yet.

use std::collections::VecDeque;

use bytes::Bytes;
use js_sys::{ArrayBuffer, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::MessageEvent;

use crate::{
    ErrorKind, WsMessage,
    backend::{End, Failure},
    event::{CloseCode, CloseEvent},
};

/// Filled by the event handlers, emptied by the socket.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: VecDeque<Raw>,
    bytes: usize,
    limit: usize,
    max_message_size: usize,
    opened: bool,
    discarding: bool,
    /// What is wrong with something received; what came before it is still to be read.
    failure: Option<Failure>,
    /// The socket's close event.
    closed: Option<CloseEvent>,
}

/// A message as the browser gives it. Its bytes stay on the JavaScript side until they are read,
/// and are copied once.
#[derive(Debug)]
struct Raw {
    data: Data,
    bytes: usize,
}

#[derive(Debug)]
enum Data {
    Text(JsString),
    Binary(ArrayBuffer),
}

impl Inbox {
    pub(super) fn new(limit: usize, max_message_size: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            limit,
            max_message_size,
            opened: false,
            discarding: false,
            failure: None,
            closed: None,
        }
    }

    pub(super) fn open(&mut self) {
        self.opened = true;
    }

    pub(super) fn is_open(&self) -> bool {
        self.opened
    }

    pub(super) fn close(&mut self, event: CloseEvent) {
        self.closed.get_or_insert(event);
    }

    pub(super) fn closed(&self) -> Option<&CloseEvent> {
        self.closed.as_ref()
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// The end, once there is one.
    pub(super) fn end(&self) -> Option<End> {
        let event = self.closed.clone()?;
        Some(match &self.failure {
            Some(failure) => End::failed(failure),
            None => End::closed(event),
        })
    }

    /// Takes what a message event carries. After a failure nothing is taken any more.
    pub(super) fn push(&mut self, event: &MessageEvent) {
        if self.failure.is_some() || self.discarding {
            return;
        }
        match Raw::new(event.data()) {
            // An ArrayBuffer that is shared or a Blob would have to be read in another way, and
            // neither comes unless somebody changed the socket's `binaryType` behind our back.
            None => self.fail(undecodable()),
            Some(raw) if raw.bytes > self.max_message_size => {
                self.fail(Failure::message_too_big());
            }
            Some(raw) if self.bytes + raw.cost() > self.limit => self.fail(queue_full()),
            Some(raw) => {
                self.bytes += raw.cost();
                self.messages.push_back(raw);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<WsMessage> {
        let raw = self.messages.pop_front()?;
        self.bytes -= raw.cost();
        Some(match raw.data {
            Data::Text(text) => WsMessage::Text(text.into()),
            Data::Binary(buffer) => {
                WsMessage::Binary(Bytes::from(Uint8Array::new(&buffer).to_vec()))
            }
        })
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.bytes = 0;
    }

    /// Drops what is waiting and whatever still comes.
    pub(super) fn discard(&mut self) {
        self.discarding = true;
        self.clear();
    }
}

impl Raw {
    fn new(data: JsValue) -> Option<Self> {
        let data = match data.dyn_into::<ArrayBuffer>() {
            Ok(buffer) => Data::Binary(buffer),
            Err(data) => Data::Text(data.dyn_into().ok()?),
        };
        let bytes = match &data {
            Data::Text(text) => utf8_len(text),
            Data::Binary(buffer) => buffer.byte_length() as usize,
        };
        Some(Self { data, bytes })
    }

    /// What it costs to keep: empty messages are not free either.
    fn cost(&self) -> usize {
        const OVERHEAD: usize = 64;
        self.bytes + OVERHEAD
    }
}

/// How many bytes a string has in UTF-8, without converting it.
fn utf8_len(text: &JsString) -> usize {
    let mut len = 0;
    let mut units = text.iter().peekable();
    while let Some(unit) = units.next() {
        len += match unit {
            0..0x80 => 1,
            0x80..0x800 => 2,
            0xD800..0xDC00
                if units
                    .peek()
                    .is_some_and(|next| (0xDC00..0xE000).contains(next)) =>
            {
                units.next();
                4
            }
            _ => 3,
        };
    }
    len
}

fn queue_full() -> Failure {
    Failure::new(
        ErrorKind::QueueFull,
        "more was received than receive_limit lets wait for its reader",
        CloseCode::TRY_AGAIN,
    )
}

fn undecodable() -> Failure {
    Failure::new(
        ErrorKind::Protocol,
        "the browser gave a message that is neither a string nor an ArrayBuffer",
        CloseCode::INVALID_DATA,
    )
}
