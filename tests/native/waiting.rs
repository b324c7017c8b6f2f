//! Somebody waits for the end, or has stopped waiting, while others read, write, or do not.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate, join};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::{Instant, timeout},
};
use wsio::{
    ErrorKind, WsMessage, WsMeta, WsState, WsStream,
    native::{Acceptor, Role},
};

use crate::{
    frames::{BINARY, CLOSE, FIN, TEXT, frame, frames},
    support::{Server, drain},
};

const SECOND: Duration = Duration::from_secs(1);

/// A client, and the bare pipe to it.
async fn client(acceptor: Acceptor) -> (WsMeta, WsStream, DuplexStream) {
    let (near, far) = duplex(256 * 1024);
    let (meta, stream) = acceptor.adopt(near, Role::Client, "", "").await.unwrap();
    (meta, stream, far)
}

fn violations() -> [(&'static str, Vec<u8>, ErrorKind); 4] {
    let mut oversize = vec![FIN | BINARY, 127];
    oversize.extend_from_slice(&u64::MAX.to_be_bytes());
    [
        ("reserved opcode", frame(FIN | 3, b""), ErrorKind::Protocol),
        ("bad UTF-8", frame(FIN | TEXT, b"\xff"), ErrorKind::Protocol),
        ("oversize header", oversize, ErrorKind::MessageTooBig),
        (
            "reserved bit",
            frame(FIN | 0x40 | TEXT, b"x"),
            ErrorKind::Protocol,
        ),
    ]
}

/// E2: what came before a violation arrived first, whoever waits for the end meanwhile; and the
/// error is given although the peer is still there, and nothing limits how long it may be.
#[tokio::test(start_paused = true)]
async fn e2_what_came_before_a_violation_is_yielded_whoever_waits() {
    for (name, violation, kind) in violations() {
        for waits in [false, true] {
            let acceptor = Acceptor::new().close_timeout(None);
            let (meta, mut stream, mut far) = client(acceptor).await;
            far.write_all(&frame(FIN | TEXT, b"one")).await.unwrap();
            far.write_all(&frame(FIN | TEXT, b"two")).await.unwrap();
            far.write_all(&violation).await.unwrap();
            if waits {
                let event = timeout(SECOND, meta.closed()).await.expect(name);
                assert_eq!(event.code, 1006, "{name}");
            }
            let drained = timeout(SECOND, drain(&mut stream)).await;
            let (messages, error) = drained.expect(name);
            assert_eq!(messages, ["one".into(), "two".into()], "{name}, {waits}");
            assert_eq!(error.unwrap().kind(), kind, "{name}, {waits}");
            // The peer is told as well, and reads it although it never stopped sending.
            far.write_all(&[0; 1000]).await.unwrap();
            drop((meta, stream));
            let mut told = Vec::new();
            far.shutdown().await.unwrap();
            far.read_to_end(&mut told).await.unwrap();
            let told = frames(&told);
            assert_eq!(told.len(), 1, "{name}");
            assert_eq!(told[0].0, FIN | CLOSE, "{name}");
        }
    }
}

/// E3: whoever stops waiting leaves the handshake under way, also after the stream is gone.
#[tokio::test(start_paused = true)]
async fn e3_a_dropped_close_leaves_the_handshake_under_way() {
    for begins_to_wait_first in [false, true] {
        let (meta, stream, mut far) = client(Acceptor::new()).await;
        if begins_to_wait_first {
            let closing = meta.close_code(1000);
            assert!(poll_immediate(Box::pin(closing)).await.is_none());
        }
        let mut waiting = Box::pin(meta.closed());
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(stream);
        drop(waiting);
        // The peer answers a second later.
        tokio::time::sleep(SECOND).await;
        far.write_all(&frame(FIN | CLOSE, &1000_u16.to_be_bytes()))
            .await
            .unwrap();
        let event = meta.closed().await;
        assert_eq!((u16::from(event.code), event.was_clean), (1000, true));
    }
}

/// E3: and with nobody left who could wait, the background gives up in time.
#[tokio::test(start_paused = true)]
async fn e3_a_handshake_nobody_waits_for_ends_in_time() {
    let (meta, stream, mut far) = client(Acceptor::new()).await;
    let mut waiting = Box::pin(meta.closed());
    assert!(poll_immediate(&mut waiting).await.is_none());
    drop(stream);
    drop(waiting);
    drop(meta);
    let started = Instant::now();
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(frames(&rest)[0].0, FIN | CLOSE);
    assert!(started.elapsed() <= 6 * SECOND);
}

/// E6: a connection whose receiving half is gone still is its sender's, whoever stops waiting.
#[tokio::test(start_paused = true)]
async fn e6_a_dropped_waiter_does_not_end_the_connection_of_a_sender() {
    let (meta, stream, mut far) = client(Acceptor::new()).await;
    let (mut sender, receiver) = stream.split();
    drop(receiver);
    let mut waiting = Box::pin(meta.closed());
    assert!(poll_immediate(&mut waiting).await.is_none());
    drop(waiting);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(meta.ready_state(), WsState::Open);
    sender.send("still here".into()).await.unwrap();
    let mut sent = [0; 16];
    far.read_exact(&mut sent).await.unwrap();
    assert_eq!(frames(&sent), [(FIN | TEXT, b"still here".to_vec())]);
}

/// E3: the close timeout holds for a flush as well.
#[tokio::test(start_paused = true)]
async fn e3_a_flush_after_a_cancelled_close_ends_in_time() {
    let (near, _far) = duplex(16);
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (_meta, mut stream) = adopted.unwrap();
    stream.feed(vec![7; 1000].into()).await.unwrap();
    assert!(poll_immediate(stream.close()).await.is_none());
    let started = Instant::now();
    let error = timeout(60 * SECOND, stream.flush()).await.unwrap();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotOpen);
    assert!(started.elapsed() <= 6 * SECOND);
}

