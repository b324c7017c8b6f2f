//! Bytes over peers that do one thing each: B, E, F3.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::Instant,
};
use wsio::{
    CloseCode, ErrorKind, WsMeta, WsState, WsStream,
    native::{Acceptor, Role},
};

use crate::support::{drain, pattern};

const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The bit of a frame that is its message's last.
pub(crate) const FIN: u8 = 0x80;

/// A frame as a server sends it, with a short payload. `head` is an opcode, with `FIN` or without.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).ok().filter(|len| *len < 126);
    let mut frame = vec![head, len.unwrap()];
    frame.extend_from_slice(payload);
    frame
}

/// The frames that a client sent: head and payload of each, without the mask.
fn frames(mut sent: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [head, len, rest @ ..] = sent {
        assert_eq!(len & 0x80, 0x80, "a client masks");
        let (len, rest) = match len & 0x7F {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => {
                let len = u64::from_be_bytes(rest[..8].try_into().unwrap());
                (usize::try_from(len).unwrap(), &rest[8..])
            }
            len => (usize::from(len), rest),
        };
        let (mask, rest) = rest.split_at(4);
        let (masked, rest) = rest.split_at(len);
        let payload = masked.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b);
        frames.push((*head, payload.collect()));
        sent = rest;
    }
    frames
}

/// What a peer does next, as seen by who reads from it. After its last act it is silent for ever.
enum Act {
    Send(Vec<u8>),
    /// Sends nothing, and is to be asked again.
    Hesitate,
    End,
    Fail(io::ErrorKind),
}

/// How a peer takes what is written to it.
#[derive(Clone, Copy)]
enum Taking {
    /// At most that many bytes at a time.
    AtMost(usize),
    /// That many bytes in all, and then nothing for ever.
    InAll(usize),
    Failing(io::ErrorKind),
}

const ALL: Taking = Taking::AtMost(usize::MAX);

/// A transport with a script.
struct Peer {
    acts: VecDeque<Act>,
    taking: Taking,
    taken: Arc<Mutex<Vec<u8>>>,
}

/// What was written to a peer.
struct Taken(Arc<Mutex<Vec<u8>>>);

