//! The libraries, behind what the tasks need of them.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use wasm_bindgen::JsValue;
use wsio::browser::Transport;

use crate::tasks::js;

/// A connection of messages, or of bytes.
pub(crate) trait Contender: Sized {
    /// Connects by the browser's socket of this name, where there is a choice.
    async fn connect(url: String, socket: &str) -> Result<Self, JsValue>;

    /// Sends a binary message.
    async fn send(&mut self, message: &Bytes) -> Result<(), JsValue>;

    /// Receives the payload of a message.
    async fn receive(&mut self) -> Result<impl AsRef<[u8]>, JsValue>;

    async fn close(self) -> Result<(), JsValue>;

    fn into_io(self) -> impl AsyncRead + AsyncWrite + Unpin;
}

/// The library of this workspace.
pub(crate) struct Wsio(wsio::WsMeta, wsio::WsStream);

impl Contender for Wsio {
    async fn connect(url: String, socket: &str) -> Result<Self, JsValue> {
        let transport = match socket {
            "WebSocketStream" => Transport::WebSocketStream,
            _ => Transport::WebSocket,
        };
        let builder = wsio::WsMeta::builder(url).transport(transport);
        let (meta, stream) = builder.connect().await.map_err(js)?;
        Ok(Self(meta, stream))
    }

    async fn send(&mut self, message: &Bytes) -> Result<(), JsValue> {
        self.1.send(message.clone().into()).await.map_err(js)
    }

    async fn receive(&mut self) -> Result<impl AsRef<[u8]>, JsValue> {
        let message = self.1.next().await.ok_or_else(ended)?;
        message.map_err(js)
    }

    async fn close(self) -> Result<(), JsValue> {
        self.0.close().await;
        Ok(())
    }

    fn into_io(self) -> impl AsyncRead + AsyncWrite + Unpin {
        self.1.into_io()
    }
}

/// `ws_stream_wasm`, which has no other socket than `WebSocket`.
pub(crate) struct Theirs(ws_stream_wasm::WsMeta, ws_stream_wasm::WsStream);

impl Contender for Theirs {
    async fn connect(url: String, _: &str) -> Result<Self, JsValue> {
        let connected = ws_stream_wasm::WsMeta::connect(url, None).await;
        let (meta, stream) = connected.map_err(js)?;
        Ok(Self(meta, stream))
    }

    async fn send(&mut self, message: &Bytes) -> Result<(), JsValue> {
        let message = ws_stream_wasm::WsMessage::Binary(message.to_vec());
        self.1.send(message).await.map_err(js)
    }

    async fn receive(&mut self) -> Result<impl AsRef<[u8]>, JsValue> {
        let message = self.1.next().await.ok_or_else(ended)?;
        Ok(Vec::from(message))
    }

    async fn close(self) -> Result<(), JsValue> {
        self.0.close().await.map_err(js)?;
        Ok(())
    }

    fn into_io(self) -> impl AsyncRead + AsyncWrite + Unpin {
        self.1.into_io()
    }
}

fn ended() -> JsValue {
    js("the connection has ended")
}
