//! `async_io_stream`: bytes.

use std::io::IoSlice;

use futures::{SinkExt, join};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use super::{PIPE, close, connected, hears, next};
use crate::support::pattern;

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
