//! The end with a peer that does not quite take part in it.

use std::{io, time::Duration};

use futures::{FutureExt, SinkExt, future::poll_immediate};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};
use wsio::{CloseCode, ErrorKind, WsState, native::Acceptor};

use super::script::{ALL, Act, Taking, meet, meet_with};
use crate::{
    frames::{BINARY, CLOSE, FIN, frame},
    support::drain,
};

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
async fn e3_a_peer_that_cannot_be_written_to_is_given_up() {
    let (meta, _stream, _) = meet([], Taking::Failing(io::ErrorKind::BrokenPipe)).await;
    let before = Instant::now();
    assert!(!meta.close_code(1000).await.unwrap().was_clean);
    assert!(before.elapsed().as_secs() <= 5);
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
