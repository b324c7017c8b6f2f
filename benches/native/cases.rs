//! What is measured. A client sends, or asks; a server in a task of its own receives, or answers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes as Payload;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::contenders::{
    Bytes, Contender, Messages, bytes_of_tcp, bytes_of_ws_stream_tungstenite, bytes_of_wsio,
    messages,
};

/// A case: how it is run over a stream of bytes, and over messages.
pub(crate) trait Case {
    async fn over_bytes(&self, ends: (impl Bytes, impl Bytes)) -> Result<Duration>;

    async fn over_messages(&self, ends: (Messages, Messages)) -> Result<Duration>;
}

/// `count` writes of `size` bytes, until the other end has them all.
pub(crate) struct Bulk {
    pub(crate) count: usize,
    pub(crate) size: usize,
}

/// `count` length-delimited frames of `size` bytes through `Framed`.
pub(crate) struct Frames {
    pub(crate) count: usize,
    pub(crate) size: usize,
}

/// `count` times `size` bytes there and back.
pub(crate) struct RoundTrips {
    pub(crate) count: usize,
    pub(crate) size: usize,
}

pub(crate) async fn run(contender: &Contender, case: &impl Case) -> Result<Duration> {
    match contender {
        Contender::Wsio => case.over_bytes(bytes_of_wsio().await?).await,
        Contender::WsStreamTungstenite => {
            case.over_bytes(bytes_of_ws_stream_tungstenite().await?)
                .await
        }
        Contender::Tcp => case.over_bytes(bytes_of_tcp().await?).await,
        Contender::Tungstenite => case.over_messages(messages().await?).await,
    }
}

impl Case for Bulk {
    async fn over_bytes(
        &self,
        (mut client, mut server): (impl Bytes, impl Bytes),
    ) -> Result<Duration> {
        let total = self.count * self.size;
        let begin = Instant::now();
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 128 << 10];
            let mut left = total;
            while left > 0 {
                let read = server.read(&mut buffer).await?;
                ensure!(read > 0, "the end came {left} bytes early");
                left -= read;
            }
            Ok(begin.elapsed())
        });
        let chunk = vec![7; self.size];
        for _ in 0..self.count {
            client.write_all(&chunk).await?;
        }
        client.flush().await?;
        reading.await?
    }

    async fn over_messages(&self, ends: (Messages, Messages)) -> Result<Duration> {
        send_messages(ends, self.count, self.size).await
    }
}

impl Case for Frames {
    async fn over_bytes(&self, (client, server): (impl Bytes, impl Bytes)) -> Result<Duration> {
        let (count, size) = (self.count, self.size);
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

    async fn over_messages(&self, ends: (Messages, Messages)) -> Result<Duration> {
        send_messages(ends, self.count, self.size).await
    }
}

async fn send_messages(
    (mut client, mut server): (Messages, Messages),
    count: usize,
    size: usize,
) -> Result<Duration> {
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

impl Case for RoundTrips {
    async fn over_bytes(
        &self,
        (mut client, mut server): (impl Bytes, impl Bytes),
    ) -> Result<Duration> {
        let (count, size) = (self.count, self.size);
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

    async fn over_messages(
        &self,
        (mut client, mut server): (Messages, Messages),
    ) -> Result<Duration> {
        let count = self.count;
        let answering = tokio::spawn(async move {
            for _ in 0..count {
                let message = server.next().await.context("the end came early")??;
                server.send(message).await?;
            }
            anyhow::Ok(())
        });
        let begin = Instant::now();
        let payload = Payload::from(vec![7; self.size]);
        for _ in 0..count {
            client.send(Message::Binary(payload.clone())).await?;
            client.next().await.context("the end came early")??;
        }
        let time = begin.elapsed();
        answering.await??;
        Ok(time)
    }
}
