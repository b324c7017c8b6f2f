//! What other crates of this kind get wrong, each shown to be right here, over a pipe to a plain
//! tokio-tungstenite.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate, join};
use tokio::{
    io::{
        AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf,
        duplex,
    },
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, handshake::derive_accept_key, protocol::CloseFrame as TungsteniteClose,
    },
};
use wsio::{
    CloseCode, ErrorKind, WsEvent, WsMeta, WsState, WsStream,
    native::{Acceptor, Role},
    pharos::{Channel, Observable, ObserveConfig},
};

use crate::{
    peers::{BINARY, FIN, TEXT, frame},
    support::{drain, pattern},
};

type Far = WebSocketStream<DuplexStream>;

const PIPE: usize = 16 * 1024;

async fn with(options: Acceptor) -> (WsMeta, WsStream, Far) {
    let (near, far) = duplex(PIPE);
    let adopted = options.adopt(near, Role::Client, "", "").await;
    let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let (meta, stream) = adopted.unwrap();
    (meta, stream, far)
}

async fn connected() -> (WsMeta, WsStream, Far) {
    with(Acceptor::new()).await
}

fn close(code: u16) -> Message {
    Message::Close(Some(TungsteniteClose {
        code: code.into(),
        reason: "".into(),
    }))
}

async fn next(far: &mut Far) -> Message {
    let message = far.next().await.unwrap().unwrap();
    if message.is_close() {
        // tungstenite's answer waits for this; that the connection is over then is no error.
        let _ = far.flush().await;
    }
    message
}

/// What the peer hears until the Close frame, and the code in that.
async fn hears(far: &mut Far) -> (Vec<Message>, Option<u16>) {
    let mut messages = Vec::new();
    loop {
        match next(far).await {
            Message::Close(frame) => return (messages, frame.map(|it| it.code.into())),
            message => messages.push(message),
        }
    }
}

/// `poll_fill_buf` of `async_io_stream` panics on an empty message, so that one frame of a peer
/// brings down whoever reads lines.
#[tokio::test(start_paused = true)]
async fn an_empty_message_does_not_panic_a_buffered_reader() {
    let (_meta, stream, mut far) = connected().await;
    for text in ["", "a", "", "", "b\n", ""] {
        far.feed(text.into()).await.unwrap();
        far.feed(Message::binary(text.to_owned())).await.unwrap();
    }
    far.send(close(1000)).await.unwrap();
    let mut io = stream.into_io();
    let mut line = String::new();
    assert_eq!(io.read_line(&mut line).await.unwrap(), 4);
    assert_eq!(line, "aab\n");
    let mut rest = Vec::new();
    tokio::io::copy_buf(&mut io, &mut rest).await.unwrap();
    assert_eq!(rest, b"b\n");
}

/// `async_io_stream` forgets that it has seen the end, and polls a finished stream once more.
#[tokio::test(start_paused = true)]
async fn the_end_stays_the_end_by_every_way_of_reading() {
    for code in [1000, 1011] {
        let (_meta, stream, mut far) = connected().await;
        far.send(close(code)).await.unwrap();
        let mut io = stream.into_io();
        let first = io.read(&mut [0; 4]).await;
        assert_eq!(first.is_err(), code == 1011);
        for _ in 0..3 {
            assert_eq!(io.read(&mut [0; 4]).await.unwrap(), 0);
            assert!(io.fill_buf().await.unwrap().is_empty());
            let read = futures::AsyncReadExt::read(&mut io, &mut [0; 4]).await;
            assert_eq!(read.unwrap(), 0);
            let filled = futures::AsyncBufReadExt::fill_buf(&mut io).await;
            assert!(filled.unwrap().is_empty());
        }
    }
}

/// `async_io_stream` flushes with a waker that wakes nobody: what a full socket did not take stays
/// until the next write.
#[tokio::test(start_paused = true)]
async fn a_tail_goes_out_without_a_flush() {
    const LEN: usize = 5 * PIPE;
    let (_meta, stream, mut far) = connected().await;
    let mut io = stream.into_io();
    let sent: Vec<_> = (0..LEN).map(pattern).collect();
    io.write_all(&sent).await.unwrap();
    // Nothing is written or flushed any more; somebody waits for the answer.
    let peer = async {
        let mut received = Vec::new();
        while received.len() < LEN {
            received.extend_from_slice(&next(&mut far).await.into_data());
        }
        far.send("got it".into()).await.unwrap();
        received
    };
    let mut answer = [0; 6];
    let (received, read) = join!(peer, io.read_exact(&mut answer));
    read.unwrap();
    assert!(received == sent && &answer == b"got it");
}

