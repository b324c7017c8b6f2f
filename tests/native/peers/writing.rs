//! What becomes of bytes for a peer that is slow, full or gone.

use std::io;

use futures::{FutureExt, future::poll_immediate};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};
use wsio::native::{Acceptor, Role};

use super::script::{Act, Taking, meet, meet_with};
use crate::{
    frames::{BINARY, CLOSE, FIN, PING, PONG, frame, frames},
    support::pattern,
};

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
async fn e5_a_flush_of_what_was_lost_is_an_error() {
    let (_meta, stream, taken) = meet([Act::Hesitate, Act::End], Taking::InAll(3)).await;
    let mut io = stream.into_io();
    io.write_all(b"on its way").await.unwrap();
    assert!(io.read(&mut [0; 8]).await.is_err());
    assert!(io.flush().await.is_err());
    assert_eq!(taken.len(), 3);
}

/// tungstenite answers a Ping when it reads, and takes the answer's failure for the end.
#[tokio::test(start_paused = true)]
async fn e2_what_comes_after_a_ping_that_cannot_be_answered_can_still_be_read() {
    let acts = [
        Act::Send(frame(FIN | PING, b"there?")),
        Act::Send(frame(FIN | BINARY, b"the rest")),
        Act::Send(frame(FIN | CLOSE, &1000_u16.to_be_bytes())),
    ];
    let gone = Taking::Failing(io::ErrorKind::BrokenPipe);
    let (_meta, stream, _taken) = meet(acts, gone).await;
    let mut read = Vec::new();
    stream.into_io().read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"the rest");
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
