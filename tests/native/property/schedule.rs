//! Reads, writes, flushes and cancellations in random order.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures::join;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use wsio::WsIo;

use super::dice::Dice;
use crate::support::pattern;

/// One end of a connection, used at random.
pub(super) struct End {
    io: Rc<RefCell<WsIo>>,
    dice: Dice,
    len: usize,
    /// Close once that much has been read, or else read to the end.
    expected: Option<usize>,
}

impl End {
    pub(super) fn new(io: WsIo, dice: Dice, len: usize, expected: Option<usize>) -> Self {
        let io = Rc::new(RefCell::new(io));
        Self {
            io,
            dice,
            len,
            expected,
        }
    }

    /// How much was read until the end.
    pub(super) async fn go(mut self, split: bool) -> usize {
        let mut reading = Reading::new(self.dice.fork(), self.expected);
        let mut writing = Writing::new(self.dice.fork(), self.len);
        if split {
            let (read, write) = (Rc::clone(&self.io), Rc::clone(&self.io));
            let reading = tokio::task::spawn_local(async move {
                poll_fn(|cx| reading.poll(&mut read.borrow_mut(), cx)).await;
                reading
            });
            let writing = tokio::task::spawn_local(async move {
                poll_fn(|cx| writing.poll(&mut write.borrow_mut(), cx)).await;
            });
            let (read, wrote) = join!(reading, writing);
            wrote.unwrap();
            return self.finish(read.unwrap()).await;
        }
        let (mut read, mut wrote) = (false, false);
        poll_fn(|cx| {
            let mut io = self.io.borrow_mut();
            // Either may come first.
            for read_now in [self.dice.one_in(2), false, true] {
                if read_now && !read {
                    read = reading.poll(&mut io, cx).is_ready();
                } else if !read_now && !wrote {
                    wrote = writing.poll(&mut io, cx).is_ready();
                }
            }
            if read && wrote {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        self.finish(reading).await
    }

    /// Closes, or makes sure that it is over.
    async fn finish(self, mut reading: Reading) -> usize {
        if self.expected.is_some() {
            poll_fn(|cx| AsyncWrite::poll_shutdown(Pin::new(&mut *self.io.borrow_mut()), cx))
                .await
                .unwrap();
            reading.expected = None;
        }
        poll_fn(|cx| reading.poll(&mut self.io.borrow_mut(), cx)).await;
        let late =
            poll_fn(|cx| AsyncWrite::poll_write(Pin::new(&mut *self.io.borrow_mut()), cx, b"late"));
        let late = late.await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        reading.count
    }
}

/// Reads in every way there is, and checks what comes.
struct Reading {
    dice: Dice,
    count: usize,
    expected: Option<usize>,
}

impl Reading {
    fn new(dice: Dice, expected: Option<usize>) -> Self {
        Self {
            dice,
            count: 0,
            expected,
        }
    }

    fn poll(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<()> {
        while self.expected.is_none_or(|expected| self.count < expected) {
            // A poll that is not followed by one of the same kind is a read that was dropped.
            let polled = match self.dice.below(6) {
                0 => self.poll_tokio(io, cx),
                1 => self.poll_futures(io, cx),
                2 => self.poll_vectored(io, cx),
                3 => self.poll_nothing(io, cx),
                4 => self.poll_buffered_futures(io, cx),
                _ => self.poll_buffered(io, cx),
            };
            match polled {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(()),
                // What is pending may be asked for again, differently.
                Poll::Pending if self.dice.one_in(2) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// Whether that was not the end.
    fn check(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            assert_eq!(*byte, pattern(self.count), "at {}", self.count);
            self.count += 1;
        }
        !bytes.is_empty()
    }

    fn poll_tokio(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<bool> {
        let mut space = vec![0; self.dice.size(5_000)];
        let mut buf = ReadBuf::new(&mut space);
        let polled = AsyncRead::poll_read(Pin::new(io), cx, &mut buf);
        polled.map(|read| {
            read.unwrap();
            self.check(buf.filled())
        })
    }

    fn poll_futures(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<bool> {
        let mut space = vec![0; self.dice.size(5_000)];
        let polled = futures::AsyncRead::poll_read(Pin::new(io), cx, &mut space);
        polled.map(|read| self.check(&space[..read.unwrap()]))
    }

    fn poll_vectored(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<bool> {
        let [mut one, mut two] = [(); 2].map(|()| vec![0; self.dice.size(300)]);
        let mut slices = [&mut one[..], &mut [], &mut two[..]].map(IoSliceMut::new);
        let polled = futures::AsyncRead::poll_read_vectored(Pin::new(io), cx, &mut slices);
        polled.map(|read| {
            let both = [one, two].concat();
            self.check(&both[..read.unwrap()])
        })
    }

    /// A read into no space is no end.
    fn poll_nothing(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<bool> {
        let mut buf = ReadBuf::new(&mut []);
        let polled = AsyncRead::poll_read(Pin::new(io), cx, &mut buf);
        assert!(matches!(polled, Poll::Ready(Ok(()))));
        Poll::Ready(true)
    }

    fn poll_buffered(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<bool> {
        let polled = AsyncBufRead::poll_fill_buf(Pin::new(&mut *io), cx);
        let Poll::Ready(bytes) = polled.map(|filled| filled.unwrap().to_vec()) else {
            return Poll::Pending;
        };
        // None, some or all of it.
        let amount = self.dice.below(bytes.len() + 1);
        self.check(&bytes[..amount]);
        AsyncBufRead::consume(Pin::new(io), amount);
        Poll::Ready(!bytes.is_empty())
    }

    fn poll_buffered_futures(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<bool> {
        let polled = futures::AsyncBufRead::poll_fill_buf(Pin::new(&mut *io), cx);
        let Poll::Ready(bytes) = polled.map(|filled| filled.unwrap().to_vec()) else {
            return Poll::Pending;
        };
        let amount = self.dice.below(bytes.len() + 1);
        self.check(&bytes[..amount]);
        futures::AsyncBufRead::consume(Pin::new(io), amount);
        Poll::Ready(!bytes.is_empty())
    }
}

/// Writes in every way there is.
struct Writing {
    dice: Dice,
    count: usize,
    len: usize,
}

impl Writing {
    fn new(dice: Dice, len: usize) -> Self {
        Self {
            dice,
            count: 0,
            len,
        }
    }

    fn poll(&mut self, io: &mut WsIo, cx: &mut Context<'_>) -> Poll<()> {
        while self.count < self.len {
            let left = self.len - self.count;
            let size = self.dice.size(6_000).min(left);
            let bytes: Vec<_> = (self.count..self.count + size).map(pattern).collect();
            let (one, two) = bytes.split_at(self.dice.below(size + 1));
            let slices = [one, &[], two].map(IoSlice::new);
            // A write that is pending and is not tried again as it was, is one that was dropped.
            let io = Pin::new(&mut *io);
            let polled = match self.dice.below(8) {
                0 => futures::AsyncWrite::poll_write(io, cx, &bytes),
                1 => futures::AsyncWrite::poll_write_vectored(io, cx, &slices),
                2 | 3 => AsyncWrite::poll_write_vectored(io, cx, &slices),
                4 => AsyncWrite::poll_write(io, cx, &[]),
                5 => AsyncWrite::poll_flush(io, cx).map_ok(|()| 0),
                _ => AsyncWrite::poll_write(io, cx, &bytes),
            };
            match polled {
                Poll::Ready(written) => self.count += written.unwrap(),
                Poll::Pending if self.dice.one_in(2) => {}
                Poll::Pending => return Poll::Pending,
            }
            assert!(self.count <= self.len);
        }
        Poll::Ready(())
    }
}