/// `async_io_stream` makes an empty message of an empty write, which many peers take for an end.
#[tokio::test(start_paused = true)]
async fn a_zero_length_write_sends_nothing() {
    let (_meta, stream, mut far) = connected().await;
    let mut io = stream.into_io();
    let empty = [IoSlice::new(&[]), IoSlice::new(&[])];
    assert_eq!(io.write(&[]).await.unwrap(), 0);
    assert_eq!(io.write_vectored(&empty).await.unwrap(), 0);
    let written = futures::AsyncWriteExt::write(&mut io, &[]).await;
    assert_eq!(written.unwrap(), 0);
    io.flush().await.unwrap();
    let (shut, heard) = join!(io.shutdown(), hears(&mut far));
    shut.unwrap();
    assert!(heard.0.is_empty(), "{heard:?}");
}

/// `async_io_stream` has neither `AsyncBufRead` nor vectored writes for tokio.
#[tokio::test(start_paused = true)]
async fn a_vectored_write_is_announced_and_one_message() {
    let (_meta, stream, mut far) = connected().await;
    let mut io = stream.into_io();
    assert!(AsyncWrite::is_write_vectored(&io));
    let slices = [b"head".as_slice(), b"", b"body"].map(IoSlice::new);
    assert_eq!(io.write_vectored(&slices).await.unwrap(), 8);
    assert_eq!(next(&mut far).await, Message::binary(b"headbody".to_vec()));
}

/// pharos waits for the slowest bounded observer, and `ws_stream_wasm` closes through pharos: an
/// observer that nobody reads makes `close` wait for ever.
#[tokio::test(start_paused = true)]
async fn a_full_observer_does_not_block_close() {
    let (mut meta, mut stream, mut far) = connected().await;
    let unread = meta.observe(Channel::Bounded(1).into()).await.unwrap();
    let read = meta.observe(ObserveConfig::default()).await.unwrap();
    let (closed, heard, end) = join!(meta.close_code(4000), hears(&mut far), stream.next());
    assert!(closed.unwrap().was_clean);
    assert_eq!(heard.1, Some(4000));
    assert!(end.unwrap().is_err());
    let read: Vec<_> = read.collect().await;
    assert!(read.last().is_some_and(WsEvent::is_closed), "{read:?}");
    drop(unread);
}

/// pharos keeps a slot for every observer that ever was.
#[tokio::test(start_paused = true)]
async fn observers_that_have_gone_disturb_nobody() {
    let (mut meta, stream, mut far) = connected().await;
    for _ in 0..1_000 {
        drop(meta.observe(Channel::Bounded(1).into()).await.unwrap());
    }
    let last = meta.observe(ObserveConfig::default()).await.unwrap();
    let (closed, _) = join!(meta.close(), hears(&mut far));
    assert!(closed.was_clean);
    assert_eq!(last.count().await, 3);
    drop(stream);
}

/// To a reader of `ws_stream_wasm` or `ws_stream_tungstenite` a connection that breaks off looks
/// like the end of the file.
#[tokio::test(start_paused = true)]
async fn truncation_is_not_eof() {
    let (_meta, stream, mut far) = connected().await;
    far.send("half of it".into()).await.unwrap();
    drop(far);
    let mut read = String::new();
    let error = stream.into_io().read_to_string(&mut read).await;
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);

    let (_meta, mut stream, mut far) = connected().await;
    far.send("half of it".into()).await.unwrap();
    drop(far);
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, ["half of it".into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}

/// And so does one that the peer closes with an error code.
#[tokio::test(start_paused = true)]
async fn a_close_with_an_error_code_is_not_eof() {
    let (_meta, stream, mut far) = connected().await;
    far.feed("half of it".into()).await.unwrap();
    far.send(close(4001)).await.unwrap();
    let mut read = Vec::new();
    let error = stream.into_io().read_to_end(&mut read).await.unwrap_err();
    assert_eq!(read, b"half of it");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    let error = error.get_ref().and_then(|it| it.downcast_ref());
    let error: &wsio::Error = error.unwrap();
    assert_eq!(error.close_event().unwrap().code, 4001);
}

