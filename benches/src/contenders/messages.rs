use anyhow::{Context as _, Result};
use bytes::Bytes as Payload;
use futures::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite;

use super::Bytes;

/// Both directions of a stream of binary messages.
pub trait Messages: Send + 'static {
    /// Sends a message, and waits until it is out of the library's hands.
    fn send(&mut self, payload: Payload) -> impl Future<Output = Result<()>> + Send;

    /// Sends a message that may wait for company.
    fn feed(&mut self, payload: Payload) -> impl Future<Output = Result<()>> + Send;

    /// Sends what waits.
    fn flush(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// The next message.
    fn receive(&mut self) -> impl Future<Output = Result<Payload>> + Send;
}

const END: &str = "the end came early";

impl<T: Bytes> Messages for tokio_tungstenite::WebSocketStream<T> {
    async fn send(&mut self, payload: Payload) -> Result<()> {
        Ok(SinkExt::send(self, tungstenite::Message::Binary(payload)).await?)
    }

    async fn feed(&mut self, payload: Payload) -> Result<()> {
        Ok(SinkExt::feed(self, tungstenite::Message::Binary(payload)).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(SinkExt::flush(self).await?)
    }

    async fn receive(&mut self) -> Result<Payload> {
        Ok(self.next().await.context(END)??.into_data())
    }
}

impl<T: Bytes> Messages for tokio_websockets::WebSocketStream<T> {
    async fn send(&mut self, payload: Payload) -> Result<()> {
        Ok(SinkExt::send(self, tokio_websockets::Message::binary(payload)).await?)
    }

    async fn feed(&mut self, payload: Payload) -> Result<()> {
        Ok(SinkExt::feed(self, tokio_websockets::Message::binary(payload)).await?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(SinkExt::flush(self).await?)
    }

    async fn receive(&mut self) -> Result<Payload> {
        Ok(self.next().await.context(END)??.into_payload().into())
    }
}
