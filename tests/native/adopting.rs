//! Streams of tokio-tungstenite that are adopted: E4, F5, F6.

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    SinkExt, StreamExt,
    future::{join, poll_immediate},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};
use wsio::{
    ErrorKind, WsMessage, WsMeta, WsStream,
    native::{Acceptor, from_tungstenite},
};

use crate::{
    frames::{BINARY, CLOSE, CONTINUATION, FIN, PING, TEXT, frames},
    support::{LONG, drain},
};

/// A client of tokio-tungstenite whose write buffer holds `bytes`, and the other end of its pipe.
async fn bounded(bytes: usize, pipe: usize) -> (WebSocketStream<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(pipe);
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_write_buffer_size(bytes);
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, Some(config)).await;
    (socket, far)
}

/// Writes `messages`, closes, and returns the frames that arrived.
async fn sent(bytes: usize, messages: &[WsMessage]) -> Vec<(u8, Vec<u8>)> {
    let (socket, mut far) = bounded(bytes, 16).await;
    let (meta, mut stream) = from_tungstenite(socket);
    let sending = async {
        for message in messages {
            stream.feed(message.clone()).await.unwrap();
        }
        meta.close_code(1000).await.unwrap()
    };
    let reading = async {
        let mut read = Vec::new();
        loop {
            let begin = read.len();
            read_to(&mut far, &mut read, begin + 2).await;
            let (head, len) = (read[begin], read[begin + 1] & 0x7F);
            let len = match len {
                126 => {
                    read_to(&mut far, &mut read, begin + 4).await;
                    2 + usize::from(u16::from_be_bytes([read[begin + 2], read[begin + 3]]))
                }
                len => usize::from(len),
            };
            read_to(&mut far, &mut read, begin + 6 + len).await;
            if head == FIN | CLOSE {
                break;
            }
        }
        far.write_all(&[FIN | CLOSE, 2, 3, 0xE8]).await.unwrap();
        drop(far);
        frames(&read)
    };
    let both = join(sending, reading);
    let (closed, frames) = tokio::time::timeout(LONG, both).await.unwrap();
    assert!(closed.was_clean);
    frames
}

/// Reads until there are `len` bytes.
async fn read_to(far: &mut DuplexStream, read: &mut Vec<u8>, len: usize) {
    while read.len() < len {
        read.push(far.read_u8().await.unwrap());
    }
}

/// The messages that frames are of.
fn messages(frames: &[(u8, Vec<u8>)]) -> Vec<WsMessage> {
    let mut messages = Vec::new();
    let mut is_text = false;
    let mut payload = Vec::new();
    for (head, part) in frames {
        match head & 0x0F {
            CLOSE | PING => continue,
            CONTINUATION => {}
            kind => is_text = kind == TEXT,
        }
        payload.extend_from_slice(part);
        if head & FIN != 0 {
            let payload = std::mem::take(&mut payload);
            messages.push(match is_text {
                true => String::from_utf8(payload).unwrap().into(),
                false => payload.into(),
            });
        }
    }
    messages
}

#[tokio::test(start_paused = true)]
async fn e4_messages_that_fill_the_write_buffer_are_sent() {
    let many: Vec<WsMessage> = (0..100).map(|n| vec![n; 90].into()).collect();
    for bytes in [104, 200, 1000] {
        let frames = sent(bytes, &many).await;
        assert_eq!(messages(&frames), many, "{bytes}");
        assert_eq!(frames.len(), many.len() + 1, "each is one frame");
    }
}