/// `ws_stream_wasm` queues without limit for a reader that does not come.
#[tokio::test(start_paused = true)]
async fn an_unread_connection_holds_the_peer_back() {
    let (meta, mut stream, mut far) = connected().await;
    let message = vec![7_u8; 8 * 1024];
    let mut sent = 0;
    {
        // Waiting for the end reads ahead, but not without limit.
        let mut closed = pin!(meta.closed());
        loop {
            assert!(poll_immediate(&mut closed).await.is_none());
            let sending = far.send(Message::binary(message.clone()));
            match poll_immediate(sending).await {
                Some(result) => result.unwrap(),
                None if sent > 0 && poll_immediate(far.flush()).await.is_none() => break,
                None => {}
            }
            sent += 1;
            assert!(sent < 100, "nothing holds the peer back");
        }
    }
    // The last one was taken, too, and nothing is lost.
    sent += 1;
    let reading = async {
        for _ in 0..sent {
            let message = stream.next().await.unwrap().unwrap();
            assert_eq!(message.len(), 8 * 1024);
        }
        assert!(stream.next().await.is_none());
    };
    let closing = async {
        far.send(close(1000)).await.unwrap();
        while far.next().await.is_some() {}
    };
    join!(reading, closing);
}

/// `ws_stream_wasm` takes whatever it is given, for a peer that does not read.
#[tokio::test(start_paused = true)]
async fn a_sender_is_held_back_by_a_peer_that_does_not_read() {
    const HIGH: usize = 100_000;
    let (meta, mut stream, mut far) = with(Acceptor::new().high_water_mark(HIGH)).await;
    let message = vec![7; 10_000];
    let mut sent = 0;
    while let Some(fed) = poll_immediate(stream.feed(message.clone().into())).await {
        fed.unwrap();
        sent += 1;
        assert!(sent < 100, "nothing holds the sender back");
    }
    assert!(meta.buffered_amount() <= HIGH + message.len() + 100);
    // Once the peer reads, it all arrives.
    let (closed, heard) = join!(meta.close(), hears(&mut far));
    assert!(closed.was_clean);
    assert_eq!(heard.0.len(), sent);
}

/// In `ws_stream_wasm` `close` waits for an event whose handler the stream takes along when it is
/// dropped.
#[tokio::test(start_paused = true)]
async fn close_after_drop_of_the_stream_resolves() {
    let (meta, stream, far) = connected().await;
    drop(stream);
    let before = Instant::now();
    meta.close().await;
    assert_eq!(meta.ready_state(), WsState::Closed);
    assert!(before.elapsed().as_secs() <= 5);
    drop(far);

    // While it waits; then it carries the handshake through.
    let (meta, stream, mut far) = connected().await;
    let mut closing = pin!(meta.close_code(4002));
    assert!(poll_immediate(&mut closing).await.is_none());
    drop(stream);
    let (closed, heard) = join!(closing, hears(&mut far));
    assert!(closed.unwrap().was_clean);
    assert_eq!(heard.1, Some(4002));
}

/// `ws_stream_wasm` listens for messages only once `connect` has been polled again after the
/// connection opened, and loses those that came right behind the handshake.
#[tokio::test(start_paused = true)]
async fn messages_right_behind_the_handshake_are_not_lost() {
    let (near, mut far) = duplex(PIPE);
    let near = std::sync::Mutex::new(Some(near));
    let builder = WsMeta::builder("ws://pipe/").connector(move |_, _| {
        let near = near.lock().unwrap().take();
        async { near.ok_or_else(|| io::ErrorKind::AddrInUse.into()) }
    });
    let mut connecting = pin!(builder.connect());
    assert!(poll_immediate(&mut connecting).await.is_none());

    let mut request = vec![0; 4096];
    let len = far.read(&mut request).await.unwrap();
    let request = String::from_utf8(request[..len].to_vec()).unwrap();
    let key = request
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:"))
        .and_then(|line| line.split_once(": "))
        .unwrap()
        .1;
    let accept = derive_accept_key(key.as_bytes());
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes();
    for n in 0..100_u8 {
        answer.extend_from_slice(&frame(FIN | BINARY, &[n]));
    }
    // One segment, and the last word.
    far.write_all(&answer).await.unwrap();
    drop(far);

    let (meta, mut stream) = connecting.await.unwrap();
    meta.closed().await;
    let (messages, error) = drain(&mut stream).await;
    let expected: Vec<_> = (0..100_u8).map(|n| vec![n].into()).collect();
    assert_eq!(messages, expected);
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}

