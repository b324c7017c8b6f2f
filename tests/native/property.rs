//! What comes out is what went in, whatever the schedule and however moody the transport: B, E4.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures::{SinkExt, StreamExt, future::join_all, join};
use proptest::{prelude::*, test_runner::Config};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use wsio::{
    WsIo, WsMessage, WsStream,
    native::{Acceptor, Role},
};

use crate::support::{LONG, pattern};

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    }
}

/// What is random about a case. Everything that happens in it follows from this.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    /// How many bytes each end sends.
    lens: [usize; 2],
    /// How much the pipe holds in one direction.
    capacity: usize,
    write_chunk: usize,
    high_water_mark: usize,
    /// Whether reading and writing are two tasks, or one.
    split: bool,
}

prop_compose! {
    fn case()(
        seed in any::<u64>(),
        lens in [0..6_000_usize, 0..6_000_usize],
        capacity in prop_oneof![1..16_usize, 16..8_192_usize],
        write_chunk in prop_oneof![1..40_usize, 40..10_000_usize],
        high_water_mark in prop_oneof![1..200_usize, 200..50_000_usize],
        split in any::<bool>(),
    ) -> Case {
        Case { seed, lens, capacity, write_chunk, high_water_mark, split }
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn b1_bytes_come_out_as_they_went_in(case in case()) {
        run(&case, |near, far| async {
            let (first, second) = (Dice::new(case.seed ^ 1), Dice::new(case.seed ^ 2));
            let [near_len, far_len] = case.lens;
            // The near end closes once it has everything; the far end reads to the end.
            let near = End::new(near.into_io(), first, near_len, Some(far_len));
            let far = End::new(far.into_io(), second, far_len, None);
            let (read, all) = join!(near.go(case.split), far.go(case.split));
            assert_eq!((read, all), (far_len, near_len));
        });
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn e4_messages_come_out_as_they_went_in(
        case in case(),
        there in messages(),
        back in messages(),
    ) {
        run(&case, |near, far| async {
            let (near_meta, far_meta) = (near.meta(), far.meta());
            let mut dice = Dice::new(case.seed);
            let (near_write, near_read) = near.split();
            let (far_write, far_read) = far.split();
            let work = join_all([
                tokio::task::spawn_local(send(near_write, there.clone(), dice.fork())),
                tokio::task::spawn_local(send(far_write, back.clone(), dice.fork())),
            ]);
            let near_reading = receive(near_read, back.len());
            let far_reading = receive(far_read, there.len());
            let ((near_read, at_near), (far_read, at_far), writers) =
                join!(near_reading, far_reading, work);
            assert_eq!(at_near, back);
            assert_eq!(at_far, there);
            let (closed, end) = join!(near_meta.close_code(1000), far_read.into_future());
            assert!(closed.unwrap().was_clean && end.0.is_none());
            assert!(near_read.into_future().await.0.is_none());
            assert_eq!(far_meta.closed().await.code, 1000);
            drop(writers);
        });
    }
}

fn messages() -> impl Strategy<Value = Vec<WsMessage>> {
    let message = prop_oneof![
        1 => Just(WsMessage::from("")),
        1 => Just(WsMessage::from(Vec::new())),
        4 => "\\PC{0,80}".prop_map(WsMessage::from),
        4 => prop::collection::vec(any::<u8>(), 0..600).prop_map(WsMessage::from),
    ];
    prop::collection::vec(message, 0..24)
}

type Sender = futures::stream::SplitSink<WsStream, WsMessage>;
type Receiver = futures::stream::SplitStream<WsStream>;

async fn send(mut sink: Sender, messages: Vec<WsMessage>, mut dice: Dice) -> Sender {
    for message in messages {
        sink.feed(message).await.unwrap();
        if dice.one_in(3) {
            sink.flush().await.unwrap();
        }
    }
    sink.flush().await.unwrap();
    sink
}

async fn receive(mut stream: Receiver, count: usize) -> (Receiver, Vec<WsMessage>) {
    let mut received = Vec::new();
    while received.len() < count {
        received.push(stream.next().await.unwrap().unwrap());
    }
    (stream, received)
}

/// Runs a case on two ends of a connection. The clock stands still as long as anything moves, so
/// a wake-up that is missed ends the case at once.
fn run<F: Future<Output = ()>>(case: &Case, body: impl FnOnce(WsStream, WsStream) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let running = async {
        let (near, far) = duplex(case.capacity);
        let acceptor = Acceptor::new()
            .write_chunk(case.write_chunk)
            .high_water_mark(case.high_water_mark);
        let near = Moody::new(near, Dice::new(case.seed ^ 3));
        let far = Moody::new(far, Dice::new(case.seed ^ 4));
        let (_, near) = acceptor.adopt(near, Role::Client, "", "").await.unwrap();
        let (_, far) = acceptor.adopt(far, Role::Server, "", "").await.unwrap();
        let hanging = tokio::time::timeout(LONG, body(near, far)).await;
        hanging.expect("a wake-up was missed");
    };
    tokio::task::LocalSet::new().block_on(&runtime, running);
}

/// One end of a connection, used at random.
struct End {
    io: Rc<RefCell<WsIo>>,
    dice: Dice,
    len: usize,
    /// Close once that much has been read, or else read to the end.
    expected: Option<usize>,
}

impl End {
    fn new(io: WsIo, dice: Dice, len: usize, expected: Option<usize>) -> Self {
        let io = Rc::new(RefCell::new(io));
        Self {
            io,
            dice,
            len,
            expected,
        }
    }

    /// How much was read until the end.
    async fn go(mut self, split: bool) -> usize {
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

/// A pipe that takes and gives as much as it likes, and likes to be asked twice.
struct Moody {
    io: DuplexStream,
    dice: Dice,
}

impl Moody {
    fn new(io: DuplexStream, dice: Dice) -> Self {
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
        std::task::ready!(self.poll_mood(cx));
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
        std::task::ready!(self.poll_mood(cx));
        let some = self.dice.size(2_000).min(bytes.len());
        Pin::new(&mut self.io).poll_write(cx, &bytes[..some])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_mood(cx));
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.poll_mood(cx));
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A xorshift generator: the same seed is the same case.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn fork(&mut self) -> Self {
        Self::new(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One to `limit`, small ones as often as large ones.
    fn size(&mut self, limit: usize) -> usize {
        let limit = if self.one_in(2) { limit.min(8) } else { limit };
        1 + self.below(limit)
    }
}
