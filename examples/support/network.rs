//! A network that breaks down, for the examples that show what happens then.

use std::{io, iter, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Goes between a client and a server, until it is dropped.
pub(crate) struct Network {
    /// Where the server seems to be.
    pub(crate) addr: SocketAddr,
    _tasks: JoinSet<io::Result<()>>,
}

impl Network {
    /// One that breaks the first connection off when so many bytes have come from the server,
    /// wherever in the stream that is, and none after that.
    pub(crate) async fn failing_once(server: SocketAddr, after: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for limit in iter::once(after).chain(iter::repeat(u64::MAX)) {
                let (client, _) = listener.accept().await?;
                connections.spawn(forward(client, server, limit));
            }
            Ok(())
        });
        Ok(Self {
            addr,
            _tasks: tasks,
        })
    }
}

/// Ends as soon as either side does. Both connections are closed then.
async fn forward(mut client: TcpStream, server: SocketAddr, limit: u64) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut from_server = from_server.take(limit);
    tokio::select! {
        up = copy(&mut from_client, &mut to_server) => up?,
        down = copy(&mut from_server, &mut to_client) => down?,
    };
    Ok(())
}
