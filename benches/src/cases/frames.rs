use anyhow::{Context as _, Result, ensure};
use bytes::Bytes as Payload;
use futures::{SinkExt, StreamExt};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::Case;
use crate::contenders::{Bytes, Messages};

/// `count` length-delimited frames of `size` bytes through `Framed`; over messages, as many
/// messages.
#[derive(Debug, Clone, Copy)]
pub struct Frames {
    /// How many frames.
    pub count: usize,
    /// How many bytes each.
    pub size: usize,
    /// How they are sent.
    pub sending: Sending,
}

/// When frames are handed to the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// Each at once: `SinkExt::send`.
    OneByOne,
    /// When enough of them have come together: `SinkExt::feed`.
    Fed,
}

impl Case for Frames {
    type Output = ();

    async fn over_bytes(&self, client: impl Bytes, server: impl Bytes) -> Result<()> {
        let Self {
            count,
            size,
            sending,
        } = *self;
        let codec = LengthDelimitedCodec::new();
        let mut client = Framed::new(client, codec.clone());
        let mut server = Framed::new(server, codec);
        let reading = tokio::spawn(async move {
            for _ in 0..count {
                let frame = server.next().await.context("the end came early")??;
                ensure!(frame.len() == size, "a frame of another size");
            }
            Ok(())
        });
        let frame = Payload::from(vec![7; size]);
        for _ in 0..count {
            match sending {
                Sending::OneByOne => client.send(frame.clone()).await?,
                Sending::Fed => client.feed(frame.clone()).await?,
            }
        }
        SinkExt::<Payload>::flush(&mut client).await?;
        reading.await?
    }

    async fn over_messages(
        &self,
        mut client: impl Messages,
        mut server: impl Messages,
    ) -> Result<()> {
        let Self {
            count,
            size,
            sending,
        } = *self;
        let reading = tokio::spawn(async move {
            for _ in 0..count {
                let message = server.receive().await?;
                ensure!(message.len() == size, "a message of another size");
            }
            Ok(())
        });
        let payload = Payload::from(vec![7; size]);
        for _ in 0..count {
            match sending {
                Sending::OneByOne => client.send(payload.clone()).await?,
                Sending::Fed => client.feed(payload.clone()).await?,
            }
        }
        client.flush().await?;
        reading.await?
    }
}