/// B4: write, shut down, then read the answer, of any size.
#[tokio::test]
async fn b4_a_shutdown_does_not_stand_in_the_way_of_the_reader() {
    let server = Server::start().await;
    for size in [100, 200_000, 4_000_000] {
        let (_meta, stream) = server.connect("/echo-bytes").await;
        let mut io = stream.into_io();
        let sent: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        io.write_all(&sent).await.unwrap();
        io.shutdown().await.unwrap();
        let mut read = Vec::new();
        io.read_to_end(&mut read).await.unwrap();
        assert!(read == sent, "{} of {size} bytes", read.len());
    }
}

/// B4: and as slowly as the peer likes, as long as it sends at all.
#[tokio::test(start_paused = true)]
async fn b4_a_slow_answer_is_read_to_its_end() {
    let (_meta, stream, mut far) = client(Acceptor::new()).await;
    let answering = async move {
        for _ in 0..20 {
            tokio::time::sleep(3 * SECOND).await;
            far.write_all(&frame(FIN | BINARY, b"12345")).await.unwrap();
        }
        far.write_all(&frame(FIN | CLOSE, b"")).await.unwrap();
        far
    };
    let asking = async move {
        let mut io = stream.into_io();
        io.write_all(b"request").await.unwrap();
        let started = Instant::now();
        io.shutdown().await.unwrap();
        assert!(started.elapsed() <= 6 * SECOND, "within the close timeout");
        let mut read = Vec::new();
        io.read_to_end(&mut read).await.unwrap();
        read.len()
    };
    let (read, _far) = join!(asking, answering);
    assert_eq!(read, 100);
}

/// B4: a peer that falls silent instead of closing is given up, and that is an error.
#[tokio::test(start_paused = true)]
async fn b4_a_peer_that_falls_silent_after_a_shutdown_is_an_error() {
    let (_meta, stream, mut far) = client(Acceptor::new()).await;
    far.write_all(&frame(FIN | BINARY, b"half")).await.unwrap();
    let mut io = stream.into_io();
    assert!(io.shutdown().await.is_err());
    let mut read = Vec::new();
    let error = io.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(
        (&read[..], error.kind()),
        (&b"half"[..], io::ErrorKind::UnexpectedEof)
    );
}

/// B4: a peer that takes nothing and sends without end holds up neither `shutdown` nor `close`.
#[tokio::test(start_paused = true)]
async fn b4_a_peer_that_only_sends_does_not_hold_up_a_shutdown() {
    let (near, far) = duplex(64);
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (meta, stream) = adopted.unwrap();
    let (mut sender, mut receiver) = stream.split();
    // Nothing is ever read from this half.
    let (_unread, mut far) = tokio::io::split(far);
    let flood = tokio::spawn(async move {
        while far.write_all(&frame(FIN | BINARY, b"more")).await.is_ok() {
            tokio::time::sleep(SECOND).await;
        }
    });
    sender.feed(vec![7; 1000].into()).await.unwrap();
    let reading = async { while receiver.next().await.is_some() {} };
    let closing = async {
        let started = Instant::now();
        sender.close().await.unwrap_err();
        assert!(started.elapsed() <= 6 * SECOND);
    };
    join!(reading, closing);
    assert_eq!(meta.ready_state(), WsState::Closed);
    flood.abort();
}

/// F1, natively: the mark is what it says it is, and so is what is buffered.
#[tokio::test]
async fn f3_the_high_water_mark_is_the_documented_one() {
    let (near, mut far) = duplex(1024);
    let adopted = Acceptor::new().adopt(near, Role::Server, "", "").await;
    let (meta, mut stream) = adopted.unwrap();
    let mut accepted = 0;
    while poll_immediate(stream.feed(vec![7; 10_000].into()))
        .await
        .is_some()
    {
        accepted += 10_000;
    }
    assert!(
        (1 << 20..(1 << 20) + 10_000).contains(&accepted),
        "{accepted}"
    );
    let buffered = meta.buffered_amount();
    assert!(
        buffered > accepted - 1024 && buffered < accepted + 2_000,
        "{buffered}"
    );
    // What the transport takes is not buffered any more.
    let mut taken = vec![0; accepted / 2];
    let flushing = async {
        stream.flush().await.unwrap();
    };
    tokio::select! {
        read = far.read_exact(&mut taken) => drop(read.unwrap()),
        () = flushing => panic!("half of it was not read"),
    }
    let left = meta.buffered_amount();
    assert!(left < buffered - 400_000, "{left} of {buffered}");
}

