//! The messages that travel over a WebSocket.

use bytes::Bytes;

use crate::WsText;

/// One WebSocket message.
///
/// A browser can neither send nor receive any other frame, so that no code above the connection
/// has to deal with Ping, Pong or Close. Cloning a message copies no payload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WsMessage {
    /// A text message.
    Text(WsText),
    /// A binary message.
    Binary(Bytes),
}

impl WsMessage {
    /// Returns the length of the payload in bytes; of a text, in UTF-8.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether this is a text message.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Returns whether this is a binary message.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Returns the text of a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// Returns the payload without copying it; of a text, its UTF-8 bytes.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for WsMessage {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<WsText> for WsMessage {
    fn from(text: WsText) -> Self {
        Self::Text(text)
    }
}

impl From<String> for WsMessage {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for WsMessage {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for WsMessage {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for WsMessage {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<&[u8]> for WsMessage {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl From<WsMessage> for Bytes {
    fn from(message: WsMessage) -> Self {
        message.into_bytes()
    }
}

impl From<WsMessage> for Vec<u8> {
    fn from(message: WsMessage) -> Self {
        message.into_bytes().into()
    }
}