/// A message that cannot be decoded is simply missing from the stream of `ws_stream_wasm`.
#[tokio::test(start_paused = true)]
async fn text_that_is_none_is_an_error() {
    let (_meta, mut stream, far) = connected().await;
    let mut raw = far.into_inner();
    let before = frame(FIN | TEXT, b"fine");
    let bad = frame(FIN | TEXT, b"\xC3\x28");
    raw.write_all(&[before, bad].concat()).await.unwrap();
    let peer = async {
        let mut far = WebSocketStream::from_raw_socket(raw, Role::Server, None).await;
        hears(&mut far).await
    };
    let ((messages, error), heard) = join!(drain(&mut stream), peer);
    assert_eq!(messages, ["fine".into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Protocol);
    assert_eq!(heard, (vec![], Some(1007)));
}

/// A transport that says when it is dropped.
struct Watched(
    DuplexStream,
    #[expect(dead_code, reason = "its drop is what counts")] std::sync::Arc<()>,
);

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Every connection of `ws_stream_wasm` has a task that waits for its Closed event; when the stream
/// is dropped first, that task never ends.
#[tokio::test(start_paused = true)]
async fn a_dropped_stream_leaves_nothing_behind() {
    let runtime = tokio::runtime::Handle::current();
    let before = runtime.metrics().num_alive_tasks();
    let (near, mut far) = duplex(PIPE);
    let alive = std::sync::Arc::new(());
    let near = Watched(near, std::sync::Arc::clone(&alive));
    let adopted = Acceptor::new().adopt(near, Role::Client, "", "").await;
    let (meta, stream) = adopted.unwrap();
    assert_eq!(runtime.metrics().num_alive_tasks(), before);
    drop(stream);
    assert_eq!(runtime.metrics().num_alive_tasks(), before);
    // A handle to it does not keep it, and its Close frame got out.
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent[0], 0x88);
    assert_eq!(meta.ready_state(), WsState::Closed);
}

/// `ws_stream_wasm` calls a subprotocol named twice, and a fragment, an invalid URL alike.
#[tokio::test]
async fn a_bad_subprotocol_is_not_called_a_bad_address() {
    let error = WsMeta::connect("ws://127.0.0.1:1/", ["a", "a"]).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidProtocol);
    let error = WsMeta::connect("ws://127.0.0.1:1/#there", ["a"]).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    assert!(error.to_string().contains("fragment"), "{error}");
}

/// `ws_stream_wasm` takes for granted what events bring, and panics when it is something else.
#[tokio::test(start_paused = true)]
async fn a_code_that_nobody_may_send_is_an_error_and_no_panic() {
    for code in [
        0_u16,
        1,
        999,
        1004,
        1005,
        1006,
        1015,
        1016,
        2999,
        5000,
        u16::MAX,
    ] {
        let (meta, mut stream, far) = connected().await;
        let mut raw = far.into_inner();
        raw.write_all(&frame(0x88, &code.to_be_bytes()))
            .await
            .unwrap();
        let (messages, error) = drain(&mut stream).await;
        assert!(messages.is_empty());
        assert!(error.is_some(), "{code}");
        assert!(meta.closed().await.code != 1000);
    }
}

/// `ws_stream_wasm` has no timeouts of any kind.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    let (near, far) = duplex(PIPE);
    let near = std::sync::Mutex::new(Some(near));
    let builder = WsMeta::builder("ws://pipe/").connector(move |_, _| {
        let near = near.lock().unwrap().take();
        async { near.ok_or_else(|| io::ErrorKind::AddrInUse.into()) }
    });
    let before = Instant::now();
    let error = builder.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(before.elapsed().as_secs(), 30, "the default");
    drop(far);

    let (_meta, mut stream, far) = with(Acceptor::new().idle_timeout(SECOND)).await;
    let before = Instant::now();
    let (_, error) = drain(&mut stream).await;
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
    assert_eq!(before.elapsed().as_secs(), 1);
    drop(far);

    let (meta, _stream, far) = connected().await;
    let before = Instant::now();
    assert!(!meta.close().await.was_clean);
    assert_eq!(before.elapsed().as_secs(), 5, "the default");
    drop(far);
}

const SECOND: Duration = Duration::from_secs(1);

/// While closing, `ws_stream_wasm` does not look at the code it is given.
#[tokio::test(start_paused = true)]
async fn a_bad_code_is_an_error_also_while_closing() {
    let (meta, _stream, mut far) = connected().await;
    let mut closing = pin!(meta.close_code(4000));
    assert!(poll_immediate(&mut closing).await.is_none());
    assert_eq!(meta.ready_state(), WsState::Closing);
    let error = meta.close_code(500).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCloseCode);
    let error = meta.close_reason(1000, "x".repeat(124)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReasonTooLong);
    let (closed, heard) = join!(closing, hears(&mut far));
    assert_eq!(closed.unwrap().code, 4000);
    assert_eq!(heard.1, Some(4000));
    let error = meta.close_code(500).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCloseCode);
}

