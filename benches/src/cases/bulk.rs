use anyhow::{Result, ensure};
use bytes::Bytes as Payload;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Case;
use crate::contenders::{Bytes, Messages};

/// `count` writes of `size` bytes, until the other end has them all.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many writes.
    pub count: usize,
    /// How many bytes each.
    pub size: usize,
}

impl Case for Bulk {
    type Output = ();

    async fn over_bytes(&self, mut client: impl Bytes, mut server: impl Bytes) -> Result<()> {
        let total = self.count * self.size;
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; 128 << 10];
            let mut left = total;
            while left > 0 {
                let read = server.read(&mut buffer).await?;
                ensure!(read > 0, "the end came {left} bytes early");
                left -= read;
            }
            Ok(())
        });
        let chunk = vec![7; self.size];
        for _ in 0..self.count {
            client.write_all(&chunk).await?;
        }
        client.flush().await?;
        reading.await?
    }

    async fn over_messages(
        &self,
        mut client: impl Messages,
        mut server: impl Messages,
    ) -> Result<()> {
        let Self { count, size } = *self;
        let reading = tokio::spawn(async move {
            for _ in 0..count {
                let message = server.receive().await?;
                ensure!(message.len() == size, "a message of another size");
            }
            Ok(())
        });
        let payload = Payload::from(vec![7; size]);
        for _ in 0..count {
            // As the others: handed to the system as soon as it is written.
            client.send(payload.clone()).await?;
        }
        reading.await?
    }
}
