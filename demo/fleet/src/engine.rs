//! The engine: a redis-server with a folder of its own.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    time::{sleep, timeout},
};

use crate::process::{Launch, Started};

/// The time from its start until it answers, the reading of its file included.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder in which it keeps its file.
const KEPT: &str = "appendonlydir";

/// It writes every append to its file before it acknowledges it, and keeps no snapshots.
const FLAGS: [&str; 14] = [
    "--bind",
    "127.0.0.1",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--appenddirname",
    KEPT,
    "--auto-aof-rewrite-percentage",
    "0",
    "--save",
    "",
    "--loglevel",
    "warning",
];

/// Starts `program` with its files in `folder`, always on the same port.
pub(crate) fn launch(program: PathBuf, folder: PathBuf, addr: SocketAddr) -> Launch {
    Box::new(move || start(program.clone(), folder.clone(), addr).boxed())
}

/// Returns an address that nobody listens on.
///
/// Its port is below those that systems hand out to connections. With one of theirs a client that
/// connects while the engine is away could be given that very port, be connected to itself, and
/// keep the engine from coming back.
pub(crate) async fn free_address() -> Result<SocketAddr> {
    let start = u16::try_from(std::process::id() % 10_000).unwrap_or_default();
    for step in 0..10_000 {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 20_000 + (start + step) % 10_000));
        if TcpListener::bind(addr).await.is_ok() {
            return Ok(addr);
        }
    }
    bail!("no port is free for the engine")
}

/// Removes all that it has kept in its folder.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder.join(KEPT)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

async fn start(program: PathBuf, folder: PathBuf, addr: SocketAddr) -> Result<Started> {
    let mut child = Command::new(&program)
        .args(["--port", &addr.port().to_string(), "--dir"])
        .arg(&folder)
        .args(FLAGS)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!(
                "cannot run {} (Debian: apt-get install redis-server)",
                program.display()
            )
        })?;
    let answers = async {
        while !answers(addr).await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        status = child.wait() => bail!("it ended at once: {}", status?),
        answered = timeout(PATIENCE, answers) => answered.context("it does not answer")?,
    }
    Ok(Started {
        child,
        _input: None,
        addr,
    })
}

/// Returns whether it is up, and has read its file.
async fn answers(addr: SocketAddr) -> bool {
    let ask = async {
        let mut connection = TcpStream::connect(addr).await?;
        connection.write_all(b"PING\r\n").await?;
        let mut answer = [0; 5];
        connection.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"+PONG")
    };
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}
