//! A pipe with moods.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::dice::Dice;

/// A pipe that takes and gives as much as it likes, and likes to be asked twice.
pub(super) struct Moody {
    io: DuplexStream,
    dice: Dice,
}

impl Moody {
    pub(super) fn new(io: DuplexStream, dice: Dice) -> Self {
        Self { io, dice }
    }

    /// Pending at times, and ready the next time round.
    fn poll_mood(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.dice.one_in(4) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Moody {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_mood(cx));
        let mut space = [0; 2_000];
        let room = self.dice.size(space.len()).min(buf.remaining());
        let mut some = ReadBuf::new(&mut space[..room]);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut some);
        buf.put_slice(some.filled());
        read
    }
}

impl AsyncWrite for Moody {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_mood(cx));
        let some = self.dice.size(2_000).min(bytes.len());
        Pin::new(&mut self.io).poll_write(cx, &bytes[..some])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_mood(cx));
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_mood(cx));
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
