mod scanner;

use std::{fmt, marker::PhantomData};

use bytes::{Buf, BufMut, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::codec::{Decoder, Encoder};

use self::scanner::{Scan, Scanner};
use super::{CodecError, CodecErrorKind, MAX_VALUE};

/// A CBOR sequence (RFC 8742): reads values of type `In`, writes values of type `Out`.
///
/// A value is decoded as soon as its last byte is there; finding the end of a value that
/// arrives in pieces looks at every byte once.
///
/// An item is a `Result`: a value that is well-formed but not of the type expected
/// ([`Invalid`](CodecErrorKind::Invalid)), or is too long
/// ([`TooLong`](CodecErrorKind::TooLong)), is an error that says where the value begins, and the
/// next value follows. A value that is too long is not kept while the rest of it arrives.
///
/// Bytes that are not CBOR ([`Malformed`](CodecErrorKind::Malformed), RFC 8949 §5.3.1) leave
/// nothing by which to find the next value: the decoder fails there, and again when polled
/// again. So it does for nesting, tags included, of more than 128, and for a stream that ends
/// within a value ([`Incomplete`](CodecErrorKind::Incomplete)).
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
    scanner: Scanner,
    /// Where in the stream the buffer begins.
    position: u64,
    /// Where in the stream the value begins that was found too long and is being skipped.
    skipping: Option<u64>,
    values: PhantomData<fn(Out) -> In>,
}

impl<In, Out> CborCodec<In, Out> {
    /// Values may take up to 8 MiB.
    pub fn new() -> Self {
        Self::with_max_value(MAX_VALUE)
    }

    /// Values that are read may take up to `max` bytes.
    pub fn with_max_value(max: usize) -> Self {
        Self {
            max_value: max,
            scanner: Scanner::new(),
            position: 0,
            skipping: None,
            values: PhantomData,
        }
    }

    /// The bytes a value that is read may take.
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
    /// Takes the value that makes up the first bytes of the buffer out of it.
    fn take(&mut self, buffer: &mut BytesMut, length: usize) -> Result<In, CodecError> {
        let position = self.position;
        let bytes = buffer.split_to(length);
        self.scanner = Scanner::new();
        self.position += length as u64;
        // The scanner has a limit of its own for how deep values nest, below ciborium's.
        ciborium::de::from_reader(&bytes[..])
            .map_err(|error| CodecError::because(CodecErrorKind::Invalid, position, Cause(error)))
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
                (Scan::Whole, None) => return Ok(Some(self.take(buffer, length))),
                (Scan::Part, None) => return Ok(None),
                (Scan::Long, _) => {
                    let position = self.position;
                    self.skipping = Some(position);
                    self.discard(buffer, length);
                    return Ok(Some(Err(CodecError::new(
                        CodecErrorKind::TooLong,
                        position,
                    ))));
                }
                (Scan::Whole, Some(_)) => {
                    self.discard(buffer, length);
                    self.scanner = Scanner::new();
                    self.skipping = None;
                }
                (Scan::Part, Some(_)) => {
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
        // Said once: polled again after the end, there is nothing left.
        self.scanner = Scanner::new();
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
struct Cause(ciborium::de::Error<std::io::Error>);

impl fmt::Display for Cause {
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

impl std::error::Error for Cause {}

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
