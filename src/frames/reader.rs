//! What arrives, taken apart into frames.

use std::{
    io::{self, Cursor},
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio_tungstenite::tungstenite::{
    self, Message, Utf8Bytes,
    protocol::{
        Role,
        frame::{
            FrameHeader,
            coding::{Data, OpCode},
        },
    },
};

use super::{buffer_pool, http_head::HttpHead, writer::mask};

/// How many bytes are asked for when nothing is known of what comes.
const FIRST: usize = 4 * 1024;

/// What is missing of a message from which on it is read into its own memory: for less, a read
/// that brings the next message, too, is worth more than a copy.
const DIRECT: usize = 64 * 1024;

/// Messages of one frame, which nearly all are, and the bytes that are left for tungstenite:
/// control frames, messages of several frames, and everything that is wrong.
///
/// tungstenite has a read buffer for every connection, which is as large as its largest message
/// was, and zeroes it for every read. Here memory is held only while there is something in it: a
/// message has its own, and what is read ahead is in a buffer of the thread's.
pub(crate) struct FrameReader {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Whether the last read brought all that was asked for.
    is_busy: bool,
    expecting: Expecting,
    limits: Option<(Role, usize)>,
    is_fragmented: bool,
}

enum Expecting {
    Head(HttpHead),
    Frame,
    /// The rest of our message.
    Message(Partial),
    /// So many bytes for tungstenite.
    Others(u64),
    /// Nothing any more; tungstenite is told.
    End,
}

struct Partial {
    is_text: bool,
    mask: Option<[u8; 4]>,
    payload: BytesMut,
    missing: usize,
}

/// What is to be done about what has arrived.
pub(crate) enum Arrived {
    Message(Message),
    /// tungstenite is to be asked.
    Others,
}

impl FrameReader {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Box::default(),
            start: 0,
            end: 0,
            is_busy: false,
            expecting: Expecting::Head(HttpHead::default()),
            limits: None,
            is_fragmented: false,
        }
    }

    /// From here on there are frames.
    pub(crate) fn begin(&mut self, role: Role, max_message_size: usize) {
        self.expecting = Expecting::Frame;
        self.limits = Some((role, max_message_size));
    }

    /// Reads for tungstenite: only what is for it.
    pub(crate) fn poll_read(
        &mut self,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.expecting {
            Expecting::Frame | Expecting::Message(_) => return Poll::Pending,
            Expecting::End => return Poll::Ready(Ok(())),
            Expecting::Head(_) | Expecting::Others(_) => {}
        }
        if self.is_empty() && !ready!(self.poll_fill(io, cx))? {
            return Poll::Ready(Ok(()));
        }
        let there = &self.buffer[self.start..self.end];
        let there = &there[..there.len().min(buf.remaining())];
        let taken = match &mut self.expecting {
            Expecting::Head(head) => head.take(there),
            Expecting::Others(left) => {
                let taken = there
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                if *left == 0 {
                    self.expecting = Expecting::Frame;
                }
                taken
            }
            _ => 0,
        };
        buf.put_slice(&self.buffer[self.start..self.start + taken]);
        self.start += taken;
        Poll::Ready(Ok(()))
    }

    /// Our next message, or what else is next.
    pub(crate) fn poll_next(
        &mut self,
        mut io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<tungstenite::Result<Arrived>> {
        loop {
            match &mut self.expecting {
                Expecting::Frame => {
                    if let Some(arrived) = self.next_frame()? {
                        return Poll::Ready(Ok(arrived));
                    }
                }
                Expecting::Message(partial) if partial.missing > 0 => {}
                Expecting::Message(_) => {
                    return Poll::Ready(self.finish().map(Arrived::Message));
                }
                _ => return Poll::Ready(Ok(Arrived::Others)),
            }
            if !ready!(self.poll_more(io.as_mut(), cx))? {
                self.expecting = Expecting::End;
            }
        }
    }

    /// Whether what comes next is for tungstenite.
    pub(crate) fn is_for_others(&self) -> bool {
        matches!(self.expecting, Expecting::Others(_) | Expecting::End)
    }

    /// More of what is expected; whether there is.
    fn poll_more(
        &mut self,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        match &mut self.expecting {
            Expecting::Message(partial) if partial.missing >= DIRECT => {
                // It is empty: the message has taken all.
                (self.start, self.end) = (0, 0);
                buffer_pool::give_back(mem::take(&mut self.buffer));
                self.is_busy = false;
                partial.poll_read(io, cx)
            }
            _ => {
                let more = ready!(self.poll_fill(io, cx));
                if let Expecting::Message(partial) = &mut self.expecting {
                    self.start += partial.take(&self.buffer[self.start..self.end]);
                }
                Poll::Ready(more)
            }
        }
    }

    /// What is next, if its header is there.
    fn next_frame(&mut self) -> tungstenite::Result<Option<Arrived>> {
        let mut cursor = Cursor::new(&self.buffer[self.start..self.end]);
        let (header, len) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Ok(None),
            Err(_) => {
                // It is tungstenite that says what is wrong.
                self.expecting = Expecting::Others(u64::MAX);
                return Ok(Some(Arrived::Others));
            }
        };
        let head = cursor.position();
        let Some(len) = self.length_of_ours(&header, len) else {
            if let OpCode::Data(_) = header.opcode {
                self.is_fragmented = !header.is_final;
            }
            self.expecting = Expecting::Others(head.saturating_add(len));
            return Ok(Some(Arrived::Others));
        };
        self.start += head as usize;
        let mut partial = Partial {
            is_text: header.opcode == OpCode::Data(Data::Text),
            mask: header.mask,
            payload: BytesMut::with_capacity(len),
            missing: len,
        };
        self.start += partial.take(&self.buffer[self.start..self.end]);
        self.expecting = Expecting::Message(partial);
        Ok(match &self.expecting {
            Expecting::Message(partial) if partial.missing > 0 => None,
            _ => Some(Arrived::Message(self.finish()?)),
        })
    }

    /// The length, if the frame is a message, and one that breaks no rule.
    fn length_of_ours(&self, header: &FrameHeader, len: u64) -> Option<usize> {
        let (role, max) = self.limits?;
        let is_message = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        let is_whole = header.is_final && !self.is_fragmented;
        let is_plain = !(header.rsv1 || header.rsv2 || header.rsv3);
        let is_masked = header.mask.is_some() == (role == Role::Server);
        let len = usize::try_from(len).ok().filter(|len| *len <= max);
        len.filter(|_| is_message && is_whole && is_plain && is_masked)
    }

    /// The message that is complete.
    fn finish(&mut self) -> tungstenite::Result<Message> {
        let expecting = mem::replace(&mut self.expecting, Expecting::Frame);
        let Expecting::Message(partial) = expecting else {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        };
        let mut payload = partial.payload;
        if let Some(bytes) = partial.mask {
            mask(bytes, &mut payload);
        }
        let payload = payload.freeze();
        Ok(if partial.is_text {
            Message::Text(Utf8Bytes::try_from(payload)?)
        } else {
            Message::Binary(payload)
        })
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads more, behind what is there; whether it is not the end.
    fn poll_fill(
        &mut self,
        io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        if self.buffer.is_empty() {
            self.buffer = buffer_pool::take(buffer_pool::SIZE);
        }
        // At most a part of a header is left.
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let wanted = match &self.expecting {
            _ if self.is_busy => buffer_pool::SIZE,
            Expecting::Message(partial) => partial.missing + FIRST,
            _ => FIRST,
        };
        let room = wanted.min(self.buffer.len()).max(self.end);
        let mut buf = ReadBuf::new(&mut self.buffer[self.end..room]);
        let read = io.poll_read(cx, &mut buf);
        let (filled, remaining) = (buf.filled().len(), buf.remaining());
        if self.end + filled == 0 {
            buffer_pool::give_back(mem::take(&mut self.buffer));
        }
        self.is_busy = read.is_ready() && remaining == 0;
        self.end += filled;
        ready!(read)?;
        Poll::Ready(Ok(filled > 0))
    }
}

impl Partial {
    /// Takes what is its own; how much.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.missing);
        self.payload.extend_from_slice(&bytes[..taken]);
        self.missing -= taken;
        taken
    }

    /// Reads into the message itself; whether it is not the end.
    fn poll_read(
        &mut self,
        mut io: Pin<&mut (impl AsyncRead + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let mut room = (&mut self.payload).limit(self.missing);
        let read = ready!(pin!(io.read_buf(&mut room)).poll(cx))?;
        self.missing -= read;
        Poll::Ready(Ok(read > 0))
    }
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        buffer_pool::give_back(mem::take(&mut self.buffer));
    }
}
