//! What is measured. A client sends, or asks; a server in a task of its own receives, or answers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes as Payload;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::contenders::{
    Bytes, Contender, bytes_of_tcp, bytes_of_ws_stream_tungstenite, bytes_of_wsio, messages,
};

/// `count` writes of `size` bytes, until the other end has them all.
pub(crate) async fn bulk(contender: &Contender, count: usize, size: usize) -> Result<Duration> {
    match contender {
        Contender::Wsio => write_and_read(bytes_of_wsio().await?, count, size).await,
        Contender::WsStreamTungstenite => {
            write_and_read(bytes_of_ws_stream_tungstenite().await?, count, size).await
        }
        Contender::Tcp => write_and_read(bytes_of_tcp().await?, count, size).await,
        Contender::Tungstenite => send_messages(count, size).await,
    }
}

/// `count` length-delimited frames of `size` bytes through `Framed`.
pub(crate) async fn framed(contender: &Contender, count: usize, size: usize) -> Result<Duration> {
    match contender {
        Contender::Wsio => send_frames(bytes_of_wsio().await?, count, size).await,
        Contender::WsStreamTungstenite => {
            send_frames(bytes_of_ws_stream_tungstenite().await?, count, size).await
        }
        Contender::Tcp => send_frames(bytes_of_tcp().await?, count, size).await,
        Contender::Tungstenite => send_messages(count, size).await,
    }
}

/// `count` times `size` bytes there and back.
pub(crate) async fn round_trips(
    contender: &Contender,
    count: usize,
    size: usize,
) -> Result<Duration> {
    match contender {
        Contender::Wsio => echo_bytes(bytes_of_wsio().await?, count, size).await,
        Contender::WsStreamTungstenite => {
            echo_bytes(bytes_of_ws_stream_tungstenite().await?, count, size).await
        }
        Contender::Tcp => echo_bytes(bytes_of_tcp().await?, count, size).await,
        Contender::Tungstenite => echo_messages(count, size).await,
    }
}

async fn write_and_read(
    (mut client, mut server): (impl Bytes, impl Bytes),
    count: usize,
    size: usize,
) -> Result<Duration> {
    let begin = Instant::now();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 128 << 10];
        let mut left = count * size;
        while left > 0 {
            let read = server.read(&mut buffer).await?;
            ensure!(read > 0, "the end came {left} bytes early");
            left -= read;
        }
        Ok(begin.elapsed())
    });
    let chunk = vec![7; size];
    for _ in 0..count {
        client.write_all(&chunk).await?;
    }
    client.flush().await?;
    reading.await?
}

async fn send_frames(
    (client, server): (impl Bytes, impl Bytes),
    count: usize,
    size: usize,
) -> Result<Duration> {
    let codec = LengthDelimitedCodec::new();
    let mut client = Framed::new(client, codec.clone());
    let mut server = Framed::new(server, codec);
    let begin = Instant::now();
    let reading = tokio::spawn(async move {
        for _ in 0..count {
            let frame = server.next().await.context("the end came early")??;
            ensure!(frame.len() == size, "a frame of another size");
        }
        Ok(begin.elapsed())
    });
    let frame = Payload::from(vec![7; size]);
    for _ in 0..count {
        client.send(frame.clone()).await?;
    }
    reading.await?
}

async fn send_messages(count: usize, size: usize) -> Result<Duration> {
    let (mut client, mut server) = messages().await?;
    let begin = Instant::now();
    let reading = tokio::spawn(async move {
        for _ in 0..count {
            let message = server.next().await.context("the end came early")??;
            ensure!(message.len() == size, "a message of another size");
        }
        Ok(begin.elapsed())
    });
    let payload = Payload::from(vec![7; size]);
    for _ in 0..count {
        // As the others: handed to the system as soon as it is written.
        client.send(Message::Binary(payload.clone())).await?;
    }
    reading.await?
}

async fn echo_bytes(
    (mut client, mut server): (impl Bytes, impl Bytes),
    count: usize,
    size: usize,
) -> Result<Duration> {
    let answering = tokio::spawn(async move {
        let mut buffer = vec![0; size];
        for _ in 0..count {
            server.read_exact(&mut buffer).await?;
            server.write_all(&buffer).await?;
            server.flush().await?;
        }
        anyhow::Ok(())
    });
    let begin = Instant::now();
    let mut buffer = vec![7; size];
    for _ in 0..count {
        client.write_all(&buffer).await?;
        client.flush().await?;
        client.read_exact(&mut buffer).await?;
    }
    let time = begin.elapsed();
    answering.await??;
    Ok(time)
}

async fn echo_messages(count: usize, size: usize) -> Result<Duration> {
    let (mut client, mut server) = messages().await?;
    let answering = tokio::spawn(async move {
        for _ in 0..count {
            let message = server.next().await.context("the end came early")??;
            server.send(message).await?;
        }
        anyhow::Ok(())
    });
    let begin = Instant::now();
    let payload = Payload::from(vec![7; size]);
    for _ in 0..count {
        client.send(Message::Binary(payload.clone())).await?;
        client.next().await.context("the end came early")??;
    }
    let time = begin.elapsed();
    answering.await??;
    Ok(time)
}
