use anyhow::Result;
use bytes::Bytes as Payload;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Case;
use crate::contenders::{Bytes, Messages};

/// `count` times `size` bytes there and back.
#[derive(Debug, Clone, Copy)]
pub struct RoundTrips {
    /// How many times.
    pub count: usize,
    /// How many bytes.
    pub size: usize,
}

impl Case for RoundTrips {
    type Output = ();

    async fn over_bytes(&self, mut client: impl Bytes, mut server: impl Bytes) -> Result<()> {
        let Self { count, size } = *self;
        let answering = tokio::spawn(async move {
            let mut buffer = vec![0; size];
            for _ in 0..count {
                server.read_exact(&mut buffer).await?;
                server.write_all(&buffer).await?;
                server.flush().await?;
            }
            anyhow::Ok(server)
        });
        let mut buffer = vec![7; size];
        for _ in 0..count {
            client.write_all(&buffer).await?;
            client.flush().await?;
            client.read_exact(&mut buffer).await?;
        }
        answering.await??;
        Ok(())
    }

    async fn over_messages(
        &self,
        mut client: impl Messages,
        mut server: impl Messages,
    ) -> Result<()> {
        let Self { count, size } = *self;
        let answering = tokio::spawn(async move {
            for _ in 0..count {
                let message = server.receive().await?;
                server.send(message).await?;
            }
            anyhow::Ok(server)
        });
        let payload = Payload::from(vec![7; size]);
        for _ in 0..count {
            client.send(payload.clone()).await?;
            client.receive().await?;
        }
        answering.await??;
        Ok(())
    }
}
