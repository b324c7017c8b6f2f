//! The payload of a text message.

use std::{borrow::Borrow, cmp::Ordering, fmt, ops::Deref, str::Utf8Error};

use bytes::Bytes;
use bytestring::ByteString;

/// UTF-8 text that shares its memory: cloning copies no bytes, and neither does the conversion to
/// [`Bytes`].
///
/// Dereferences to `str`.
///
/// ```
/// use bytes::Bytes;
/// use wsio::WsText;
///
/// let text = WsText::try_from(Bytes::from_static(b"hello"))?;
/// assert_eq!(text, "hello");
/// assert_eq!(text.len(), 5);
/// # Ok::<_, std::str::Utf8Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WsText(ByteString);

impl WsText {
    /// Returns the text as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the UTF-8 bytes without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl Deref for WsText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for WsText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for WsText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<str> for WsText {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for WsText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for WsText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<WsText> for String {
    fn from(text: WsText) -> Self {
        text.as_str().to_owned()
    }
}

impl From<WsText> for Bytes {
    fn from(text: WsText) -> Self {
        text.into_bytes()
    }
}

/// Fails if the bytes are not UTF-8.
impl TryFrom<Bytes> for WsText {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        ByteString::try_from(bytes).map(Self)
    }
}

impl PartialEq<str> for WsText {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for WsText {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for WsText {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialOrd<str> for WsText {
    fn partial_cmp(&self, other: &str) -> Option<Ordering> {
        self.as_str().partial_cmp(other)
    }
}

impl fmt::Debug for WsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for WsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}
