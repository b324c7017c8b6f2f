//! R1 over a network that breaks anywhere: in the answer to the handshake, in a frame, a line, an
//! id.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, copy},
    net::{TcpListener, TcpStream},
};
use wsio::sse::{Connector, EventSource, Reconnect, SourceBuilder};

use crate::support::{Server, count_to, unique};

/// The first connection breaks after one byte, the next one after two, and so on: more than the
/// answer to a handshake and several events have.
const CUTS: u64 = 400;

const EVENTS: u32 = 1000;

/// Stands between a client and a server, and breaks connections.
async fn breaking(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for connection in 1.. {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            tokio::spawn(carry(client, server, connection));
        }
    });
    address
}

async fn carry(mut client: TcpStream, mut server: TcpStream, connection: u64) {
    let limit = if connection <= CUTS {
        connection
    } else {
        u64::MAX
    };
    client.set_nodelay(true).unwrap();
    {
        let (mut from_client, mut to_client) = client.split();
        let (from_server, mut to_server) = server.split();
        let mut from_server = from_server.take(limit);
        tokio::select! {
            _ = copy(&mut from_server, &mut to_client) => {}
            // The client has gone.
            _ = copy(&mut from_client, &mut to_server) => {}
        }
    }
    // An end, or a reset.
    if connection.is_multiple_of(2) {
        client.set_zero_linger().unwrap();
    }
}

async fn survives<C: Connector>(builder: SourceBuilder<C>) {
    let moment = std::time::Duration::from_millis(1);
    let at_once = Reconnect::new().delay(moment).backoff_factor(1.0);
    let mut source = builder.reconnect(at_once).build();
    assert_eq!(count_to(&mut source, EVENTS).await, CUTS);
}

fn route() -> String {
    format!("/events?topic={}&count={EVENTS}", unique("cuts"))
}

#[tokio::test]
async fn r1_a_websocket_may_break_anywhere() {
    let server = Server::start().await;
    let address = breaking(server.address()).await;
    survives(EventSource::ws(format!("ws://{address}{}", route()))).await;
}

#[tokio::test]
async fn r1_a_response_may_break_anywhere() {
    let server = Server::start().await;
    let address = breaking(server.address()).await;
    survives(EventSource::http(format!("http://{address}{}", route()))).await;
}
