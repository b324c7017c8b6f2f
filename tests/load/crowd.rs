//! Very many connections at once.

use std::{io, net::SocketAddr};

use futures::{SinkExt, StreamExt, future::join_all};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream},
    net::TcpListener,
    runtime::Handle,
    sync::mpsc,
    task::JoinSet,
};
use wsio::{WsMessage, WsMeta, WsStream, native};

use crate::heap;

const CONNECTIONS: usize = 5_000;
/// One of so many has traffic.
const BUSY: usize = 10;
/// How many are being opened at the same time; a listener keeps no more waiting.
const AT_ONCE: usize = 64;
/// Files that are open besides: the runtime's, the test's, its listener.
const SPARE: usize = 100;
/// What may be left per connection, in bytes: what a runtime keeps for next time.
const LEFT: usize = 100;

/// How the connections travel: over TCP, as many as this process may open, and the others in
/// memory.
struct Roads {
    address: SocketAddr,
    pipes: mpsc::UnboundedSender<DuplexStream>,
    over_tcp: usize,
}

impl Roads {
    /// Also starts a server that echoes what comes over them.
    async fn open(connections: usize) -> Self {
        let wanted = 2 * connections + SPARE;
        let limit = rlimit::increase_nofile_limit(wanted as u64).unwrap_or(1_024);
        let over_tcp = (wanted.min(limit as usize) - SPARE) / 2;
        println!("{over_tcp} over TCP, {} in memory", connections - over_tcp);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pipes, piped) = mpsc::unbounded_channel();
        tokio::spawn(serve(listener, piped));
        Self {
            address,
            pipes,
            over_tcp,
        }
    }

    async fn connect(&self, index: usize) -> (WsMeta, WsStream) {
        let builder = WsMeta::builder(format!("ws://{}/", self.address));
        let builder = if index < self.over_tcp {
            builder
        } else {
            let pipes = self.pipes.clone();
            builder.connector(move |_, _| {
                let (near, far) = tokio::io::duplex(4096);
                let sent = pipes.send(far).map_err(io::Error::other);
                async move { sent.map(|()| near) }
            })
        };
        builder.connect().await.unwrap()
    }
}

/// Ends once nobody can open a connection in memory any more and all connections have ended.
async fn serve(listener: TcpListener, mut piped: mpsc::UnboundedReceiver<DuplexStream>) {
    let mut serving = JoinSet::new();
    loop {
        tokio::select! {
            tcp = listener.accept() => {
                serving.spawn(echo(tcp.unwrap().0));
            }
            pipe = piped.recv() => match pipe {
                Some(pipe) => {
                    serving.spawn(echo(pipe));
                }
                None => break,
            }
        }
    }
    while let Some(served) = serving.join_next().await {
        served.unwrap();
    }
}

async fn echo(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let (_, mut stream) = native::accept(io).await.unwrap();
    while let Some(message) = stream.next().await {
        stream.send(message.unwrap()).await.unwrap();
    }
}

/// A message of `size` bytes there and back.
async fn exchange(stream: &mut WsStream, size: usize) {
    let question = WsMessage::from(vec![size as u8; size]);
    stream.send(question.clone()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), question);
}

/// What the connections were like while they were open, in bytes of heap for both ends.
async fn crowd(connections: usize) -> usize {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (heap_before, tasks_before) = (heap::allocated(), tasks());
    let roads = Roads::open(connections).await;
    let mut open: Vec<_> = futures::stream::iter(0..connections)
        .map(|index| roads.connect(index))
        .buffered(AT_ONCE)
        .collect()
        .await;
    // The server's, and one for each of its connections; none of the library's.
    assert_eq!(tasks(), tasks_before + 1 + connections);
    let each = (heap::allocated() - heap_before) / connections;

    let busy = open.iter_mut().step_by(BUSY);
    join_all(busy.map(async |(_, stream)| {
        for size in (0..20_000).step_by(1_000) {
            exchange(stream, size).await;
        }
    }))
    .await;
    // Those that were idle all the time are as alive as the others.
    for (_, stream) in &mut open {
        exchange(stream, 10).await;
    }

    // Nobody reads any more: half of them are closed, and half just dropped.
    let closed = open.iter().take(connections / 2);
    let ends = join_all(closed.map(|(meta, _)| meta.close())).await;
    assert!(ends.iter().all(|end| end.was_clean));
    drop(open);
    drop(roads);
    while tasks() > tasks_before {
        tokio::task::yield_now().await;
    }
    each
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_five_thousand_connections_with_traffic_on_some() {
    let _alone = heap::alone().await;
    // What a process and a runtime have once, and keep.
    crowd(CONNECTIONS / 10).await;

    let before = heap::allocated();
    let each = crowd(CONNECTIONS).await;
    let left = heap::allocated().saturating_sub(before);
    println!("{each} bytes for both ends of a connection; {left} bytes left of all");
    assert!(left < CONNECTIONS * LEFT, "{left} bytes are left");
}
