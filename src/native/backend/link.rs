//! A WebSocket over a transport whose type is erased.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite as _, ReadBuf};

use super::{NativeInstant, transport::ByteTransport};
use crate::{
    WsMessage,
    backend::Clock as _,
    error::{Cause, Violation},
    event::CloseFrame,
    target::frames::{
        Role,
        reader::{FrameReader, Incoming, ReadError},
        writer::FrameWriter,
    },
};

/// The protocol of one connection, whatever speaks it: our frames over a transport, or a stream of
/// tokio-tungstenite that was adopted with whatever it had already read.
///
/// Sending never fails by itself: an error shows when flushing, and leaves what has arrived
/// readable.
pub(crate) trait Link: Send {
    /// Receives the next message, or the end of them. Answers Pings on the way.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received>;

    /// Takes a message, to be written by the next flush.
    fn push_message(&mut self, message: WsMessage);

    /// Takes the first `len` of some bytes as a binary message, and writes what the transport
    /// takes at once.
    fn write_message(&mut self, cx: &mut Context<'_>, bytes: &[IoSlice<'_>], len: usize);

    fn push_ping(&mut self);

    /// Takes a Close frame. Whatever is taken after it is discarded.
    fn push_close(&mut self, frame: Option<CloseFrame>);

    /// Returns how many bytes wait for the transport.
    fn buffered(&self) -> usize;

    /// Writes everything that was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>>;

    /// Ends the sending direction of the transport.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Reads past all frames; returns how many bytes, 0 at the end of the transport.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<usize>;

    /// Returns when the transport last delivered something, or `None` if nobody knows.
    fn last_read(&self) -> Option<NativeInstant>;
}

/// The outcome of waiting for a message.
pub(crate) enum Received {
    Message(WsMessage),
    /// The peer's Close frame. Ours, if there was none yet, is to be flushed.
    Close(Option<CloseFrame>),
    Violation(Violation),
    /// The transport is gone.
    Lost(Option<Cause>),
}

/// The number of frames without a message that are read until other tasks get their turn.
pub(super) const FRAMES_PER_POLL: usize = 256;

/// The bytes of answers to Pings that may wait. Beyond them only the latest Ping is answered, which
/// RFC 6455 § 5.5.3 allows, so that a peer that pings and does not read costs no memory.
const PONGS: usize = 4 * 1024;

/// Frames over a transport of our own.
pub(crate) struct FramedLink {
    io: Box<dyn ByteTransport>,
    reader: FrameReader,
    writer: FrameWriter,
    /// The Ping that is answered when there is room.
    ping: Option<Bytes>,
    /// `true` if answers to Pings may not have been flushed.
    is_answering: bool,
    is_close_sent: bool,
    last_read: NativeInstant,
    /// Why writing failed.
    broken: Option<Cause>,
}

impl FramedLink {
    /// `read` is what was read behind the opening handshake.
    pub(crate) fn new(
        io: Box<dyn ByteTransport>,
        role: Role,
        max_message_size: usize,
        read: &[u8],
    ) -> Self {
        Self {
            io,
            reader: FrameReader::new(role, max_message_size, read),
            writer: FrameWriter::new(role),
            ping: None,
            is_answering: false,
            is_close_sent: false,
            last_read: NativeInstant::now(),
            broken: None,
        }
    }

    fn is_writable(&self) -> bool {
        self.broken.is_none() && !self.is_close_sent
    }

