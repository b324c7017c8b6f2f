//! A message as the browser delivers it.

use bytes::Bytes;
use js_sys::{ArrayBuffer, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::WsMessage;

/// A received message. Its bytes stay on the JavaScript side until they are read, and are then copied
/// once.
#[derive(Debug)]
pub(super) struct ReceivedMessage {
    data: ReceivedData,
    units: usize,
}

#[derive(Debug)]
enum ReceivedData {
    Text(JsString),
    Binary(Uint8Array),
}

impl ReceivedMessage {
    /// Returns `None` for a value that is neither text nor bytes.
    pub(super) fn new(data: JsValue) -> Option<Self> {
        let data = match data.dyn_into::<ArrayBuffer>() {
            Ok(buffer) => ReceivedData::Binary(Uint8Array::new(&buffer)),
            Err(data) => match data.dyn_into() {
                Ok(text) => ReceivedData::Text(text),
                Err(data) => ReceivedData::Binary(data.dyn_into().ok()?),
            },
        };
        let units = match &data {
            ReceivedData::Text(text) => text.length(),
            ReceivedData::Binary(bytes) => bytes.length(),
        };
        Some(Self {
            data,
            units: units as usize,
        })
    }

    /// Returns the memory that the message takes, in bytes. Empty messages are not free either.
    pub(super) fn cost(&self) -> usize {
        const OVERHEAD: usize = 64;
        self.units + OVERHEAD
    }

    /// Returns whether the message has more than `limit` bytes. A text counts in UTF-8.
    pub(super) fn exceeds(&self, limit: usize) -> bool {
        match &self.data {
            ReceivedData::Binary(_) => self.units > limit,
            // A UTF-16 code unit takes one to three bytes in UTF-8. Only a text between those bounds
            // has to be converted.
            ReceivedData::Text(text) => {
                self.units > limit
                    || (self.units > limit / 3 && String::from(text.clone()).len() > limit)
            }
        }
    }

    pub(super) fn read(self) -> WsMessage {
        match self.data {
            ReceivedData::Text(text) => WsMessage::Text(String::from(text).into()),
            ReceivedData::Binary(bytes) => WsMessage::Binary(Bytes::from(bytes.to_vec())),
        }
    }
}
