//! Many short connections.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes as Payload;
use futures::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use ws_stream_tungstenite::WsStream as PeerStream;
use wsio::WsMeta;
use wsio_bench::contenders::{Bytes, Contender, Messages};

/// How many are under way at the same time.
const AT_ONCE: usize = 32;
const SIZE: usize = 64;

/// Opens `count` connections, each for a message there and back.
pub(crate) async fn run(contender: Contender, count: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut serving = JoinSet::new();
        for _ in 0..count {
            let (tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            serving.spawn(serve(contender, tcp));
        }
        while let Some(served) = serving.join_next().await {
            served??;
        }
        anyhow::Ok(())
    });
    let mut asking = futures::stream::iter(0..count)
        .map(|_| tokio::spawn(ask(contender, address)))
        .buffer_unordered(AT_ONCE);
    while let Some(asked) = asking.next().await {
        asked??;
    }
    while let Some(served) = tasks.join_next().await {
        served??;
    }
    Ok(())
}

async fn ask(contender: Contender, address: SocketAddr) -> Result<()> {
    let url = format!("ws://{address}/");
    if matches!(contender, Contender::Wsio | Contender::WsioAwaited) {
        let (_, stream) = WsMeta::builder(url).connect().await?;
        return ask_bytes(stream.into_io()).await;
    }
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    match contender {
        Contender::Wsio | Contender::WsioAwaited | Contender::Tcp => ask_bytes(tcp).await,
        Contender::WsioAdopted => {
            let (socket, _) = tokio_tungstenite::client_async(url, tcp).await?;
            let (_, stream) = wsio::native::from_tungstenite(socket);
            ask_bytes(stream.into_io()).await
        }
        Contender::Tungstenite => {
            let (socket, _) = tokio_tungstenite::client_async(url, tcp).await?;
            ask_message(socket).await
        }
        Contender::TokioWebsockets => {
            let builder = tokio_websockets::ClientBuilder::new().uri(&url)?;
            let (socket, _) = builder.connect_on(tcp).await?;
            ask_message(socket).await
        }
        Contender::WsStreamTungstenite => {
            let (socket, _) = async_tungstenite::client_async(url, tcp.compat()).await?;
            ask_bytes(PeerStream::new(socket).compat()).await
        }
    }
}

async fn serve(contender: Contender, tcp: TcpStream) -> Result<()> {
    match contender {
        Contender::Wsio | Contender::WsioAwaited => {
            let (_, stream) = wsio::native::accept(tcp).await?;
            answer_bytes(stream.into_io()).await
        }
        Contender::WsioAdopted => {
            let socket = tokio_tungstenite::accept_async(tcp).await?;
            let (_, stream) = wsio::native::from_tungstenite(socket);
            answer_bytes(stream.into_io()).await
        }
        Contender::Tungstenite => answer_message(tokio_tungstenite::accept_async(tcp).await?).await,
        Contender::TokioWebsockets => {
            let builder = tokio_websockets::ServerBuilder::new();
            answer_message(builder.accept(tcp).await?.1).await
        }
        Contender::WsStreamTungstenite => {
            let socket = async_tungstenite::accept_async(tcp.compat()).await?;
            answer_bytes(PeerStream::new(socket).compat()).await
        }
        Contender::Tcp => answer_bytes(tcp).await,
    }
}

async fn ask_bytes(mut io: impl Bytes) -> Result<()> {
    io.write_all(&[7; SIZE]).await?;
    io.flush().await?;
    io.read_exact(&mut [0; SIZE]).await?;
    Ok(())
}

async fn answer_bytes(mut io: impl Bytes) -> Result<()> {
    let mut buffer = [0; SIZE];
    io.read_exact(&mut buffer).await.context("the question")?;
    io.write_all(&buffer).await?;
    io.flush().await?;
    // The client goes first, in whatever way.
    let _ = io.read(&mut buffer).await;
    Ok(())
}

async fn ask_message(mut socket: impl Messages) -> Result<()> {
    socket.send(Payload::from_static(&[7; SIZE])).await?;
    socket.receive().await?;
    Ok(())
}

async fn answer_message(mut socket: impl Messages) -> Result<()> {
    let message = socket.receive().await.context("the question")?;
    socket.send(message).await?;
    let _ = socket.receive().await;
    Ok(())
}
