use anyhow::Result;
use bytes::Bytes as Payload;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinSet,
};

use super::Case;
use crate::contenders::{Bytes, Messages};

/// A first message of `size` bytes there and back, after which both ends wait for the next one.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// How many bytes.
    pub size: usize,
}

impl Case for Held {
    /// The tasks that wait; their end is that of the connection.
    type Output = JoinSet<Result<()>>;

    async fn over_bytes(
        &self,
        mut client: impl Bytes,
        mut server: impl Bytes,
    ) -> Result<Self::Output> {
        let size = self.size;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut buffer = [0; 64];
            loop {
                let read = server.read(&mut buffer).await?;
                server.write_all(&buffer[..read]).await?;
                server.flush().await?;
            }
        });
        let (answered, answer) = oneshot::channel();
        tasks.spawn(async move {
            client.write_all(&vec![7; size]).await?;
            client.flush().await?;
            client.read_exact(&mut vec![0; size]).await?;
            // Nobody cares only where nobody waits any more.
            let _ = answered.send(());
            client.read_u8().await?;
            Ok(())
        });
        answer.await?;
        Ok(tasks)
    }

    async fn over_messages(
        &self,
        mut client: impl Messages,
        mut server: impl Messages,
    ) -> Result<Self::Output> {
        let payload = Payload::from(vec![7; self.size]);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let message = server.receive().await?;
                server.send(message).await?;
            }
        });
        let (answered, answer) = oneshot::channel();
        tasks.spawn(async move {
            client.send(payload).await?;
            client.receive().await?;
            let _ = answered.send(());
            client.receive().await?;
            Ok(())
        });
        answer.await?;
        Ok(tasks)
    }
}
