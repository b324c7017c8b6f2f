//! A stream of tokio-tungstenite as a link.

use std::{
    collections::VecDeque,
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
    tungstenite::{
        self, Message,
        error::ProtocolError,
        protocol::{
            self,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::{
    NativeInstant,
    link::{FRAMES_PER_POLL, Link, Received, poll_discard},
};
use crate::{
    ErrorKind, WsMessage, WsText,
    error::{Cause, Violation},
    event::{CloseCode, CloseFrame},
    target::frames::writer::FRAME_HEADER,
};

/// The number of Pings that are read before their answers have to be written.
const UNWRITTEN_PONGS: usize = 256;

/// An adopted stream, over a transport that is not ours, with its own configuration.
pub(crate) struct AdoptedLink<S> {
    socket: WebSocketStream<S>,
    /// The size of tungstenite's write buffer, in bytes.
    capacity: usize,
    /// Whether that buffer is empty.
    is_flushed: bool,
    /// An upper bound of the bytes in it.
    buffered: usize,
    /// The messages and fragments that did not fit into it yet.
    held: VecDeque<Message>,
    held_bytes: usize,
    /// How many Pings were read since the buffer was empty.
    unwritten_pongs: usize,
    /// Why sending failed.
    broken: Option<Cause>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AdoptedLink<S> {
    pub(crate) fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            capacity: socket.get_config().max_write_buffer_size,
            socket,
            is_flushed: false,
            buffered: 0,
            held: VecDeque::new(),
            held_bytes: 0,
            unwritten_pongs: 0,
            broken: None,
        }
    }

    fn push(&mut self, message: Message) {
        if self.broken.is_none() {
            self.held_bytes += message.len();
            self.held.push_back(message);
            self.pass_on();
        }
    }

    /// Pushes a message, in fragments if it is larger than the write buffer.
    fn push_data(&mut self, kind: Data, mut payload: Bytes) {
        let most = match self.capacity.saturating_sub(FRAME_HEADER) {
            0 => usize::MAX,
            most => most,
        };
        let mut kind = OpCode::Data(kind);
        while payload.len() > most {
            let fragment = Frame::message(payload.split_to(most), kind, false);
            self.push(Message::Frame(fragment));
            kind = OpCode::Data(Data::Continue);
        }
        self.push(Message::Frame(Frame::message(payload, kind, true)));
    }

    /// Gives tungstenite what fits into its write buffer.
    fn pass_on(&mut self) {
        while let (None, Some(message)) = (&self.broken, self.held.pop_front()) {
            let len = message.len();
            // tungstenite takes a Close frame once only, whether it fits or not.
            let must_fit = message.is_close() && self.capacity != usize::MAX;
            if must_fit && !self.is_flushed {
                return self.held.push_front(message);
            }
            self.held_bytes -= len;
            match Pin::new(&mut self.socket).start_send(message) {
                Ok(()) => self.buffered += len,
                Err(tungstenite::Error::WriteBufferFull(refused)) if !self.is_flushed => {
                    self.held_bytes += refused.len();
                    return self.held.push_front(*refused);
                }
                Err(error) => self.broken = Some(Arc::new(error)),
            }
            self.is_flushed = false;
        }
    }

    /// Writes what tungstenite has taken.
    fn poll_flush_socket(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        use tungstenite::Error as E;
        let flushed = ready!(Pin::new(&mut self.socket).poll_flush(cx));
        self.is_flushed = true;
        self.buffered = 0;
        self.unwritten_pongs = 0;
        match flushed {
            // That the closing handshake is complete is an error to tungstenite.
            Ok(()) | Err(E::ConnectionClosed | E::AlreadyClosed) => {}
            Err(error) => self.broken = Some(Arc::new(error)),
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Link for AdoptedLink<S> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        for _ in 0..FRAMES_PER_POLL {
            // A peer that pings and does not read costs no more memory than this.
            if self.unwritten_pongs >= UNWRITTEN_PONGS {
                ready!(self.poll_flush_socket(cx));
            }
            let received = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => match WsText::try_from(Bytes::from(text)) {
                    Ok(text) => Received::Message(text.into()),
                    Err(error) => Received::Lost(Some(Arc::new(error))),
                },
                Some(Ok(Message::Binary(bytes))) => Received::Message(bytes.into()),
                Some(Ok(Message::Ping(_))) => {
                    // tungstenite answers it by itself, with the next read or flush.
                    self.unwritten_pongs += 1;
                    self.is_flushed = false;
                    continue;
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    self.is_flushed = false;
                    Received::Close(frame.map(|frame| CloseFrame {
                        code: u16::from(frame.code).into(),
                        reason: frame.reason.to_string(),
                    }))
                }
                Some(Err(error)) => judge(error),
                None => Received::Lost(None),
            };
            return Poll::Ready(received);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn push_message(&mut self, message: WsMessage) {
        match message {
            WsMessage::Binary(bytes) => self.push_data(Data::Binary, bytes),
            WsMessage::Text(text) => self.push_data(Data::Text, text.into_bytes()),
        }
    }

    fn write_message(&mut self, _: &mut Context<'_>, bytes: &[IoSlice<'_>], len: usize) {
        let mut message = BytesMut::with_capacity(len);
        for slice in bytes {
            let room = len - message.len();
            message.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        self.push_data(Data::Binary, message.freeze());
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
        self.buffered + self.held_bytes
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        while self.broken.is_none() {
            ready!(self.poll_flush_socket(cx));
            if self.held.is_empty() {
                break;
            }
            self.pass_on();
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

/// Turns an error of tungstenite's into the end of the connection.
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