/// `ws_stream_tungstenite` ends the stream on a message over the limit and tells the peer nothing.
#[tokio::test(start_paused = true)]
async fn too_big_message_is_answered_with_1009() {
    let (_meta, stream, mut far) = with(Acceptor::new().max_message_size(1000)).await;
    far.feed(Message::binary(vec![1; 1000])).await.unwrap();
    far.send(Message::binary(vec![2; 1001])).await.unwrap();
    let mut io = stream.into_io();
    let mut read = Vec::new();
    let (result, heard) = join!(io.read_to_end(&mut read), hears(&mut far));
    assert_eq!(read, [1; 1000]);
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(heard, (vec![], Some(CloseCode::TOO_BIG.into())));

    // Also one of many pieces, none of which is too big.
    let (_meta, mut stream, far) = with(Acceptor::new().max_message_size(1000)).await;
    let mut raw = far.into_inner();
    raw.write_all(&frame(BINARY, &[1; 100])).await.unwrap();
    for _ in 0..10 {
        raw.write_all(&frame(0, &[1; 100])).await.unwrap();
    }
    let peer = async {
        let mut far = WebSocketStream::from_raw_socket(raw, Role::Server, None).await;
        hears(&mut far).await
    };
    let ((messages, error), heard) = join!(drain(&mut stream), peer);
    assert!(messages.is_empty());
    assert_eq!(error.unwrap().kind(), ErrorKind::MessageTooBig);
    assert_eq!(heard.1, Some(1009));
}

/// A text message ends the stream of `ws_stream_tungstenite` as if all were well.
#[tokio::test(start_paused = true)]
async fn text_is_read_or_refused_with_an_error() {
    for refuse in [false, true] {
        let (_meta, stream, mut far) = with(Acceptor::new().refuse_text(refuse)).await;
        let peer = async {
            far.send("text".into()).await.unwrap();
            far.send(close(1000)).await.unwrap();
            hears(&mut far).await
        };
        let mut read = Vec::new();
        let mut io = stream.into_io();
        let (result, heard) = join!(io.read_to_end(&mut read), peer);
        if refuse {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
            assert_eq!((read.len(), heard.1), (0, Some(1003)));
        } else {
            result.unwrap();
            assert_eq!((&read[..], heard.1), (&b"text"[..], Some(1000)));
        }
    }
}

/// Closing `ws_stream_tungstenite` resolves at once, whatever the peer does.
#[tokio::test(start_paused = true)]
async fn close_waits_for_the_peer() {
    let (meta, stream, mut far) = connected().await;
    let mut io = stream.into_io();
    let peer = async {
        tokio::time::sleep(3 * SECOND).await;
        assert_eq!(meta.ready_state(), WsState::Closing);
        hears(&mut far).await
    };
    let before = Instant::now();
    let (shut, _) = join!(io.shutdown(), peer);
    shut.unwrap();
    assert_eq!(before.elapsed().as_secs(), 3);
    assert!(meta.closed().now_or_never().unwrap().was_clean);
}

/// `ws_stream_tungstenite` cannot say why it closes.
#[tokio::test(start_paused = true)]
async fn a_code_and_a_reason_reach_the_peer() {
    let (meta, _stream, mut far) = connected().await;
    let (closed, heard) = join!(meta.close_reason(4321, "because"), next(&mut far));
    let closed = closed.unwrap();
    assert_eq!((closed.code, closed.was_clean), (4321.into(), true));
    let Message::Close(Some(frame)) = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4321, "because")
    );
}

/// `ws_stream_tungstenite` cannot ping.
#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_noticed_by_a_ping() {
    let keepalive = Acceptor::new().keepalive(10 * SECOND, 3 * SECOND);
    let (meta, mut stream, mut far) = with(keepalive).await;
    let begin = Instant::now();
    // As long as it is read, tungstenite answers; then it is as good as dead.
    let peer = async {
        for n in 1..=3 {
            assert!(next(&mut far).await.is_ping());
            assert_eq!(begin.elapsed().as_secs(), 10 * n);
            far.flush().await.unwrap();
        }
    };
    let (end, ()) = join!(drain(&mut stream), peer);
    assert_eq!(end.1.unwrap().kind(), ErrorKind::Lost);
    assert_eq!(begin.elapsed().as_secs(), 30 + 10 + 3);
    assert_eq!(meta.closed().await.code, CloseCode::ABNORMAL);
}