/// A transport that wakes its task while it is polled, and uses the handle when it is dropped.
struct Meddling {
    io: DuplexStream,
    meta: Arc<Mutex<Option<WsMeta>>>,
    dropped: Arc<AtomicBool>,
}

impl AsyncRead for Meddling {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        cx.waker().wake_by_ref();
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Meddling {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        cx.waker().wake_by_ref();
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Drop for Meddling {
    fn drop(&mut self) {
        if let Some(meta) = &*self.meta.lock().unwrap() {
            let _ = meta.buffered_amount();
        }
        self.dropped.store(true, Ordering::SeqCst);
    }
}

/// A waker that asks the connection something that takes its lock.
struct Asking {
    meta: Arc<Mutex<Option<WsMeta>>>,
    asked: AtomicUsize,
}

impl Wake for Asking {
    fn wake(self: Arc<Self>) {
        if let Some(meta) = &*self.meta.lock().unwrap() {
            let _ = (meta.buffered_amount(), meta.ready_state());
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
    }
}

/// F7: neither a waker nor the drop of a transport finds a lock of ours held.
#[tokio::test]
async fn f7_wakers_and_transports_may_use_the_handle() {
    let shared: Arc<Mutex<Option<WsMeta>>> = Arc::default();
    let dropped = Arc::new(AtomicBool::new(false));
    let (near, far) = duplex(1024);
    let meddling = Meddling {
        io: near,
        meta: Arc::clone(&shared),
        dropped: Arc::clone(&dropped),
    };
    let adopted = Acceptor::new().adopt(meddling, Role::Client, "", "").await;
    let (meta, mut stream) = adopted.unwrap();
    *shared.lock().unwrap() = Some(meta.clone());
    let asking = Arc::new(Asking {
        meta: Arc::clone(&shared),
        asked: AtomicUsize::new(0),
    });
    let waker = Waker::from(Arc::clone(&asking));
    let mut cx = Context::from_waker(&waker);
    assert!(stream.poll_next_unpin(&mut cx).is_pending());
    assert!(
        asking.asked.load(Ordering::SeqCst) > 0,
        "woken while polled"
    );
    drop(far);
    let lost = stream.next().now_or_never().unwrap();
    assert_eq!(lost.unwrap().unwrap_err().kind(), ErrorKind::Lost);
    assert!(dropped.load(Ordering::SeqCst));
    *shared.lock().unwrap() = None;
}

/// A waiter costs a reader nothing: it leaves the connection to it, and still hears of the end.
#[tokio::test]
async fn e3_a_waiter_looks_on_while_somebody_reads() {
    let (meta, mut stream, mut far) = client(Acceptor::new()).await;
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let waiter = tokio::spawn(async move {
        let mut closed = Box::pin(meta.closed());
        std::future::poll_fn(|cx| {
            counted.fetch_add(1, Ordering::SeqCst);
            closed.as_mut().poll(cx)
        })
        .await
    });
    for number in 0..1000_u32 {
        let payload = number.to_be_bytes();
        far.write_all(&frame(FIN | BINARY, &payload)).await.unwrap();
        let message = stream.next().await.unwrap().unwrap();
        assert_eq!(message, WsMessage::from(&payload[..]));
    }
    let polls = polls.load(Ordering::SeqCst);
    assert!(polls < 100, "{polls} polls of the waiter for 1000 messages");
    far.write_all(&frame(FIN | CLOSE, b"")).await.unwrap();
    assert!(stream.next().await.is_none());
    assert_eq!(waiter.await.unwrap().code, 1005);
}

/// And when the reader stops, the waiter drives the connection itself.
#[tokio::test(start_paused = true)]
async fn e3_a_waiter_takes_over_from_a_reader_that_stops() {
    let (meta, mut stream, mut far) = client(Acceptor::new()).await;
    far.write_all(&frame(FIN | BINARY, b"1")).await.unwrap();
    let mut closed = Box::pin(meta.closed());
    assert!(poll_immediate(&mut closed).await.is_none());
    assert!(stream.next().await.unwrap().is_ok());
    // It waits for a message once more, and then never again.
    assert!(poll_immediate(stream.next()).await.is_none());
    far.write_all(&frame(FIN | CLOSE, b"")).await.unwrap();
    let event = timeout(SECOND, closed).await.unwrap();
    assert_eq!(event.code, 1005);
}
