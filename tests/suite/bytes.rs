//! B. Bytes.

use std::io::IoSlice;

use futures::{FutureExt, SinkExt, StreamExt, future::poll_immediate, join};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{BytesCodec, Framed, LinesCodec};
use wsio::{ErrorKind, WsMessage};

use crate::support::{AFTER_SHUTDOWN, SHORT, Server, drain, pattern, test, unique};

#[test]
async fn b1_message_boundaries_vanish() {
    let server = Server::start().await;
    let (_meta, stream) = server
        .connect("/slow?text=hello%20world&interval_ms=1")
        .await;
    let mut text = String::new();
    stream.into_io().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello world");
}

#[test]
async fn b1_an_empty_message_is_skipped() {
    let server = Server::start().await;
    // One face after the other: a peer's empty message must not end or crash any of them.
    let (_meta, mut stream) = server.connect("/empty").await;
    let (messages, error) = drain(&mut stream).await;
    let empty: [WsMessage; 2] = ["".into(), Vec::new().into()];
    let [a, none, none_too, b, last] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!([a.as_ref(), b.as_ref()], [b"a", b"b"]);
    assert_eq!([none, none_too, last], [&empty[0], &empty[1], &empty[0]]);
    assert!(error.is_none());

    let (_meta, stream) = server.connect("/empty").await;
    let mut bytes = Vec::new();
    stream.into_io().read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"ab");

    let (_meta, stream) = server.connect("/empty").await;
    let mut io = stream.into_io();
    let mut chunks = Vec::new();
    loop {
        let chunk = io.fill_buf().await.unwrap().to_vec();
        if chunk.is_empty() {
            break;
        }
        io.consume(chunk.len());
        chunks.push(chunk);
    }
    assert_eq!(chunks, [b"a", b"b"]);

    let (_meta, stream) = server.connect("/empty").await;
    let mut io = stream.into_io();
    let mut bytes = Vec::new();
    futures::AsyncReadExt::read_to_end(&mut io, &mut bytes)
        .await
        .unwrap();
    assert_eq!(bytes, b"ab");
}

#[test]
async fn b1_text_arrives_as_utf8() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/text").await;
    let mut text = String::new();
    stream.into_io().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello wörld");
}

#[test]
async fn b1_text_can_be_refused() {
    let server = Server::start().await;
    let id = unique("b1");
    let builder = server.builder(&format!("/watch?id={id}")).refuse_text(true);
    let (_meta, mut stream) = builder.connect().await.unwrap();
    stream.send(vec![1].into()).await.unwrap();
    stream.send("text".into()).await.unwrap();
    let (messages, error) = drain(&mut stream).await;
    assert_eq!(messages, [vec![1].into()]);
    assert_eq!(error.unwrap().kind(), ErrorKind::TextRefused);
    let code = server.watched(&id).await["code"].as_u64();
    assert!(code == Some(1003) || code == Some(4415), "{code:?}");
}

#[test]
async fn b1_fragments_are_one_message() {
    let server = Server::start().await;
    let (_meta, mut stream) = server.connect("/fragments").await;
    let (messages, error) = drain(&mut stream).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(messages[0], "abc".into());
    assert!(messages[1].is_binary());
    assert_eq!(messages.len(), 2);
}

#[test]
async fn b2_a_large_write_is_split() {
    let server = Server::start().await;
    let id = unique("b2");
    let builder = server.builder(&format!("/watch?id={id}&mode=read"));
    let (meta, stream) = builder.write_chunk(1000).connect().await.unwrap();
    let mut io = stream.into_io();
    io.write_all(&[1; 10_000]).await.unwrap();
    io.shutdown().await.unwrap();
    drop(meta);
    let seen = server.watched(&id).await;
    assert_eq!(seen["bytes"], 10_000);
    assert_eq!(seen["messages"], 10);
}

#[test]
async fn b2_an_empty_write_sends_nothing() {
    let server = Server::start().await;
    let id = unique("b2-empty");
    let (_meta, stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    let mut io = stream.into_io();
    assert_eq!(io.write(b"").await.unwrap(), 0);
    assert_eq!(io.write_vectored(&[IoSlice::new(b"")]).await.unwrap(), 0);
    assert_eq!(io.write_vectored(&[]).await.unwrap(), 0);
    io.flush().await.unwrap();
    io.shutdown().await.unwrap();
    assert_eq!(server.watched(&id).await["messages"], 0);
}

#[test]
async fn b2_a_vectored_write_is_one_message() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo").await;
    let mut io = stream.into_io();
    assert!(io.is_write_vectored());
    let slices = [b"one ".as_slice(), b"", b"two ", b"three"].map(IoSlice::new);
    assert_eq!(io.write_vectored(&slices).await.unwrap(), 13);
    // The echo comes back as one message, and so out of one call.
    assert_eq!(io.fill_buf().await.unwrap(), b"one two three");
}

#[test]
async fn b3_accepted_bytes_do_not_wait_for_a_flush() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut io = stream.into_io();
    io.write_all(b"ping").await.unwrap();
    let mut bytes = [0; 4];
    io.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
}

#[test]
async fn b3_a_full_socket_is_driven_on_by_the_reader() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut io = stream.into_io();
    // Writes until nothing is taken any more, and from then on only reads.
    let chunk: Vec<_> = (0..64 * 1024).map(pattern).collect();
    let mut written = 0;
    while written < 64 << 20 {
        let at = written % 251;
        let piece: Vec<_> = (at..at + chunk.len()).map(pattern).collect();
        match poll_immediate(io.write(&piece)).await {
            Some(accepted) => written += accepted.unwrap(),
            None => break,
        }
    }
    let mut read = 0;
    while read < written {
        let bytes = io.fill_buf().await.unwrap();
        assert!(!bytes.is_empty());
        for (index, byte) in bytes.iter().enumerate() {
            assert_eq!(*byte, pattern(read + index));
        }
        let len = bytes.len();
        io.consume(len);
        read += len;
    }
    assert_eq!(read, written);
}

