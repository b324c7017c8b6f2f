//! A WebSocket with the type of its transport erased.

use std::{
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, protocol::Role},
};

use crate::{WsMessage, target::frames::reader::Arrived};

use super::{NativeInstant, transport::FramedTransport};

/// What the socket needs of tokio-tungstenite. Erased here, at the level of messages, and not at
/// that of the transport, so that a stream that somebody else made can be adopted as it is, with
/// whatever it has already read.
pub(crate) trait Link: Send {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>>;

    fn start_send(&mut self, message: Message) -> tungstenite::Result<()>;

    /// Writes the first `len` of some bytes as a binary message, past tungstenite, which must not
    /// have anything left to write; whether it can. What is not written at once waits for a flush.
    fn write_message(&mut self, cx: &mut Context<'_>, bytes: &[IoSlice<'_>], len: usize) -> bool;

    /// Takes a message past tungstenite, under the same condition; whether it can.
    fn push_message(&mut self, message: &WsMessage) -> bool;

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>>;

    /// Ends the sending direction of the transport.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Reads and throws away, past tungstenite, until the transport ends.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// When the transport last received something, if it is one that remembers.
    fn last_read(&self) -> Option<NativeInstant>;
}

/// An adopted stream, over a transport that is not ours.
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link for WebSocketStream<S> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>> {
        Pin::new(self).poll_next(cx)
    }

    fn start_send(&mut self, message: Message) -> tungstenite::Result<()> {
        Pin::new(self).start_send(message)
    }

    fn write_message(&mut self, _: &mut Context<'_>, _: &[IoSlice<'_>], _: usize) -> bool {
        false
    }

    fn push_message(&mut self, _: &WsMessage) -> bool {
        false
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>> {
        Pin::new(self).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(self.get_mut()).poll_shutdown(cx).map(drop)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(self.get_mut()).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn last_read(&self) -> Option<NativeInstant> {
        None
    }
}

/// A stream over a transport of ours.
pub(crate) fn framed(
    mut socket: WebSocketStream<FramedTransport>,
    role: Role,
    max_message_size: usize,
) -> Box<dyn Link> {
    socket.get_mut().begin(role, max_message_size);
    Box::new(FramedLink {
        socket,
        role,
        is_answering: false,
    })
}

struct FramedLink {
    socket: WebSocketStream<FramedTransport>,
    role: Role,
    /// Whether tungstenite may have an answer to a Ping, which it would give when it reads next.
    is_answering: bool,
}

impl FramedLink {
    /// What tungstenite has not heard of is that writing failed.
    fn judge(&self, sent: tungstenite::Result<()>) -> tungstenite::Result<()> {
        match self.socket.get_ref().write_error() {
            Some(error) => Err(error.into()),
            None => sent,
        }
    }
}

impl Link for FramedLink {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<tungstenite::Result<Message>>> {
        if self.is_answering {
            self.is_answering = Link::poll_flush(&mut self.socket, cx).is_pending();
        }
        loop {
            match ready!(self.socket.get_mut().poll_next(cx)) {
                Ok(Arrived::Message(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(Arrived::Others) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if let Poll::Ready(next) = Link::poll_next(&mut self.socket, cx) {
                self.is_answering |= matches!(next, Some(Ok(Message::Ping(_))));
                return Poll::Ready(next);
            }
            // It has taken a part of a message, and there may be more; or it waits for more.
            if self.socket.get_ref().is_waiting() {
                return Poll::Pending;
            }
        }
    }

    fn start_send(&mut self, message: Message) -> tungstenite::Result<()> {
        let sent = Link::start_send(&mut self.socket, message);
        self.judge(sent)
    }

    fn write_message(&mut self, cx: &mut Context<'_>, bytes: &[IoSlice<'_>], len: usize) -> bool {
        let role = self.role;
        self.socket.get_mut().write_message(cx, role, bytes, len);
        true
    }

    fn push_message(&mut self, message: &WsMessage) -> bool {
        let role = self.role;
        self.socket.get_mut().push_message(role, message);
        true
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<tungstenite::Result<()>> {
        let flushed = ready!(Link::poll_flush(&mut self.socket, cx));
        // Once the closing handshake is complete, tungstenite does not flush the transport.
        ready!(Pin::new(self.socket.get_mut()).poll_flush(cx))?;
        Poll::Ready(self.judge(flushed))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_shutdown(cx)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.get_mut().poll_drain(cx)
    }

    fn last_read(&self) -> Option<NativeInstant> {
        Some(self.socket.get_ref().last_read())
    }
}
