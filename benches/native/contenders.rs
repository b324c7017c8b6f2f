//! The contenders, each as a pair of connected ends over TCP on loopback.

use anyhow::Result;
use futures::future::try_join;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use ws_stream_tungstenite::WsStream as PeerStream;
use wsio::native::{Acceptor, Role as WsioRole};

use crate::Named;

/// Everybody who is measured, and first who the others are compared with.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender::Wsio,
    Contender::Tungstenite,
    Contender::WsStreamTungstenite,
    Contender::Tcp,
];

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// `WsIo`.
    Wsio,
    /// tokio-tungstenite, message by message: no byte stream at all.
    Tungstenite,
    /// The byte stream of `ws_stream_tungstenite`.
    WsStreamTungstenite,
    /// No WebSocket at all.
    Tcp,
}

/// A bare tokio-tungstenite.
pub(crate) type Messages = WebSocketStream<TcpStream>;

/// Both directions of a stream of bytes.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Bytes for T {}

impl Named for Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Wsio => "wsio",
            Self::Tungstenite => "tokio-tungstenite, messages",
            Self::WsStreamTungstenite => "ws_stream_tungstenite",
            Self::Tcp => "TCP",
        }
    }
}

/// Client and server of a connection without TLS or delay.
async fn tcp() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connecting = TcpStream::connect(listener.local_addr()?);
    let (client, (server, _)) = try_join(connecting, listener.accept()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// Both ends of a bare tokio-tungstenite. The opening handshake is not what is measured.
pub(crate) async fn messages() -> Result<(Messages, Messages)> {
    let (client, server) = tcp().await?;
    Ok((
        WebSocketStream::from_raw_socket(client, Role::Client, None).await,
        WebSocketStream::from_raw_socket(server, Role::Server, None).await,
    ))
}

/// Both ends of a stream of bytes, statically typed, for the case to use.
pub(crate) async fn bytes_of_wsio() -> Result<(impl Bytes, impl Bytes)> {
    let (client, server) = tcp().await?;
    let acceptor = Acceptor::new();
    let (_, client) = acceptor.adopt(client, WsioRole::Client, "/", "").await?;
    let (_, server) = acceptor.adopt(server, WsioRole::Server, "/", "").await?;
    Ok((client.into_io(), server.into_io()))
}

/// The same over `ws_stream_tungstenite`.
pub(crate) async fn bytes_of_ws_stream_tungstenite() -> Result<(impl Bytes, impl Bytes)> {
    use async_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
    let (client, server) = tcp().await?;
    let client = WebSocketStream::from_raw_socket(client.compat(), Role::Client, None).await;
    let server = WebSocketStream::from_raw_socket(server.compat(), Role::Server, None).await;
    Ok((
        PeerStream::new(client).compat(),
        PeerStream::new(server).compat(),
    ))
}

/// The same over TCP.
pub(crate) async fn bytes_of_tcp() -> Result<(impl Bytes, impl Bytes)> {
    tcp().await
}
