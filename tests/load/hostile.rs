//! F6: what a peer sends costs no more memory than was agreed.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::{FutureExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, duplex},
    time::Duration,
};
use wsio::{
    WsMeta, WsStream,
    native::{Acceptor, Role},
    pharos::{Observable, ObserveConfig},
};

use crate::heap;

/// Repeats the same bytes for ever, whole each time, and takes nothing.
struct Flood {
    bytes: Vec<u8>,
    offset: usize,
    reads: Arc<AtomicUsize>,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        while buf.remaining() > 0 {
            let rest = &self.bytes[self.offset..];
            let rest = &rest[..rest.len().min(buf.remaining())];
            buf.put_slice(rest);
            let taken = rest.len();
            self.offset = (self.offset + taken) % self.bytes.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

async fn flooded(frame: &[u8], role: Role) -> (WsMeta, WsStream, Arc<AtomicUsize>) {
    let reads = Arc::default();
    let flood = Flood {
        bytes: frame.to_vec(),
        offset: 0,
        reads: Arc::clone(&reads),
    };
    let (meta, stream) = Acceptor::new().adopt(flood, role, "", "").await.unwrap();
    (meta, stream, reads)
}

/// A Ping of 125 bytes, as a server sends it, and as a client does.
fn ping(role: Role) -> Vec<u8> {
    let mut frame = match role {
        Role::Client => vec![0x89, 125],
        Role::Server => vec![0x89, 0x80 | 125, 0, 0, 0, 0],
    };
    frame.resize(frame.len() + 125, b'p');
    frame
}

#[tokio::test]
async fn f6_pings_of_a_peer_that_never_reads_cost_no_memory() {
    let _alone = heap::alone().await;
    for role in [Role::Client, Role::Server] {
        let (_meta, mut stream, reads) = flooded(&ping(role), role).await;
        let before = heap::allocated();
        // 4 KiB a read at least: some 40 MiB of Pings.
        while reads.load(Ordering::Relaxed) < 10_000 {
            assert!(stream.next().now_or_never().is_none());
        }
        let grown = heap::allocated().saturating_sub(before);
        assert!(grown < 300 * 1024, "{grown} bytes for Pings");
    }
}

/// RFC 6455 § 5.5.3: where answers are left out, it is the latest Ping that is answered.
#[tokio::test]
async fn f6_the_latest_ping_is_answered_when_the_peer_reads_again() {
    let _alone = heap::alone().await;
    let (near, mut far) = duplex(16 * 1024);
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (_meta, mut stream) = adopted.unwrap();
    for number in 0..20_000_u32 {
        let mut frame = vec![0x89, 4];
        frame.extend_from_slice(&number.to_be_bytes());
        far.write_all(&frame).await.unwrap();
        assert!(stream.next().now_or_never().is_none());
    }
    let mut pongs = Vec::new();
    let reading = async {
        use tokio::io::AsyncReadExt as _;
        let mut frame = [0; 10];
        loop {
            far.read_exact(&mut frame).await.unwrap();
            assert_eq!(frame[..2], [0x8A, 0x84]);
            let number: Vec<u8> = (0..4).map(|i| frame[6 + i] ^ frame[2 + i]).collect();
            pongs.push(u32::from_be_bytes(number.try_into().unwrap()));
            if pongs.last() == Some(&19_999) {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        _ = stream.next() => panic!("no message was sent"),
    }
    assert!(pongs.len() < 5_000, "{} answers waited", pongs.len());
    assert!(pongs.is_sorted());
}

#[tokio::test]
async fn f6_an_announced_message_costs_what_has_arrived() {
    let _alone = heap::alone().await;
    // A message of 64 MiB, whole, and in fragments of that size; 10 bytes of it arrive.
    for head in [0x82_u8, 0x02] {
        let mut held = Vec::new();
        let before = heap::allocated();
        for _ in 0..100 {
            let (near, mut far) = duplex(1024);
            let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
            let (meta, mut stream) = adopted.unwrap();
            let mut frame = vec![head, 127];
            frame.extend_from_slice(&(64_u64 << 20).to_be_bytes());
            frame.extend_from_slice(b"only this.");
            far.write_all(&frame).await.unwrap();
            assert!(stream.next().now_or_never().is_none());
            held.push((meta, stream, far));
        }
        let each = (heap::allocated() - before) / held.len();
        assert!(each < 32 * 1024, "{each} bytes for 20 that arrived");
    }
}

#[tokio::test]
async fn f6_a_part_of_a_header_pins_no_buffer() {
    let _alone = heap::alone().await;
    let mut held = Vec::new();
    let before = heap::allocated();
    for _ in 0..200 {
        let (near, mut far) = duplex(1024);
        let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
        let (meta, mut stream) = adopted.unwrap();
        far.write_all(&[0x82]).await.unwrap();
        assert!(stream.next().now_or_never().is_none());
        held.push((meta, stream, far));
    }
    let each = heap::allocated().saturating_sub(before) / held.len();
    assert!(each < 10 * 1024, "{each} bytes for one that arrived");
}

/// Text is held once, from the wire to the reader, and cloning it costs nothing.
#[tokio::test]
async fn f6_text_is_held_once() {
    let _alone = heap::alone().await;
    const SIZE: usize = 16 << 20;
    let (near, mut far) = duplex(1 << 20);
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (_meta, mut stream) = adopted.unwrap();
    let sending = tokio::spawn(async move {
        let mut head = vec![0x81, 127];
        head.extend_from_slice(&(SIZE as u64).to_be_bytes());
        far.write_all(&head).await.unwrap();
        let piece = [b'x'; 64 * 1024];
        for _ in 0..SIZE / piece.len() {
            far.write_all(&piece).await.unwrap();
        }
        far
    });
    let before = heap::allocated();
    let message = stream.next().await.unwrap().unwrap();
    let far = sending.await.unwrap();
    let clones = vec![message.clone(); 10];
    let held = heap::allocated() - before;
    assert!(held < SIZE + (2 << 20), "{held} bytes for a text of {SIZE}");
    assert_eq!(clones[9].as_text().map(str::len), Some(SIZE));
    assert_eq!(message.into_bytes().len(), SIZE);
    drop(far);
}

/// Frames that bring no message, for ever: whoever polls gets its thread back.
#[tokio::test]
async fn f7_a_flood_does_not_hold_the_thread() {
    let _alone = heap::alone().await;
    let floods: [(&str, &[u8]); 3] = [
        ("empty Pongs", &[0x8A, 0]),
        ("empty Pings", &[0x89, 0]),
        ("empty messages", &[0x82, 0]),
    ];
    for (name, frame) in floods {
        let (meta, stream, reads) = flooded(frame, Role::Client).await;
        let mut io = stream.into_io();
        let mut byte = [0; 1];
        // tokio's own budget would end it, where there is one: here is none.
        let read = tokio::task::unconstrained(tokio::io::AsyncReadExt::read(&mut io, &mut byte));
        assert!(read.now_or_never().is_none(), "{name}");
        let after_read = reads.load(Ordering::Relaxed);
        assert!(after_read <= 4, "{name}: {after_read} reads for one poll");
        drop(io);
        let after_drop = reads.load(Ordering::Relaxed) - after_read;
        assert!(after_drop <= 4, "{name}: {after_drop} reads to drop it");
        assert!(meta.closed().now_or_never().is_some());
    }
    // Fragments that never end, without a byte in them.
    let (near, mut far) = duplex(1 << 20);
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (_meta, mut stream) = adopted.unwrap();
    far.write_all(&[0x02, 0]).await.unwrap();
    far.write_all(&[0x00, 0].repeat(100_000)).await.unwrap();
    let next = tokio::task::unconstrained(stream.next());
    assert!(next.now_or_never().is_none());
}

#[tokio::test]
async fn f6_observers_that_come_and_go_leave_nothing_behind() {
    let _alone = heap::alone().await;
    let (near, _far) = duplex(1024);
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (mut meta, _stream) = adopted.unwrap();
    let mut observe = async |times: usize| {
        for _ in 0..times {
            drop(meta.observe(ObserveConfig::default()).await.unwrap());
        }
        heap::allocated()
    };
    let before = observe(10).await;
    let after = observe(10_000).await;
    // The test program itself allocates a little meanwhile; one observer is some hundred bytes.
    assert!(after < before + (64 << 10), "{} bytes", after - before);
}

/// A reader that is slow and someone who waits for the end: what the peer has sent and we do not
/// take is no silence.
#[tokio::test(start_paused = true)]
async fn f6_a_peer_that_is_held_back_is_not_silent() {
    let _alone = heap::alone().await;
    let second = Duration::from_secs(1);
    let (near, mut far) = duplex(8 * 1024);
    let acceptor = Acceptor::new().idle_timeout(second);
    let (meta, mut stream) = acceptor.adopt(near, Role::Client, "", "").await.unwrap();
    let sender = tokio::spawn(async move {
        let mut frame = vec![0x82, 126, 0x10, 0x00];
        frame.resize(4 + 4096, 7);
        for _ in 0..100 {
            far.write_all(&frame).await.unwrap();
        }
        far
    });
    let waiter = tokio::spawn(async move { meta.closed().await });
    for _ in 0..100 {
        tokio::time::sleep(10 * second).await;
        stream.next().await.unwrap().unwrap();
    }
    // From here on it is.
    let far = sender.await.unwrap();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), wsio::ErrorKind::Lost);
    assert_eq!(waiter.await.unwrap().code, 1006);
    drop(far);
}

/// The same where nobody reads, and only a writer polls.
#[tokio::test(start_paused = true)]
async fn f6_an_unread_connection_is_not_silent_to_its_writer() {
    let _alone = heap::alone().await;
    use futures::SinkExt;
    let second = Duration::from_secs(1);
    let (near, mut far) = duplex(64 * 1024);
    let acceptor = Acceptor::new().idle_timeout(second);
    let (_meta, mut stream) = acceptor.adopt(near, Role::Client, "", "").await.unwrap();
    for _ in 0..20 {
        far.write_all(&[0x82, 1, 7]).await.unwrap();
        stream.send("x".into()).await.unwrap();
        tokio::time::sleep(second * 3 / 4).await;
    }
    for _ in 0..20 {
        assert!(stream.next().await.unwrap().is_ok());
    }
}