#[tokio::test(start_paused = true)]
async fn e4_a_message_larger_than_the_write_buffer_is_sent_in_fragments() {
    let large = [
        WsMessage::from(vec![7; 1000]),
        WsMessage::from("ü".repeat(500)),
        WsMessage::from(Vec::new()),
        WsMessage::from("short"),
    ];
    for bytes in [20, 100, 1013, 1014, 1015] {
        let frames = sent(bytes, &large).await;
        assert_eq!(messages(&frames), large, "{bytes}");
        assert_eq!(
            frames[0].0,
            if bytes < 1014 { BINARY } else { FIN | BINARY }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn e4_bytes_written_through_a_small_write_buffer_arrive() {
    let (socket, mut far) = bounded(100, 16).await;
    let (_meta, stream) = from_tungstenite(socket);
    let mut io = stream.into_io();
    let bytes: Vec<u8> = (0..100_000).map(crate::support::pattern).collect();
    let writing = async {
        io.write_all(&bytes).await.unwrap();
        io.flush().await.unwrap();
        drop(io);
    };
    let mut read = Vec::new();
    let (_, got) = join(writing, far.read_to_end(&mut read)).await;
    got.unwrap();
    let arrived: Vec<u8> = messages(&frames(&read))
        .into_iter()
        .flat_map(WsMessage::into_bytes)
        .collect();
    assert!(arrived == bytes);
}

#[tokio::test(start_paused = true)]
async fn e5_a_write_buffer_that_holds_no_frame_is_an_error() {
    let (socket, _far) = bounded(1, 1024).await;
    let (_meta, mut stream) = from_tungstenite(socket);
    let error = stream.send("hello".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOpen);
}

#[tokio::test(start_paused = true)]
async fn f5_an_adopted_stream_can_have_options() {
    let second = Duration::from_secs(1);
    let adopt = async |options: Acceptor| {
        let (socket, far) = bounded(usize::MAX, 1024).await;
        let (meta, stream) = options.adopt_tungstenite(socket).unwrap();
        (meta, stream, far)
    };
    for options in [
        Acceptor::new().idle_timeout(second),
        Acceptor::new().keepalive(second / 2, second / 2),
    ] {
        let (_meta, mut stream, _far) = adopt(options).await;
        let before = Instant::now();
        let (_, error) = drain(&mut stream).await;
        assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
        assert_eq!(before.elapsed().as_secs(), 1);
    }
    let (meta, _stream, _far) = adopt(Acceptor::new().close_timeout(second)).await;
    let before = Instant::now();
    assert!(!meta.close().await.was_clean);
    assert_eq!(before.elapsed().as_secs(), 1);

    let (socket, _far) = bounded(usize::MAX, 1024).await;
    let error = Acceptor::new().write_chunk(0).adopt_tungstenite(socket);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidOption);
}

/// Pings without end, and nobody who reads the answers.
struct Flood {
    read: usize,
    /// How many bytes the peer takes.
    room: usize,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(tokio::task::coop::poll_proceed(cx)).made_progress();
        let mut ping = [0; 127];
        ping[..2].copy_from_slice(&[FIN | PING, 125]);
        for _ in 0..buf.remaining() / ping.len() {
            buf.put_slice(&ping);
            self.read += ping.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = bytes.len().min(self.room);
        self.room -= taken;
        if taken == 0 {
            return Poll::Pending;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A transport that is looked at while it is used.
struct Shared(std::sync::Arc<std::sync::Mutex<Flood>>);

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock().unwrap()).poll_shutdown(cx)
    }
}

async fn flooded(room: usize) -> (WsMeta, WsStream, std::sync::Arc<std::sync::Mutex<Flood>>) {
    let flood = std::sync::Arc::new(std::sync::Mutex::new(Flood { read: 0, room }));
    let near = Shared(std::sync::Arc::clone(&flood));
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let (meta, stream) = from_tungstenite(socket);
    (meta, stream, flood)
}

#[tokio::test]
async fn f6_pings_whose_answers_nobody_reads_are_not_read_for_ever() {
    // Each read takes up to 128 KiB, which is tungstenite's buffer.
    const MOST: usize = 1 << 20;
    for is_waited_for in [false, true] {
        let (meta, mut stream, flood) = flooded(0).await;
        for _ in 0..100 {
            if is_waited_for {
                assert!(poll_immediate(pin!(meta.closed())).await.is_none());
            }
            assert!(poll_immediate(stream.next()).await.is_none());
            tokio::task::yield_now().await;
        }
        let read = flood.lock().unwrap().read;
        assert!(read < MOST, "{read} bytes of Pings were read");
    }
}

#[tokio::test]
async fn f6_pings_whose_answers_are_read_are_read_on() {
    let (_meta, mut stream, flood) = flooded(usize::MAX).await;
    for _ in 0..200 {
        assert!(poll_immediate(stream.next()).await.is_none());
        tokio::task::yield_now().await;
    }
    let read = flood.lock().unwrap().read;
    assert!(read > 2 << 20, "only {read} bytes of Pings were read");
}

/// An answer of tungstenite's own must not be in the way of what a program sends.
#[tokio::test(start_paused = true)]
async fn f6_pings_and_messages_go_together() {
    let (socket, far) = bounded(300, 4096).await;
    let (_meta, mut stream) = from_tungstenite(socket);
    let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let peer = async {
        let mut pongs = 0;
        for n in 0..200_u8 {
            far.send(Message::Ping(vec![n; 100].into())).await.unwrap();
            while let Some(Ok(message)) = far.next().await {
                match message {
                    Message::Pong(_) => pongs += 1,
                    Message::Binary(bytes) => {
                        assert_eq!(bytes, vec![n; 1000]);
                        break;
                    }
                    message => panic!("{message:?}"),
                }
            }
        }
        drop(far);
        pongs
    };
    let (mut sink, mut source) = (&mut stream).split();
    let sending = async {
        for n in 0..200_u8 {
            sink.send(vec![n; 1000].into()).await.unwrap();
        }
    };
    let reading = async { while let Some(Ok(_)) = source.next().await {} };
    let both = join(join(sending, reading), peer);
    let (_, pongs) = tokio::time::timeout(LONG, both).await.unwrap();
    assert!(pongs > 0);
}
