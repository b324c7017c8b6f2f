//! What a connection costs that nobody uses.

use std::time::Duration;

use futures::{SinkExt, StreamExt, future::join_all};
use tokio::{io::DuplexStream, runtime::Handle, task::JoinHandle};
use wsio::{
    WsMessage, WsStream,
    native::{Acceptor, Role},
};

use crate::heap;

const CONNECTIONS: usize = 200;

/// Both ends of a connection in memory.
async fn connect(acceptor: &Acceptor) -> (WsStream, WsStream) {
    let (client, server) = tokio::io::duplex(4096);
    let adopt = async |io: DuplexStream, role| acceptor.adopt(io, role, "", "").await.unwrap().1;
    (
        adopt(client, Role::Client).await,
        adopt(server, Role::Server).await,
    )
}

/// Sends back one message, and waits for the next; there is none, however.
fn serve(mut server: WsStream) -> JoinHandle<()> {
    tokio::spawn(async move {
        let first = server.next().await.unwrap().unwrap();
        server.send(first).await.unwrap();
        let end = server.next().await;
        assert!(end.is_none(), "{end:?}");
    })
}

async fn ask(client: &mut WsStream, size: usize) {
    let question = WsMessage::from(vec![7; size]);
    client.send(question.clone()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), question);
    // There is nothing more, and whoever finds that gives buffers back.
    assert!(futures::poll!(client.next()).is_pending());
}

/// What an end holds after a message of `size` bytes there and back.
async fn idle_cost(size: usize) -> usize {
    let acceptor = Acceptor::new();
    let mut held = Vec::with_capacity(2 * CONNECTIONS);
    let mut before = 0;
    for index in 0..2 * CONNECTIONS {
        // The first ones pay for what is there once.
        if index == CONNECTIONS {
            before = heap::allocated();
        }
        let (mut client, server) = connect(&acceptor).await;
        let serving = serve(server);
        ask(&mut client, size).await;
        held.push((client, serving));
    }
    let both = (heap::allocated() - before) / CONNECTIONS;
    // What is not ours: the pipe between the ends, as large as it is allowed to grow, the task.
    both.saturating_sub(2 * 4096 + 1024) / 2
}

#[tokio::test]
async fn f4_an_idle_connection_costs_less_than_10_kib() {
    let _alone = heap::alone().await;
    // However large the first message was.
    for size in [64, 5_000, 300_000] {
        let cost = idle_cost(size).await;
        println!("{cost} bytes for an end, after a message of {size} bytes");
        assert!(cost < 10 * 1024, "{cost} bytes after {size} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn f5_keepalive_and_idle_timeout_cost_no_task() {
    let _alone = heap::alone().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let beat = Duration::from_secs(20);
    let acceptor = Acceptor::new()
        .keepalive(beat, beat)
        .idle_timeout(Duration::from_secs(600));
    let mut clients = Vec::new();
    let mut servers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut client, server) = connect(&acceptor).await;
        servers.push(serve(server));
        ask(&mut client, 64).await;
        clients.push(client);
    }
    assert_eq!(tasks(), before + CONNECTIONS, "only the servers");

    // All through a time in which every end has sent and answered Pings.
    let reading = join_all(clients.iter_mut().map(StreamExt::next));
    let silent = tokio::time::timeout(10 * beat, reading).await;
    assert!(silent.is_err(), "a connection ended");
    assert_eq!(tasks(), before + CONNECTIONS, "still only the servers");

    drop(clients);
    join_all(servers).await.into_iter().for_each(Result::unwrap);
    assert_eq!(tasks(), before);
}
