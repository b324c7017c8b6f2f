//! F1 in a browser: what waits to be sent is bounded, and waiting costs next to nothing.

use std::{future::poll_fn, pin::pin, time::Duration};

use futures::{
    FutureExt, SinkExt, StreamExt,
    future::{Either, select},
};
use tokio::io::AsyncWriteExt;
use wsio::ErrorKind;

use crate::{
    memory::{self, Tab},
    support::{SHORT, Server, drain, pause, test},
};

/// What sockets and the operating system may hold on the way to a server that does not read.
const BOUND: usize = 32 << 20;
const MARK: usize = 1 << 20;

#[test]
async fn f1_two_gibibytes_to_a_server_that_does_not_read() {
    let server = Server::start().await;
    let builder = server.builder("/stall").close_timeout(SHORT);
    let tab = Tab::start().await;
    let before = memory::module();
    let (meta, mut stream) = builder.connect().await.unwrap();
    let message = bytes::Bytes::from(vec![0; 64 * 1024]);
    let mut accepted = 0;
    while accepted < 2 << 30 {
        // Long enough for all to move that will.
        let sending = stream.send(message.clone().into());
        match within(SHORT * 3, sending).await {
            Some(sent) => sent.unwrap(),
            None => break,
        }
        accepted += message.len();
        assert!(accepted < BOUND, "nothing holds the sender back");
    }
    let waiting = meta.buffered_amount();
    assert!(
        (MARK..=MARK + message.len()).contains(&waiting),
        "{waiting}"
    );
    let grown = memory::module() - before;
    assert!(grown < 4 << 20, "{grown}");
    tab.assert_grown_at_most(BOUND as u64).await;

    assert_waits_quietly(stream.send(message.into())).await;

    let closed = meta.close().await;
    assert_eq!((u16::from(closed.code), closed.was_clean), (1006, false));
    let (messages, error) = drain(&mut stream).await;
    assert!(messages.is_empty());
    assert_eq!(error.unwrap().kind(), ErrorKind::Lost);
}

/// What a future gives within a time, if it does.
async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    match select(pin!(future), pin!(pause(time))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Nothing moves: there is no reason to look again and again.
async fn assert_waits_quietly(waiting: impl Future) {
    let mut waiting = pin!(waiting);
    let mut looks = 0;
    let counted = poll_fn(|cx| {
        looks += 1;
        waiting.poll_unpin(cx).map(drop)
    });
    assert!(within(SHORT * 5, counted).await.is_none());
    assert!(looks < 60, "{looks} looks in a second");
}

/// How long it takes to send 8 MiB, in milliseconds; the best of three.
async fn milliseconds(mark: usize) -> f64 {
    let server = Server::start().await;
    let message = bytes::Bytes::from(vec![0; 64 * 1024]);
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let builder = server.builder("/sink").high_water_mark(mark);
        let (_meta, mut stream) = builder.connect().await.unwrap();
        let start = js_sys::Date::now();
        for _ in 0..128 {
            stream.send(message.clone().into()).await.unwrap();
        }
        stream.send("done".into()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        best = best.min(js_sys::Date::now() - start);
    }
    best
}

#[test]
async fn f1_waiting_again_and_again_costs_little() {
    let unbounded = milliseconds(usize::MAX).await;
    // Waits for almost every message; by timers alone, of 4 ms, that would be half a second.
    let bounded = milliseconds(64 * 1024).await;
    assert!(bounded < 4.0 * unbounded, "{bounded} ms, {unbounded} ms");
}

#[test]
async fn f1_bytes_are_held_back_as_messages_are() {
    let server = Server::start().await;
    let builder = server.builder("/stall");
    let builder = builder.high_water_mark(200_000).write_chunk(50_000);
    let (meta, stream) = builder.close_timeout(SHORT).connect().await.unwrap();
    let mut io = stream.into_io();
    let bytes = vec![1; BOUND];
    let writing = io.write_all(&bytes);
    assert!(within(SHORT * 3, writing).await.is_none());
    let waiting = meta.buffered_amount();
    assert!((200_000..250_000).contains(&waiting), "{waiting}");
    assert!(!meta.close().await.was_clean);
    // Some of what was accepted is lost, and a flush says so.
    assert!(io.flush().await.is_err());
}

#[test]
async fn f1_what_is_accepted_arrives_in_order_and_whole() {
    let server = Server::start().await;
    let builder = server.builder("/echo-bytes");
    let builder = builder.high_water_mark(100_000).write_chunk(30_000);
    let (_meta, stream) = builder.connect().await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream.into_io());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let writing = async {
        // Of all sizes: less than a message, about one, several.
        let mut rest = &bytes[..];
        for len in [1, 10, 1000, 29_999, 30_000, 30_001, 90_000, 7]
            .into_iter()
            .cycle()
        {
            let (piece, after) = rest.split_at(rest.len().min(len));
            writer.write_all(piece).await.unwrap();
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    };
    let mut read = vec![0; bytes.len()];
    let reading = tokio::io::AsyncReadExt::read_exact(&mut reader, &mut read);
    let (_, len) = futures::join!(writing, reading);
    len.unwrap();
    assert!(read == bytes,);
}

#[test]
async fn e4_a_close_waits_for_all_that_was_accepted() {
    let server = Server::start().await;
    let id = crate::support::unique("e4");
    let builder = server.builder(&format!("/watch?id={id}&mode=read"));
    let (meta, mut stream) = builder.connect().await.unwrap();
    // Faster than any socket takes them, in one turn.
    for _ in 0..200 {
        if stream.feed(vec![7; 4096].into()).now_or_never().is_none() {
            break;
        }
    }
    meta.close_reason(4321, "that was all").await.unwrap();
    let seen = server.watched(&id).await;
    assert_eq!(seen["messages"], 200,);
    assert_eq!(seen["code"], 4321);
    assert_eq!(seen["reason"], "that was all");
}
