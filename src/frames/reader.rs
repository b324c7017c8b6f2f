//! The reading half of RFC 6455: frames in, messages out.

mod input;
mod message;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use self::{
    input::InputBuffer,
    message::{FramePayload, Message},
};
use super::Role;
use crate::{
    ErrorKind, WsMessage,
    error::Violation,
    event::{CloseCode, CloseFrame},
};

/// The largest payload of a control frame, in bytes (RFC 6455 § 5.5).
const MAX_CONTROL: usize = 125;

/// Parses what a transport delivers, checks every frame against RFC 6455, and assembles messages.
///
/// Memory follows the bytes that arrived: the length in a header reserves nothing, and the shared
/// buffer goes back to the thread's pool whenever a read finds nothing.
pub(crate) struct FrameReader {
    role: Role,
    max_message_size: usize,
    input: InputBuffer,
    /// The frame whose header was read.
    frame: Option<Frame>,
    /// The message of which a fragment was read.
    fragmented: Option<Message>,
}

/// A frame whose payload is not complete.
struct Frame {
    kind: FrameKind,
    payload: FramePayload,
}

#[derive(Clone, Copy)]
enum FrameKind {
    /// A message, or the fragment of one.
    Data {
        is_text: bool,
        is_final: bool,
    },
    Ping,
    Pong,
    Close,
}

/// The content of a frame.
pub(crate) enum Incoming {
    Message(WsMessage),
    Ping(Bytes),
    /// The peer's Close frame; nothing behind it counts.
    Close(Option<CloseFrame>),
    /// A Pong, or a fragment that does not complete its message.
    Nothing,
    /// The transport has ended.
    Eof,
}

/// An error that ends the reading.
pub(crate) enum ReadError {
    Io(io::Error),
    Violation(Violation),
}

impl FrameReader {
    /// `read` is what was read of the frames already.
    pub(crate) fn new(role: Role, max_message_size: usize, read: &[u8]) -> Self {
        Self {
            role,
            max_message_size,
            input: InputBuffer::new(read),
            frame: None,
            fragmented: None,
        }
    }

    /// Reads the next frame.
    pub(crate) fn poll_next(
        &mut self,
        mut io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Incoming, ReadError>> {
        loop {
            // Nearly always the whole frame is there: only a part of one is kept.
            let arrived = match self.frame.take() {
                Some(frame) => Some(frame),
                None => self.next_header()?,
            };
            if let Some(mut frame) = arrived {
                frame.payload.take_from(&mut self.input);
                if frame.payload.is_complete() {
                    return Poll::Ready(self.complete(frame).map_err(Into::into));
                }
                self.frame = Some(frame);
            }
            let payload = self.frame.as_mut().map(|frame| &mut frame.payload);
            let read = match payload {
                Some(payload) if payload.is_worth_a_read_of_its_own() => {
                    self.input.give_back();
                    payload.poll_read(io.as_mut(), cx)
                }
                payload => {
                    let expected = payload.map_or(0, |payload| payload.missing());
                    self.input.poll_fill(io.as_mut(), cx, expected)
                }
            };
            if ready!(read).map_err(ReadError::Io)? == 0 {
                return Poll::Ready(Ok(Incoming::Eof));
            }
        }
    }

    /// Parses and checks the next header, if it is there whole.
    fn next_header(&mut self) -> Result<Option<Frame>, Violation> {
        let mut cursor = io::Cursor::new(self.input.bytes());
        let parsed = FrameHeader::parse(&mut cursor)
            .map_err(|error| broken("reserved opcode").caused_by(error))?;
        let Some((header, len)) = parsed else {
            return Ok(None);
        };
        let head = cursor.position() as usize;
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(broken("reserved bit set without an extension"));
        }
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(broken("frame masked by the server, or not by the client"));
        }
        let frame = match header.opcode {
            OpCode::Control(control) => control_frame(control, &header, len)?,
            OpCode::Data(data) => self.data_frame(data, &header, len)?,
        };
        self.input.consume(head);
        Ok(Some(frame))
    }

    fn data_frame(
        &mut self,
        data: Data,
        header: &FrameHeader,
        len: u64,
    ) -> Result<Frame, Violation> {
        let message = match (data, &self.fragmented) {
            (Data::Text, None) => Message::new(true),
            (Data::Binary, None) => Message::new(false),
            (Data::Continue, Some(_)) => self.fragmented.take().unwrap_or_default(),
            (Data::Continue, None) => return Err(broken("continuation of no message")),
            (Data::Text | Data::Binary, Some(_)) => {
                return Err(broken("new message inside a fragmented one"));
            }
            (Data::Reserved(_), _) => return Err(broken("reserved opcode")),
        };
        let room = self.max_message_size.saturating_sub(message.len());
        let len = usize::try_from(len).ok().filter(|len| *len <= room);
        let Some(len) = len else {
            return Err(Violation::message_too_big());
        };
        let kind = FrameKind::Data {
            is_text: message.is_text,
            is_final: header.is_final,
        };
        let payload = FramePayload::new(message, header.mask, len);
        Ok(Frame { kind, payload })
    }

    /// Turns a complete frame into what it brought.
    fn complete(&mut self, frame: Frame) -> Result<Incoming, Violation> {
        let mut message = frame.payload.finish();
        match frame.kind {
            FrameKind::Data { is_final: true, .. } => message.finish().map(Incoming::Message),
            FrameKind::Data { is_text, .. } => {
                if is_text {
                    message.check_text(false)?;
                }
                self.fragmented = Some(message);
                Ok(Incoming::Nothing)
            }
            FrameKind::Ping => Ok(Incoming::Ping(message.into_bytes())),
            FrameKind::Pong => Ok(Incoming::Nothing),
            FrameKind::Close => close_frame(&message.into_bytes()).map(Incoming::Close),
        }
    }
}

fn control_frame(control: Control, header: &FrameHeader, len: u64) -> Result<Frame, Violation> {
    let len = usize::try_from(len).ok().filter(|len| *len <= MAX_CONTROL);
    let Some(len) = len.filter(|_| header.is_final) else {
        return Err(broken("control frame fragmented, or longer than 125 bytes"));
    };
    let kind = match control {
        Control::Ping => FrameKind::Ping,
        Control::Pong => FrameKind::Pong,
        Control::Close => FrameKind::Close,
        Control::Reserved(_) => return Err(broken("reserved opcode")),
    };
    let payload = FramePayload::new(Message::new(false), header.mask, len);
    Ok(Frame { kind, payload })
}

/// Parses the payload of a Close frame (RFC 6455 § 5.5.1).
fn close_frame(payload: &[u8]) -> Result<Option<CloseFrame>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(None),
            _ => Err(broken("Close frame with half a code")),
        };
    };
    let code = CloseCode::from(u16::from_be_bytes(*code));
    if !code.is_allowed_on_the_wire() {
        return Err(broken("close code that must not be sent"));
    }
    let reason = std::str::from_utf8(reason).map_err(|error| not_utf8().caused_by(error))?;
    Ok(Some(CloseFrame {
        code,
        reason: reason.to_owned(),
    }))
}

fn broken(rule: &'static str) -> Violation {
    let message = "the peer violated the WebSocket protocol";
    Violation::new(ErrorKind::Protocol, message, CloseCode::PROTOCOL)
        .caused_by(io::Error::new(io::ErrorKind::InvalidData, rule))
}

fn not_utf8() -> Violation {
    let message = "the peer sent text that is not UTF-8";
    Violation::new(ErrorKind::Protocol, message, CloseCode::INVALID_DATA)
}

impl From<Violation> for ReadError {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}