#[test]
async fn b3_small_writes_keep_their_order_among_messages() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut lines = Framed::new(stream.into_io(), LinesCodec::new());
    for n in 0..5_000 {
        lines.send(format!("line {n}")).await.unwrap();
    }
    for n in 0..5_000 {
        let line = lines.next().await.unwrap().unwrap();
        assert_eq!(line, format!("line {n}"));
    }
}

#[test]
async fn b4_shutdown_flushes_and_closes() {
    let server = Server::start().await;
    let id = unique("b4");
    let (meta, stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    let mut io = stream.into_io();
    io.write_all(&vec![9; 3 << 20]).await.unwrap();
    io.shutdown().await.unwrap();
    assert!(meta.closed().now_or_never().unwrap().was_clean);
    let seen = server.watched(&id).await;
    assert_eq!(seen["bytes"], 3 << 20);
    assert_eq!(seen["clean"], true);
    // Again is the same.
    io.shutdown().await.unwrap();
    let read = io.read(&mut [0; 4]).await;
    assert_eq!(read.map_err(|error| error.kind()), AFTER_SHUTDOWN);
}

#[test]
async fn b4_shutdown_resolves_with_a_peer_that_does_not_answer() {
    let server = Server::start().await;
    let builder = server.builder("/silent").close_timeout(SHORT);
    let (_meta, stream) = builder.connect().await.unwrap();
    let error = stream.into_io().shutdown().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
async fn b4_closing_the_sink_closes_the_connection() {
    let server = Server::start().await;
    let id = unique("b4-sink");
    let (meta, mut stream) = server.connect(&format!("/watch?id={id}&mode=read")).await;
    stream.feed("last".into()).await.unwrap();
    stream.close().await.unwrap();
    assert!(meta.closed().now_or_never().unwrap().was_clean);
    assert_eq!(server.watched(&id).await["messages"], 1);
    let (messages, error) = drain(&mut stream).await;
    assert!(messages.is_empty());
    assert_eq!(error.is_some(), AFTER_SHUTDOWN.is_err());
}

#[test]
async fn b5_both_flavours_read_and_write() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let mut io = stream.into_io();
    futures::AsyncWriteExt::write_all(&mut io, b"one\ntwo\n")
        .await
        .unwrap();
    futures::AsyncWriteExt::flush(&mut io).await.unwrap();
    let mut line = String::new();
    futures::AsyncBufReadExt::read_line(&mut io, &mut line)
        .await
        .unwrap();
    tokio::io::AsyncBufReadExt::read_line(&mut io, &mut line)
        .await
        .unwrap();
    assert_eq!(line, "one\ntwo\n");
    futures::AsyncWriteExt::close(&mut io).await.unwrap();
    let read = futures::AsyncReadExt::read(&mut io, &mut [0; 4]).await;
    assert_eq!(read.map_err(|error| error.kind()), AFTER_SHUTDOWN);
}

#[test]
async fn b5_a_vectored_read_fills_several_buffers() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/text").await;
    let mut io = stream.into_io();
    let (mut one, mut two) = ([0; 3], [0; 8]);
    let mut slices = [&mut one[..], &mut two[..]].map(std::io::IoSliceMut::new);
    let read = futures::AsyncReadExt::read_vectored(&mut io, &mut slices)
        .await
        .unwrap();
    assert_eq!((read, &one, &two[..3]), (6, b"hel", &b"lo "[..]));
    // An empty buffer is no end.
    assert_eq!(
        futures::AsyncReadExt::read(&mut io, &mut []).await.unwrap(),
        0
    );
    assert_eq!(io.read(&mut []).await.unwrap(), 0);
    let mut rest = String::new();
    io.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "wörld");
}

#[test]
async fn b5_a_megabyte_of_frames_in_both_directions() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let (mut sink, mut stream) = Framed::new(stream.into_io(), BytesCodec::new()).split();
    let sent: Vec<u8> = (0..4 << 20).map(pattern).collect();
    let sending = async {
        for chunk in sent.chunks(100_000) {
            sink.send(bytes::Bytes::copy_from_slice(chunk))
                .await
                .unwrap();
        }
    };
    let receiving = async {
        let mut received = Vec::new();
        while received.len() < sent.len() {
            received.extend_from_slice(&stream.next().await.unwrap().unwrap());
        }
        received
    };
    let ((), received) = join!(sending, receiving);
    assert!(sent == received);
}

#[test]
async fn b6_copying_and_splitting_work() {
    let server = Server::start().await;
    let (_meta, stream) = server.connect("/echo-bytes").await;
    let (mut near, mut far) = tokio::io::duplex(64 * 1024);
    let mut io = stream.into_io();
    let copying = tokio::io::copy_bidirectional(&mut io, &mut far);
    let using = async {
        near.write_all(b"through").await.unwrap();
        let mut bytes = [0; 7];
        near.read_exact(&mut bytes).await.unwrap();
        near.shutdown().await.unwrap();
        bytes
    };
    let (copied, bytes) = join!(copying, using);
    assert_eq!(&bytes, b"through");
    let copied = copied.map_err(|error| error.kind());
    assert_eq!(copied, AFTER_SHUTDOWN.map(|_| (7, 7)));

    let (_meta, stream) = server.connect("/echo-bytes").await;
    let (mut read, mut write) = tokio::io::split(stream.into_io());
    write.write_all(b"split").await.unwrap();
    let mut bytes = [0; 5];
    read.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"split");
}
