//! A proxy that can be told to fail.

use std::{net::Ipv4Addr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// Passes connections on to another port of this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<watch::Sender<u16>>,
    /// The number of connections so far that pass nothing on from the server.
    deaf: watch::Sender<usize>,
    accepted: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(watch::Sender::new(target));
        let (deaf, deaf_out) = watch::channel(0);
        let (accepted_in, accepted) = watch::channel(0_usize);
        let targets = Arc::clone(&target);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = *accepted_in.borrow() + 1;
                let port = *targets.borrow();
                if let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = far.into_split();
                    let never = watch::channel(0).1;
                    tokio::spawn(pass(near_in, far_out, number, never));
                    tokio::spawn(pass(far_in, near_out, number, deaf_out.clone()));
                }
                accepted_in.send_replace(number);
            }
        });
        Self {
            port,
            target,
            deaf,
            accepted,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Passes new connections on to another port; those that are there stay where they are.
    pub(crate) fn retarget(&self, port: u16) {
        self.target.send_replace(port);
    }

    /// Returns the number of connections so far.
    pub(crate) fn accepted(&self) -> usize {
        *self.accepted.borrow()
    }

    /// From now on the connections so far bring nothing from the server, though they stay open.
    pub(crate) fn deafen(&self) {
        self.deaf.send_replace(self.accepted());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    deaf: watch::Receiver<usize>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if *deaf.borrow() >= number {
            continue;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