    fn record(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.broken = Some(std::sync::Arc::new(error));
            self.writer.clear();
        }
    }

    /// Answers a Ping, unless too many answers wait.
    fn answer(&mut self, payload: Bytes) {
        if !self.is_writable() {
            return;
        }
        if self.writer.len() < PONGS {
            let pushed = self.writer.push_pong(&payload);
            self.record(pushed);
            self.is_answering = true;
        } else {
            self.ping = Some(payload);
            self.is_answering = true;
        }
    }

    /// Drives the answers to Pings, on behalf of the reader.
    fn drive_answers(&mut self, cx: &mut Context<'_>) {
        // A Ping that is kept means that answers wait before it.
        while self.is_answering {
            if self.poll_flush(cx).is_pending() {
                return;
            }
            self.is_answering = false;
            if let Some(payload) = self.ping.take() {
                self.answer(payload);
            }
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, ReadError>> {
        let mut io = TimedReads {
            io: &mut self.io,
            last_read: &mut self.last_read,
        };
        self.reader.poll_next(Pin::new(&mut io), cx)
    }
}

impl Link for FramedLink {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        self.drive_answers(cx);
        for _ in 0..FRAMES_PER_POLL {
            let Poll::Ready(incoming) = self.poll_frame(cx) else {
                self.drive_answers(cx);
                return Poll::Pending;
            };
            let received = match incoming {
                Ok(Incoming::Message(message)) => Received::Message(message),
                Ok(Incoming::Ping(payload)) => {
                    self.answer(payload);
                    continue;
                }
                Ok(Incoming::Nothing) => continue,
                Ok(Incoming::Close(frame)) => {
                    self.push_close(frame.clone());
                    Received::Close(frame)
                }
                Ok(Incoming::Eof) => Received::Lost(None),
                Err(ReadError::Io(error)) => Received::Lost(Some(std::sync::Arc::new(error))),
                Err(ReadError::Violation(violation)) => Received::Violation(violation),
            };
            self.drive_answers(cx);
            return Poll::Ready(received);
        }
        self.drive_answers(cx);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn push_message(&mut self, message: WsMessage) {
        if self.is_writable() {
            let pushed = self.writer.push_message(&message);
            self.record(pushed);
        }
    }

    fn write_message(&mut self, cx: &mut Context<'_>, bytes: &[IoSlice<'_>], len: usize) {
        if self.is_writable() {
            let io = Pin::new(&mut self.io);
            let written = self.writer.write_message(io, cx, bytes, len);
            self.record(written);
        }
    }

    fn push_ping(&mut self) {
        if self.is_writable() {
            let pushed = self.writer.push_ping();
            self.record(pushed);
        }
    }

    fn push_close(&mut self, frame: Option<CloseFrame>) {
        if self.is_writable() {
            let pushed = self.writer.push_close(frame.as_ref());
            self.record(pushed);
            self.is_close_sent = true;
        }
    }

    fn buffered(&self) -> usize {
        self.writer.len()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        if self.broken.is_none() {
            let written = ready!(self.writer.poll_write(Pin::new(&mut self.io), cx));
            self.record(written);
        }
        if self.broken.is_none() {
            let flushed = ready!(Pin::new(&mut self.io).poll_flush(cx));
            self.record(flushed);
        }
        Poll::Ready(self.broken.clone().map_or(Ok(()), Err))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.io).poll_shutdown(cx).map(drop)
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        poll_discard(Pin::new(&mut self.io), cx)
    }

    fn last_read(&self) -> Option<NativeInstant> {
        Some(self.last_read)
    }
}

/// Reads into nowhere.
pub(super) fn poll_discard(
    io: Pin<&mut (impl AsyncRead + ?Sized)>,
    cx: &mut Context<'_>,
) -> Poll<usize> {
    let mut scratch = [0; 4096];
    let mut buf = ReadBuf::new(&mut scratch);
    let read = ready!(io.poll_read(cx, &mut buf));
    Poll::Ready(read.map_or(0, |()| buf.filled().len()))
}

/// Remembers when something was read: a message of 64 MiB over a slow link is minutes of traffic
/// before it is a message, and no sign of a dead peer.
struct TimedReads<'a> {
    io: &'a mut Box<dyn ByteTransport>,
    last_read: &'a mut NativeInstant,
}

impl AsyncRead for TimedReads<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut *self.io).poll_read(cx, buf);
        if read.is_ready() {
            *self.last_read = NativeInstant::now();
        }
        read
    }
}
