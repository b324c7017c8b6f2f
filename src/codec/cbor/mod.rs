mod scanner;

use std::{fmt, marker::PhantomData};

use bytes::{Buf, BufMut, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::codec::{Decoder, Encoder};

use self::scanner::{CborScan, CborScanner};
use super::{CodecError, CodecErrorKind, MAX_VALUE};

/// A codec of CBOR sequences (RFC 8742). It decodes values of type `In` and encodes values of type
/// `Out`.
///
/// A value is decoded as soon as its last byte has arrived. Every byte is scanned once, regardless of
/// the pieces.
///
/// An item is a `Result`. A well-formed value that is not of the expected type
/// ([`Invalid`](CodecErrorKind::Invalid)) or exceeds its limit
/// ([`TooLong`](CodecErrorKind::TooLong)) is an error with the position of the value, and the next
/// value follows. The rest of a value over the limit is not buffered.
///
/// After bytes that are not CBOR ([`Malformed`](CodecErrorKind::Malformed), RFC 8949 §5.3.1) the next
/// value cannot be found. The decoder fails, and fails again when polled again. It also fails for
/// values nested more than 128 levels deep, tags included, and for a stream that ends within a
/// value ([`Incomplete`](CodecErrorKind::Incomplete)).
///
/// ```
/// use futures::{SinkExt, StreamExt};
/// use tokio_util::codec::Framed;
/// use wsio::codec::CborCodec;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (here, there) = tokio::io::duplex(64);
/// let mut here = Framed::new(here, CborCodec::<(), (u32, String)>::new());
/// let mut there = Framed::new(there, CborCodec::<(u32, String), ()>::new());
///
/// here.send((7, "seven".to_owned())).await?;
/// assert_eq!(there.next().await.expect("a value")??, (7, "seven".to_owned()));
/// # Ok(())
/// # }
/// ```
pub struct CborCodec<In, Out = In> {
    max_value: usize,
    scanner: CborScanner,
    /// The position of the buffer in the stream.
    position: u64,
    /// The position of the value that exceeds its limit and is being skipped.
    skipping: Option<u64>,
    values: PhantomData<fn(Out) -> In>,
}

impl<In, Out> CborCodec<In, Out> {
    /// Creates a codec that decodes values of up to 8 MiB.
    pub fn new() -> Self {
        Self::with_max_value(MAX_VALUE)
    }

    /// Creates a codec that decodes values of up to `max` bytes.
    pub fn with_max_value(max: usize) -> Self {
        Self {
            max_value: max,
            scanner: CborScanner::new(),
            position: 0,
            skipping: None,
            values: PhantomData,
        }
    }

    /// Returns the limit of a decoded value in bytes.
    pub fn max_value(&self) -> usize {
        self.max_value
    }

    fn discard(&mut self, buffer: &mut BytesMut, length: usize) {
        buffer.advance(length);
        self.scanner.forget(length);
        self.position += length as u64;
    }
}

impl<In: DeserializeOwned, Out> CborCodec<In, Out> {
    /// Removes the value at the beginning of the buffer, and decodes it.
    fn take(&mut self, buffer: &mut BytesMut, length: usize) -> Result<In, CodecError> {
        let position = self.position;
        let bytes = buffer.split_to(length);
        self.scanner = CborScanner::new();
        self.position += length as u64;
        // The scanner has a limit of its own for how deep values nest, below ciborium's.
        ciborium::de::from_reader(&bytes[..]).map_err(|error| {
            CodecError::because(CodecErrorKind::Invalid, position, CborCause(error))
        })
    }
}

impl<In: DeserializeOwned, Out> Decoder for CborCodec<In, Out> {
    type Item = Result<In, CodecError>;
    type Error = CodecError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, CodecError> {
        loop {
            let most = match self.skipping {
                Some(_) => u64::MAX,
                None => self.max_value as u64,
            };
            let scan = self.scanner.scan(buffer, most).map_err(|offset| {
                let position = self.position + offset as u64;
                CodecError::new(CodecErrorKind::Malformed, position)
            })?;
            let length = self.scanner.scanned();
            match (scan, self.skipping) {
                (CborScan::Whole, None) => return Ok(Some(self.take(buffer, length))),
                (CborScan::Part, None) => return Ok(None),
                (CborScan::Long, _) => {
                    let position = self.position;
                    self.skipping = Some(position);
                    self.discard(buffer, length);
                    return Ok(Some(Err(CodecError::new(
                        CodecErrorKind::TooLong,
                        position,
                    ))));
                }
                (CborScan::Whole, Some(_)) => {
                    self.discard(buffer, length);
                    self.scanner = CborScanner::new();
                    self.skipping = None;
                }
                (CborScan::Part, Some(_)) => {
                    self.discard(buffer, length);
                    return Ok(None);
                }
            }
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Self::Item>, CodecError> {
        if let Some(value) = self.decode(buffer)? {
            return Ok(Some(value));
        }
        let begun = match self.skipping.take() {
            Some(position) => Some(position),
            None if buffer.is_empty() => None,
            None => Some(self.position),
        };
        // The error is returned once: after it nothing is left.
        self.scanner = CborScanner::new();
        self.position += buffer.len() as u64;
        buffer.clear();
        match begun {
            Some(position) => Err(CodecError::new(CodecErrorKind::Incomplete, position)),
            None => Ok(None),
        }
    }
}

impl<In, Out: Serialize> Encoder<Out> for CborCodec<In, Out> {
    type Error = CodecError;

    fn encode(&mut self, value: Out, buffer: &mut BytesMut) -> Result<(), CodecError> {
        let start = buffer.len();
        ciborium::ser::into_writer(&value, (&mut *buffer).writer()).map_err(|error| {
            buffer.truncate(start);
            CodecError::because(CodecErrorKind::Unencodable, 0, error.to_string())
        })
    }
}

/// ciborium's error, which prints as its `Debug` form.
#[derive(Debug)]
struct CborCause(ciborium::de::Error<std::io::Error>);

impl fmt::Display for CborCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ciborium::de::Error;
        match &self.0 {
            Error::Io(error) => error.fmt(f),
            Error::Syntax(offset) => write!(f, "not CBOR, {offset} bytes into the value"),
            Error::Semantic(Some(offset), message) => {
                write!(f, "{message}, {offset} bytes into the value")
            }
            Error::Semantic(None, message) => f.write_str(message),
            Error::RecursionLimitExceeded => f.write_str("nested too deeply"),
        }
    }
}

impl std::error::Error for CborCause {}

impl<In, Out> Default for CborCodec<In, Out> {
    fn default() -> Self {
        Self::new()
    }
}

impl<In, Out> Clone for CborCodec<In, Out> {
    fn clone(&self) -> Self {
        Self {
            scanner: self.scanner.clone(),
            values: PhantomData,
            ..*self
        }
    }
}

impl<In, Out> fmt::Debug for CborCodec<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CborCodec")
            .field("max_value", &self.max_value)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