impl Taken {
    fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        frames(&self.0.lock().unwrap())
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A client's end of an open connection to such a peer.
async fn meet(acts: impl Into<VecDeque<Act>>, taking: Taking) -> (WsMeta, WsStream, Taken) {
    meet_with(Acceptor::new(), acts, taking).await
}

async fn meet_with(
    options: Acceptor,
    acts: impl Into<VecDeque<Act>>,
    taking: Taking,
) -> (WsMeta, WsStream, Taken) {
    let taken = Arc::default();
    let peer = Peer {
        acts: acts.into(),
        taking,
        taken: Arc::clone(&taken),
    };
    let (meta, stream) = options.adopt(peer, Role::Client, "", "").await.unwrap();
    (meta, stream, Taken(taken))
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.acts.pop_front() {
            Some(Act::Send(mut bytes)) => {
                let rest = bytes.split_off(bytes.len().min(buf.remaining()));
                buf.put_slice(&bytes);
                if !rest.is_empty() {
                    self.acts.push_front(Act::Send(rest));
                }
                Poll::Ready(Ok(()))
            }
            Some(Act::Hesitate) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Act::End) => {
                self.acts.push_front(Act::End);
                Poll::Ready(Ok(()))
            }
            Some(Act::Fail(kind)) => {
                self.acts.push_front(Act::Fail(kind));
                Poll::Ready(Err(kind.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut taken = self.taken.lock().unwrap();
        let room = match self.taking {
            Taking::AtMost(limit) => limit,
            Taking::InAll(limit) if taken.len() < limit => limit - taken.len(),
            Taking::InAll(_) => return Poll::Pending,
            Taking::Failing(kind) => return Poll::Ready(Err(kind.into())),
        };
        let len = bytes.len().min(room);
        taken.extend_from_slice(&bytes[..len]);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.taking {
            Taking::Failing(kind) => Poll::Ready(Err(kind.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is read before the error, and its kind. There must be one, and only the end behind it.
async fn cut_short(stream: WsStream) -> (Vec<u8>, io::ErrorKind) {
    let mut io = stream.into_io();
    let mut read = Vec::new();
    let error = io.read_to_end(&mut read).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
    }
    (read, error.kind())
}

#[tokio::test(start_paused = true)]
async fn e2_a_peer_that_is_gone_at_once() {
    let (meta, stream, _) = meet([Act::End], ALL).await;
    let (read, error) = cut_short(stream).await;
    assert_eq!((read.len(), error), (0, io::ErrorKind::UnexpectedEof));
    assert_eq!(meta.closed().await.code, CloseCode::ABNORMAL);
}

#[tokio::test(start_paused = true)]
async fn e2_a_peer_that_fails_in_the_middle_of_a_frame() {
    let whole = frame(FIN | BINARY, b"whole");
    let cut = frame(FIN | BINARY, b"cut off")[..5].to_vec();
    for end in [
        Act::End,
        Act::Fail(io::ErrorKind::ConnectionReset),
        Act::Fail(io::ErrorKind::TimedOut),
        Act::Fail(io::ErrorKind::Other),
    ] {
        let acts = [Act::Send(whole.clone()), Act::Send(cut.clone()), end];
        let (meta, stream, _) = meet(acts, ALL).await;
        let (read, error) = cut_short(stream).await;
        assert_eq!(read, b"whole");
        assert_eq!(error, io::ErrorKind::UnexpectedEof);
        assert!(!meta.closed().await.was_clean);
    }
}

#[tokio::test(start_paused = true)]
async fn e2_a_peer_that_fails_in_the_middle_of_a_message() {
    let acts = [
        Act::Send(frame(FIN | BINARY, b"whole")),
        Act::Send(frame(BINARY, b"half a ")),
        Act::End,
    ];
    let (_meta, stream, _) = meet(acts, ALL).await;
    let (read, error) = cut_short(stream).await;
    assert_eq!(read, b"whole");
    assert_eq!(error, io::ErrorKind::UnexpectedEof);
}

#[tokio::test(start_paused = true)]
async fn b1_a_peer_that_gives_one_byte_at_a_time() {
    let message = [
        frame(FIN | BINARY, b"one "),
        frame(FIN | TEXT, b""),
        frame(TEXT, b"two "),
        frame(FIN | PING, b"in between"),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, "thrée".as_bytes()),
        frame(FIN | CLOSE, &1000_u16.to_be_bytes()),
    ];
    let bytes = message.concat();
    let hesitant = bytes
        .iter()
        .flat_map(|byte| [Act::Hesitate, Act::Send(vec![*byte])]);
    let (meta, stream, taken) = meet(hesitant.collect::<VecDeque<_>>(), ALL).await;
    let mut text = String::new();
    stream.into_io().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "one two thrée");
    assert_eq!(meta.closed().await.code, 1000);
    let answers = [
        (FIN | PONG, b"in between".to_vec()),
        (FIN | CLOSE, vec![0x03, 0xE8]),
    ];
    assert_eq!(taken.frames(), answers);
}

#[tokio::test(start_paused = true)]
async fn b2_a_peer_that_takes_one_byte_at_a_time() {
    let options = Acceptor::new().write_chunk(1000);
    let (meta, stream, taken) = meet_with(options, [], Taking::AtMost(1)).await;
    let mut io = stream.into_io();
    let bytes: Vec<_> = (0..3500).map(pattern).collect();
    io.write_all(&bytes).await.unwrap();
    io.flush().await.unwrap();
    assert_eq!(meta.buffered_amount(), 0);
    let frames = taken.frames();
    let sizes: Vec<_> = frames.iter().map(|(_, payload)| payload.len()).collect();
    assert_eq!(sizes, [1000, 1000, 1000, 500]);
    assert!(frames.iter().all(|(head, _)| *head == FIN | BINARY));
    let payloads: Vec<_> = frames
        .into_iter()
        .flat_map(|(_, payload)| payload)
        .collect();
    assert_eq!(payloads, bytes);
}

#[tokio::test(start_paused = true)]
async fn f3_a_peer_that_takes_nothing_bounds_what_waits() {
    const HIGH: usize = 10_000;
    const CHUNK: usize = 3_000;
    let options = Acceptor::new().high_water_mark(HIGH).write_chunk(CHUNK);
    let (meta, stream, taken) = meet_with(options, [], Taking::InAll(500)).await;
    let mut io = stream.into_io();
    let mut accepted = 0;
    while let Some(written) = poll_immediate(io.write(&[1; 1 << 20])).await {
        accepted += written.unwrap();
        assert!(accepted <= HIGH + CHUNK, "{accepted}");
    }
    assert!(accepted >= HIGH, "{accepted}");
    assert_eq!(taken.len(), 500);
    assert!(meta.buffered_amount() <= HIGH + CHUNK + 200);
    assert!(poll_immediate(io.flush()).await.is_none());

    let before = Instant::now();
    let closed = meta.close().await;
    assert_eq!(before.elapsed().as_secs(), 5, "the close timeout");
    assert!(!closed.was_clean);
    assert_eq!(meta.buffered_amount(), 0);
    assert_eq!(
        io.write(b"late").await.unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
}

#[tokio::test(start_paused = true)]
async fn b4_a_peer_that_takes_nothing_does_not_hold_up_shutdown() {
    let timeout = Duration::from_millis(1500);
    for taking in [Taking::InAll(0), Taking::InAll(3), ALL] {
        let options = Acceptor::new().close_timeout(timeout);
        let (_meta, stream, _) = meet_with(options, [], taking).await;
        let mut io = stream.into_io();
        io.write_all(b"some").await.unwrap();
        let before = Instant::now();
        let error = io.shutdown().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let elapsed = before.elapsed();
        assert!(elapsed >= timeout && elapsed < timeout * 2, "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn e2_what_came_before_a_failed_write_can_still_be_read() {
    let acts = [
        Act::Send(frame(FIN | BINARY, b"before ")),
        Act::Send(frame(FIN | BINARY, b"the end")),
        Act::End,
    ];
    let (_meta, stream, _) = meet(acts, Taking::Failing(io::ErrorKind::BrokenPipe)).await;
    let mut io = stream.into_io();
    for _ in 0..2 {
        let error = io.write(b"into the void").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(io.flush().await.is_err());
    }
    let mut read = Vec::new();
    let error = io.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"before the end");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test(start_paused = true)]
async fn e3_a_peer_that_cannot_be_written_to_is_given_up() {
    let (meta, _stream, _) = meet([], Taking::Failing(io::ErrorKind::BrokenPipe)).await;
    let before = Instant::now();
    assert!(!meta.close_code(1000).await.unwrap().was_clean);
    assert!(before.elapsed().as_secs() <= 5);
}

#[tokio::test(start_paused = true)]
async fn e2_a_half_open_connection_is_a_lost_one() {
    // The peer says no more, without a Close frame, but takes everything.
    let acts = [Act::Send(frame(FIN | BINARY, b"last words")), Act::End];
    let (meta, mut stream, taken) = meet(acts, ALL).await;
    stream.send(vec![1].into()).await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, [b"last words".to_vec().into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
    let error = stream.send(vec![2].into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotOpen);
    assert_eq!(meta.close().await.code, CloseCode::ABNORMAL);
    assert_eq!(taken.frames(), [(FIN | BINARY, vec![1])]);
}

#[tokio::test(start_paused = true)]
async fn e1_a_peer_that_closes_and_says_no_more() {
    // Its Close is answered, and that is the end: what the transport does then is no concern.
    let acts = [
        Act::Send(frame(FIN | BINARY, b"all")),
        Act::Send(frame(FIN | CLOSE, b"\x03\xE9going")),
    ];
    let (meta, stream, taken) = meet(acts, ALL).await;
    let mut io = stream.into_io();
    let mut read = Vec::new();
    let before = Instant::now();
    io.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"all");
    let closed = meta.closed().now_or_never().unwrap();
    assert_eq!(
        (closed.code, closed.reason.as_str()),
        (1001.into(), "going")
    );
    io.shutdown().await.unwrap();
    assert!(before.elapsed().is_zero());
    let [(head, payload)] = &taken.frames()[..] else {
        panic!("not one frame");
    };
    assert_eq!((*head, &payload[..2]), (FIN | CLOSE, &b"\x03\xE9"[..]));
}

#[tokio::test(start_paused = true)]
async fn b4_a_flush_with_nothing_to_flush_is_no_error_at_the_end() {
    // As on a socket: copying loops flush what they have long since flushed once more at the end.
    let close = frame(FIN | CLOSE, &1000_u16.to_be_bytes());
    let (_meta, stream, _) = meet([Act::Send(close.clone())], ALL).await;
    let mut io = stream.into_io();
    io.write_all(b"sent").await.unwrap();
    io.flush().await.unwrap();
    assert_eq!(io.read(&mut [0; 8]).await.unwrap(), 0);
    io.flush().await.unwrap();
    io.shutdown().await.unwrap();
    io.flush().await.unwrap();

    // While our own Close frame is not answered yet: `Framed` flushes before every shutdown poll.
    let acts = [Act::Hesitate, Act::Hesitate, Act::Send(close)];
    let (meta, stream, _) = meet(acts, ALL).await;
    let mut io = stream.into_io();
    assert!(poll_immediate(io.shutdown()).await.is_none());
    assert_eq!(meta.ready_state(), WsState::Closing);
    io.flush().await.unwrap();
    io.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn e5_a_flush_of_what_was_lost_is_an_error() {
    let (_meta, stream, taken) = meet([Act::Hesitate, Act::End], Taking::InAll(3)).await;
    let mut io = stream.into_io();
    io.write_all(b"on its way").await.unwrap();
    assert!(io.read(&mut [0; 8]).await.is_err());
    assert!(io.flush().await.is_err());
    assert_eq!(taken.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn e1_a_peer_that_closes_in_the_middle_of_a_message() {
    // The pieces of a message that was not finished are none of its bytes.
    for (code, is_error) in [(1000_u16, false), (1011, true)] {
        let acts = [
            Act::Send(frame(FIN | BINARY, b"whole")),
            Act::Send(frame(BINARY, b"half a ")),
            Act::Send(frame(FIN | CLOSE, &code.to_be_bytes())),
        ];
        let (meta, mut stream, _) = meet(acts, ALL).await;
        let (messages, error) = drain(&mut stream).await;
        assert_eq!(messages, [b"whole".to_vec().into()]);
        assert_eq!(error.is_some(), is_error);
        assert_eq!(meta.closed().await.code, code);
    }
}

#[tokio::test(start_paused = true)]
async fn f3_a_length_that_cannot_be_is_an_error() {
    for (len, code) in [
        (1_u64 << 63, None),
        ((1 << 63) - 1, Some(1009_u16)),
        (u64::MAX, None),
        ((64 << 20) + 1, Some(1009)),
    ] {
        let mut lie = vec![FIN | BINARY, 127];
        lie.extend_from_slice(&len.to_be_bytes());
        lie.extend_from_slice(b"not that much");
        let acts = [Act::Send(frame(FIN | BINARY, b"before")), Act::Send(lie)];
        let (meta, stream, taken) = meet(acts, ALL).await;
        let before = Instant::now();
        let (read, error) = cut_short(stream).await;
        assert_eq!(read, b"before");
        assert_eq!(error, io::ErrorKind::InvalidData, "{len}");
        // The peer was told, and waited for no longer than for any other closing handshake.
        assert!(before.elapsed().as_secs() <= 5);
        assert_eq!(meta.closed().await.code, CloseCode::ABNORMAL);
        let [(head, payload)] = &taken.frames()[..] else {
            panic!("not one frame");
        };
        assert_eq!(*head, FIN | CLOSE);
        let told = u16::from_be_bytes([payload[0], payload[1]]);
        // The topmost bit must be 0 (RFC 6455 § 5.2): too big, or against the rules.
        let possible = code.map_or(vec![1002, 1009], |code| vec![code]);
        assert!(possible.contains(&told), "{len}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn b3_a_flood_of_pings_loses_no_data() {
    const PINGS: usize = 5_000;
    let (near, far) = tokio::io::duplex(300);
    let adopting = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (_meta, stream) = adopting.unwrap();
    let (mut far_read, mut far_write) = tokio::io::split(far);
    let flooding = async move {
        for n in 0..PINGS {
            let ping = frame(FIN | PING, &n.to_be_bytes());
            let data = frame(FIN | BINARY, &[pattern(n)]);
            far_write.write_all(&ping).await.unwrap();
            far_write.write_all(&data).await.unwrap();
        }
        let close = frame(FIN | CLOSE, &1000_u16.to_be_bytes());
        far_write.write_all(&close).await.unwrap();
        far_write
    };
    let listening = async move {
        let mut sent = Vec::new();
        far_read.read_to_end(&mut sent).await.unwrap();
        sent
    };

    let mut io = stream.into_io();
    // Much more than the pipe takes; from here on there are only reads.
    let mut accepted = 0;
    while accepted < 3_000 {
        let byte = [pattern(accepted)];
        accepted += io.write(&byte).now_or_never().unwrap().unwrap();
    }
    let reading = async move {
        let mut read = Vec::new();
        io.read_to_end(&mut read).await.unwrap();
        read
    };
    let (_far_write, sent, read) = futures::join!(flooding, listening, reading);
    assert!(read == (0..PINGS).map(pattern).collect::<Vec<_>>());
    let frames = frames(&sent);
    let data = frames.iter().filter(|(head, _)| *head == FIN | BINARY);
    let data: Vec<_> = data.flat_map(|(_, payload)| payload.clone()).collect();
    assert!(data == (0..accepted).map(pattern).collect::<Vec<_>>());
    // Only the last of several Pings has to be answered (RFC 6455 § 5.5.3).
    let pongs: Vec<_> = frames.iter().filter(|it| it.0 == FIN | PONG).collect();
    assert!(!pongs.is_empty());
    let numbers = pongs.iter().map(|(_, payload)| payload);
    assert!(numbers.is_sorted(), "the answers are in order");
    assert_eq!(frames.last().unwrap().0, FIN | CLOSE);
}

#[tokio::test(start_paused = true)]
async fn e2_nonsense_is_an_error_and_no_panic() {
    for head in 0..=u8::MAX {
        for len in [0, 1, 2, 125, 126, 127, 128, 255] {
            let mut bytes = frame(FIN | BINARY, b"before");
            bytes.extend_from_slice(&[head, len, 0xFF, 0xFE, 0, 0xC3]);
            let (_meta, mut stream, _) = meet([Act::Send(bytes), Act::End], ALL).await;
            let (messages, error) = drain(&mut stream).await;
            assert_eq!(messages.first(), Some(&b"before".to_vec().into()));
            // Only an empty Close frame makes this an ordinary end.
            assert_eq!(
                error.is_none(),
                (head, len) == (FIN | CLOSE, 0),
                "{head} {len}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn e2_a_message_of_many_empty_pieces_is_no_end() {
    let mut acts = VecDeque::from([Act::Send(frame(BINARY, b"a"))]);
    for _ in 0..10_000 {
        acts.push_back(Act::Send(frame(CONTINUATION, b"")));
        acts.push_back(Act::Send(frame(FIN | PONG, b"")));
    }
    acts.push_back(Act::Send(frame(FIN | CONTINUATION, b"b")));
    acts.push_back(Act::Send(frame(FIN | CLOSE, b"")));
    let (_meta, mut stream, _) = meet(acts, ALL).await;
    assert_eq!(stream.next().await.unwrap().unwrap(), b"ab".to_vec().into());
    assert!(stream.next().await.is_none());
}
