//! A message as its frames arrive.

use std::{
    io, mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{BufMut as _, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{InputBuffer, not_utf8};
use crate::{WsMessage, WsText, error::Violation, target::frames::mask::mask};

/// From so many missing bytes on, a payload is read into its own memory: for less, a read that
/// brings the next message as well is worth more than a copy.
const DIRECT: usize = 64 * 1024;

/// The reserve of a message before any of its bytes have arrived, in bytes.
const FIRST_RESERVE: usize = 16 * 1024;

/// The growth of a message, in multiples of the bytes that have arrived. Memory that is reserved and
/// not written costs addresses only, and each step of growth copies what is there.
const GROWTH: usize = 32;

/// The payload of a message so far, unmasked.
#[derive(Default)]
pub(super) struct Message {
    pub(super) is_text: bool,
    payload: Vec<u8>,
    /// The number of bytes known to be UTF-8.
    checked: usize,
}

impl Message {
    pub(super) fn new(is_text: bool) -> Self {
        Self {
            is_text,
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.payload.len()
    }

    /// Checks the text that was not checked yet; a character may be cut off at the end unless the
    /// message `is_whole`.
    pub(super) fn check_text(&mut self, is_whole: bool) -> Result<(), Violation> {
        match std::str::from_utf8(&self.payload[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_some() || is_whole => {
                return Err(not_utf8().caused_by(error));
            }
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<WsMessage, Violation> {
        let is_text = self.is_text;
        let payload = self.into_bytes();
        if !is_text {
            return Ok(WsMessage::Binary(payload));
        }
        WsText::try_from(payload)
            .map(WsMessage::Text)
            .map_err(|error| not_utf8().caused_by(error))
    }

    #[inline]
    pub(super) fn into_bytes(self) -> Bytes {
        self.payload.into()
    }
}

/// The payload of one frame, appended to its message.
pub(super) struct FramePayload {
    message: Message,
    mask: Option<[u8; 4]>,
    /// The offset of the frame in the message.
    start: usize,
    missing: usize,
}

impl FramePayload {
    #[inline]
    pub(super) fn new(message: Message, mask: Option<[u8; 4]>, len: usize) -> Self {
        Self {
            mask,
            start: message.len(),
            missing: len,
            message,
        }
    }

    #[inline]
    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    #[inline]
    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    #[inline]
    pub(super) fn is_worth_a_read_of_its_own(&self) -> bool {
        self.missing >= DIRECT
    }

    /// Takes what has arrived of it.
    #[inline]
    pub(super) fn take_from(&mut self, input: &mut InputBuffer) {
        let bytes = input.bytes();
        let taken = bytes.len().min(self.missing);
        self.reserve(taken);
        self.message.payload.extend_from_slice(&bytes[..taken]);
        self.missing -= taken;
        input.consume(taken);
    }

    /// Reads into the message's own memory; returns 0 at the end of the transport.
    pub(super) fn poll_read(
        &mut self,
        mut io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.reserve(1);
        let payload = &mut self.message.payload;
        let room = (payload.capacity() - payload.len()).min(self.missing);
        let mut room = payload.limit(room);
        let read = ready!(pin!(io.read_buf(&mut room)).poll(cx))?;
        self.missing -= read;
        Poll::Ready(Ok(read))
    }

    /// Makes room for so many bytes at least. The announced length reserves little: from there on
    /// memory grows in proportion to what has arrived, up to that length.
    fn reserve(&mut self, needed: usize) {
        let payload = &mut self.message.payload;
        if payload.capacity() - payload.len() < needed {
            let in_proportion = (payload.len() + needed).saturating_mul(GROWTH);
            let wanted = in_proportion.max(FIRST_RESERVE).max(needed);
            let wanted = wanted.min(self.missing);
            if self.start == 0 {
                payload.reserve_exact(wanted);
            } else {
                // More fragments may follow, each of them small: doubling bounds the moves.
                payload.reserve(wanted);
            }
        }
    }

    /// Unmasks the complete payload, and returns the message it belongs to.
    #[inline]
    pub(super) fn finish(mut self) -> Message {
        if let Some(key) = self.mask {
            mask(key, &mut self.message.payload[self.start..]);
        }
        mem::take(&mut self.message)
    }
}
