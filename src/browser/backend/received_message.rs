//! A message as the browser gives it.

use bytes::Bytes;
use js_sys::{ArrayBuffer, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::WsMessage;

/// Its bytes stay on the JavaScript side until they are read, and are copied once.
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
    /// `None` for what is neither text nor bytes.
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

    /// What it costs to keep, in bytes: empty messages are not free either.
    pub(super) fn cost(&self) -> usize {
        const OVERHEAD: usize = 64;
        self.units + OVERHEAD
    }

    /// Whether it has more than `limit` bytes; of a text, in UTF-8.
    pub(super) fn exceeds(&self, limit: usize) -> bool {
        match &self.data {
            ReceivedData::Binary(_) => self.units > limit,
            // A UTF-16 code unit has one to three bytes in UTF-8: only in between those a text
            // has to be converted to tell.
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
