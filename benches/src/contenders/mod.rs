//! The contenders, each as both ends of a connection over any transport.

mod messages;

use anyhow::Result;
use futures::future::try_join;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use ws_stream_tungstenite::WsStream as PeerStream;
use wsio::native::{Acceptor, Role as WsioRole};

pub use self::messages::Messages;
use crate::cases::Case;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// `WsIo`.
    Wsio,
    /// `WsIo`, and a task at either end that waits for the end of the connection.
    WsioAwaited,
    /// `WsIo` over a tokio-tungstenite that keeps its own buffers of 128 KiB.
    WsioAdopted,
    /// tokio-tungstenite, message by message: no byte stream at all.
    Tungstenite,
    /// tokio-websockets, message by message.
    TokioWebsockets,
    /// The byte stream of `ws_stream_tungstenite`.
    WsStreamTungstenite,
    /// No WebSocket at all.
    Tcp,
}

/// Everybody who is measured, ours first.
pub const CONTENDERS: &[Contender] = &[
    Contender::Wsio,
    Contender::WsioAwaited,
    Contender::WsioAdopted,
    Contender::Tungstenite,
    Contender::TokioWebsockets,
    Contender::WsStreamTungstenite,
    Contender::Tcp,
];

/// A transport, and any other stream of bytes.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Bytes for T {}

impl Contender {
    /// What it is called in the results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wsio => "wsio",
            Self::WsioAwaited => "wsio, end awaited",
            Self::WsioAdopted => "wsio, 128 KiB buffers",
            Self::Tungstenite => "tokio-tungstenite, messages",
            Self::TokioWebsockets => "tokio-websockets, messages",
            Self::WsStreamTungstenite => "ws_stream_tungstenite",
            Self::Tcp => "TCP",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = CONTENDERS.iter().copied();
        all.find(|contender| contender.name() == name)
    }

    /// Runs a case over the ends of a transport. The opening handshake is no part of it.
    ///
    /// # Errors
    ///
    /// Those of the case.
    pub async fn run<C: Case>(self, case: &C, ends: (impl Bytes, impl Bytes)) -> Result<C::Output> {
        let (client, server) = ends;
        match self {
            Self::Wsio => {
                let acceptor = Acceptor::new();
                let (_, client) = acceptor.adopt(client, WsioRole::Client, "/", "").await?;
                let (_, server) = acceptor.adopt(server, WsioRole::Server, "/", "").await?;
                case.over_bytes(client.into_io(), server.into_io()).await
            }
            Self::WsioAwaited => {
                let acceptor = Acceptor::new();
                let (at_client, client) = acceptor.adopt(client, WsioRole::Client, "/", "").await?;
                let (at_server, server) = acceptor.adopt(server, WsioRole::Server, "/", "").await?;
                tokio::spawn(async move { at_client.closed().await });
                tokio::spawn(async move { at_server.closed().await });
                case.over_bytes(client.into_io(), server.into_io()).await
            }
            Self::WsioAdopted => {
                let (client, server) = tungstenite(client, server).await;
                let (_, client) = wsio::native::from_tungstenite(client);
                let (_, server) = wsio::native::from_tungstenite(server);
                case.over_bytes(client.into_io(), server.into_io()).await
            }
            Self::Tungstenite => {
                let (client, server) = tungstenite(client, server).await;
                case.over_messages(client, server).await
            }
            Self::TokioWebsockets => {
                let client = tokio_websockets::ClientBuilder::new().take_over(client);
                let server = tokio_websockets::ServerBuilder::new().serve(server);
                case.over_messages(client, server).await
            }
            Self::WsStreamTungstenite => {
                use async_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
                let (client, server) = (client.compat(), server.compat());
                let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
                let server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
                let (client, server) = (PeerStream::new(client), PeerStream::new(server));
                case.over_bytes(client.compat(), server.compat()).await
            }
            Self::Tcp => case.over_bytes(client, server).await,
        }
    }
}

async fn tungstenite<C: Bytes, S: Bytes>(
    client: C,
    server: S,
) -> (
    tokio_tungstenite::WebSocketStream<C>,
    tokio_tungstenite::WebSocketStream<S>,
) {
    use tokio_tungstenite::WebSocketStream;
    (
        WebSocketStream::from_raw_socket(client, Role::Client, None).await,
        WebSocketStream::from_raw_socket(server, Role::Server, None).await,
    )
}

/// Client and server of a connection over TCP on loopback, without delay.
///
/// # Errors
///
/// Those of the operating system.
pub async fn tcp() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connecting = TcpStream::connect(listener.local_addr()?);
    let (client, (server, _)) = try_join(connecting, listener.accept()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// The same in memory, where nothing is left to chance.
#[must_use]
pub fn memory() -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(256 << 10)
}
