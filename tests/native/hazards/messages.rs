//! `ws_stream_wasm` and `ws_stream_tungstenite`: messages, and how many of them.

use std::{io, pin::pin};

use futures::{SinkExt, StreamExt, future::poll_immediate, join};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol},
};
use wsio::{CloseCode, ErrorKind, native::Acceptor};

use super::{close, connected, hears, with};
use crate::{
    frames::{BINARY, FIN, TEXT, frame},
    support::drain,
};

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

/// A message that cannot be decoded is simply missing from the stream of `ws_stream_wasm`.
#[tokio::test(start_paused = true)]
async fn text_that_is_none_is_an_error() {
    let (_meta, mut stream, far) = connected().await;
    let mut raw = far.into_inner();
    let before = frame(FIN | TEXT, b"fine");
    let bad = frame(FIN | TEXT, b"\xC3\x28");
    raw.write_all(&[before, bad].concat()).await.unwrap();
    let peer = async {
        let mut far = WebSocketStream::from_raw_socket(raw, protocol::Role::Server, None).await;
        hears(&mut far).await
    };
    let ((messages, error), heard) = join!(drain(&mut stream), peer);
    assert_eq!(messages, ["fine".into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Protocol);
    assert_eq!(heard, (vec![], Some(1007)));
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
        let mut far = WebSocketStream::from_raw_socket(raw, protocol::Role::Server, None).await;
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
