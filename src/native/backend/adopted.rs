//! A stream of tokio-tungstenite as a link.

use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes, error::ProtocolError, protocol},
};

use super::{
    NativeInstant,
    link::{Link, Received, poll_discard},
};
use crate::{
    ErrorKind, WsMessage, WsText,
    backend::Violation,
    error::Cause,
    event::{CloseCode, CloseFrame},
};

/// An adopted stream, over a transport that is not ours, with its own configuration.
pub(crate) struct AdoptedLink<S> {
    socket: WebSocketStream<S>,
    /// An upper bound of what tungstenite has not written, in bytes.
    buffered: usize,
    /// Why sending failed.
    broken: Option<Cause>,
}

impl<S> AdoptedLink<S> {
    pub(crate) fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            buffered: 0,
            broken: None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AdoptedLink<S> {
    fn push(&mut self, message: Message) {
        if self.broken.is_none() {
            self.buffered += message.len();
            let sent = Pin::new(&mut self.socket).start_send(message);
            self.broken = sent.err().map(|error| -> Cause { Arc::new(error) });
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link for AdoptedLink<S> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            let received = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => match WsText::try_from(Bytes::from(text)) {
                    Ok(text) => Received::Message(text.into()),
                    Err(error) => Received::Lost(Some(Arc::new(error))),
                },
                Some(Ok(Message::Binary(bytes))) => Received::Message(bytes.into()),
                // tungstenite answers a Ping by itself, with the next read or flush.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => Received::Close(frame.map(|frame| CloseFrame {
                    code: u16::from(frame.code).into(),
                    reason: frame.reason.to_string(),
                })),
                Some(Err(error)) => judge(error),
                None => Received::Lost(None),
            };
            return Poll::Ready(received);
        }
    }

    fn push_message(&mut self, message: WsMessage) {
        self.push(match message {
            WsMessage::Binary(bytes) => Message::Binary(bytes),
            WsMessage::Text(text) => match Utf8Bytes::try_from(text.into_bytes()) {
                Ok(text) => Message::Text(text),
                Err(_) => return,
            },
        });
    }

    fn write_message(&mut self, _: &mut Context<'_>, bytes: &[IoSlice<'_>], len: usize) {
        let mut message = BytesMut::with_capacity(len);
        for slice in bytes {
            let room = len - message.len();
            message.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        self.push(Message::Binary(message.freeze()));
    }

    fn push_ping(&mut self) {
        self.push(Message::Ping(Bytes::new()));
    }

    fn push_close(&mut self, frame: Option<CloseFrame>) {
        self.push(Message::Close(frame.map(|frame| protocol::CloseFrame {
            code: u16::from(frame.code).into(),
            reason: frame.reason.into(),
        })));
    }

    fn buffered(&self) -> usize {
        self.buffered
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        if self.broken.is_none() {
            let flushed = ready!(Pin::new(&mut self.socket).poll_flush(cx));
            self.buffered = 0;
            self.broken = match flushed {
                // That the closing handshake is complete is an error to tungstenite.
                Ok(())
                | Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => {
                    None
                }
                Err(error) => Some(Arc::new(error)),
            };
        }
        Poll::Ready(self.broken.clone().map_or(Ok(()), Err))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(self.socket.get_mut()).poll_shutdown(cx).map(drop)
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        poll_discard(Pin::new(self.socket.get_mut()), cx)
    }

    fn last_read(&self) -> Option<NativeInstant> {
        None
    }
}

/// What an error of tungstenite's means for the connection.
fn judge(error: tungstenite::Error) -> Received {
    use tungstenite::Error as E;
    let (message, code) = match &error {
        E::Capacity(_) => {
            return Received::Violation(Violation::message_too_big().caused_by(error));
        }
        E::Utf8(_) => (
            "the peer sent text that is not UTF-8",
            CloseCode::INVALID_DATA,
        ),
        E::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            return Received::Lost(Some(Arc::new(error)));
        }
        E::Protocol(_) => (
            "the peer violated the WebSocket protocol",
            CloseCode::PROTOCOL,
        ),
        _ => return Received::Lost(Some(Arc::new(error))),
    };
    let violation = Violation::new(ErrorKind::Protocol, message, code);
    Received::Violation(violation.caused_by(error))
}
