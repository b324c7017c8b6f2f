//! Functions that several routes use on a connection.

use std::io;

use futures::{SinkExt, Stream, StreamExt, pin_mut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol};
use wsio::{
    Error, WsMessage, WsMeta, WsSender, WsStream,
    native::{Acceptor, Role},
};

use crate::{
    frame::{FIN, TEXT, frame},
    stream::CuttableStream,
};

/// Sends `messages`, and closes with 1000; gives up as soon as the client closes.
pub(super) async fn send_all(
    meta: WsMeta,
    stream: WsStream,
    messages: impl Stream<Item = WsMessage>,
) {
    let (sink, incoming) = stream.split();
    let sending = send(&meta, sink, messages);
    let reading = drain(incoming);
    tokio::select! {
        sent = sending => {
            if let Err(error) = sent {
                tracing::debug!(%error, "not everything was sent");
            }
        }
        () = reading => {}
    }
}

async fn send(
    meta: &WsMeta,
    mut sink: WsSender,
    messages: impl Stream<Item = WsMessage>,
) -> Result<(), Error> {
    pin_mut!(messages);
    while let Some(message) = messages.next().await {
        sink.send(message).await?;
    }
    meta.close_code(1000).await.map(drop)
}

/// Reads until the end.
pub(super) async fn drain(mut incoming: impl Stream + Unpin) {
    while incoming.next().await.is_some() {}
}

/// Reads bytes until the client ends the connection.
pub(super) async fn discard(conn: &mut CuttableStream) -> io::Result<()> {
    let mut scratch = vec![0; 64 * 1024];
    while conn.read(&mut scratch).await? > 0 {}
    Ok(())
}

/// The WebSocket over a connection on which frames have been written by hand.
pub(super) async fn adopt(conn: CuttableStream) -> io::Result<(WsMeta, WsStream)> {
    let adopted = Acceptor::new().adopt(conn, Role::Server, "", "").await?;
    Ok(adopted)
}

/// Returns the WebSocket as tokio-tungstenite has it, which also sends frames that wsio refuses to.
pub(super) async fn unchecked(conn: CuttableStream) -> WebSocketStream<CuttableStream> {
    WebSocketStream::from_raw_socket(conn, protocol::Role::Server, None).await
}

/// Writes the texts `0`, `1` … up to before `n`.
pub(super) async fn write_numbers(conn: &mut CuttableStream, n: u16) -> io::Result<()> {
    conn.write_all(&numbers(n)).await
}

/// The frames of the texts `0`, `1` … up to before `n`.
pub(super) fn numbers(n: u16) -> Vec<u8> {
    (0..n)
        .flat_map(|n| frame(FIN | TEXT, n.to_string().as_bytes()))
        .collect()
}
