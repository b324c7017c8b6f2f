//! The byte transport below a WebSocket, with its type erased.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::{
    self,
    protocol::{Role, frame::coding::Data},
};

use super::NativeInstant;
use crate::target::frames::{
    reader::{Arrived, FrameReader},
    writer::FrameWriter,
};
use crate::{WsMessage, backend::Clock as _};

/// What a WebSocket can run over.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A transport that remembers when it last received something (a message of 64 MiB over a slow
/// link is minutes of traffic before it is a message, and no sign of a dead peer), and that takes
/// nearly all messages past tungstenite.
///
/// It never fails to write: tungstenite answers a Ping when it is asked to read, and would take
/// the peer's having gone for the end of what can be read, whatever still waits there. What cannot
/// be written is thrown away, and [`FramedTransport::write_error`] says so.
///
/// And it takes what tungstenite writes as a whole or not at all, so that there is never a part of
/// a frame on its way when [`FramedTransport::write_message`] writes one of ours.
pub(crate) struct FramedTransport {
    io: Box<dyn Transport>,
    incoming: FrameReader,
    last_read: NativeInstant,
    outgoing: FrameWriter,
    broken: Option<io::Error>,
}

impl FramedTransport {
    pub(crate) fn new(io: impl Transport + 'static) -> Self {
        Self {
            io: Box::new(io),
            incoming: FrameReader::new(),
            last_read: NativeInstant::now(),
            outgoing: FrameWriter::default(),
            broken: None,
        }
    }

    /// Why writing failed, if it did.
    pub(super) fn write_error(&self) -> Option<io::Error> {
        self.broken
            .as_ref()
            .map(|error| match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            })
    }

    /// The opening handshake is past: from here on there are frames.
    pub(super) fn begin(&mut self, role: Role, max_message_size: usize) {
        self.incoming.begin(role, max_message_size);
    }

    /// The next message, or the news that tungstenite has something to read.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<Arrived>> {
        let mut io = Timed {
            io: &mut self.io,
            last_read: &mut self.last_read,
        };
        self.incoming.poll_next(Pin::new(&mut io), cx)
    }

    /// Whether tungstenite was told to wait for the transport, and not for us.
    pub(super) fn is_waiting(&self) -> bool {
        self.incoming.is_for_others()
    }

    /// Reads and throws away until the end.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.io).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Writes the first `len` of some bytes as a binary message; what the operating system does
    /// not take goes before anything that is written later.
    pub(super) fn write_message(
        &mut self,
        cx: &mut Context<'_>,
        role: Role,
        bytes: &[IoSlice<'_>],
        len: usize,
    ) {
        if self.broken.is_none() {
            let io = Pin::new(&mut self.io);
            let written = self.outgoing.write_message(io, cx, role, bytes, len);
            self.note(written);
        }
    }

    /// Takes a message, to be written by the next flush.
    pub(super) fn push_message(&mut self, role: Role, message: &WsMessage) {
        if self.broken.is_none() {
            let kind = if message.is_text() {
                Data::Text
            } else {
                Data::Binary
            };
            let pushed = self.outgoing.push_message(role, kind, message.as_ref());
            self.note(pushed);
        }
    }

    /// Remembers that writing failed.
    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.broken = Some(error);
            self.outgoing.clear();
        }
    }

    /// Whether everything is written, or will never be.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let written = self.outgoing.poll_write(Pin::new(&mut self.io), cx);
        self.note(ready!(written));
        Poll::Ready(())
    }

    pub(super) fn last_read(&self) -> NativeInstant {
        self.last_read
    }
}

impl AsyncRead for FramedTransport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let mut io = Timed {
            io: &mut this.io,
            last_read: &mut this.last_read,
        };
        this.incoming.poll_read(Pin::new(&mut io), cx, buf)
    }
}

/// Notes when something is read.
struct Timed<'a> {
    io: &'a mut Box<dyn Transport>,
    last_read: &'a mut NativeInstant,
}

impl AsyncRead for Timed<'_> {
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

impl AsyncWrite for FramedTransport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_outgoing(cx));
        if this.broken.is_none() {
            match ready!(Pin::new(&mut this.io).poll_write(cx, bytes)) {
                Ok(0) => this.note(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => this.outgoing.push(&bytes[written..]),
                Err(error) => this.note(Err(error)),
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_outgoing(cx));
        if this.broken.is_none() {
            let flushed = ready!(Pin::new(&mut this.io).poll_flush(cx));
            this.note(flushed);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
