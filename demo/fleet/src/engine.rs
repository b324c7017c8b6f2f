//! The engine: a redis-server with a folder of its own.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    time::{sleep, timeout},
};

use crate::process::{Launch, Started};

/// The time from its start until it answers, the reading of its file included.
const PATIENCE: Duration = Duration::from_secs(20);

/// The ports for engines.
const FIRST_PORT: u16 = 20_000;
const PORTS: u32 = 10_000;

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
    // Nothing listens there yet when the next one is asked for.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let step = std::process::id().wrapping_mul(16).wrapping_add(next) % PORTS;
        let port = FIRST_PORT + u16::try_from(step)?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
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
    let id = child.id().context("it ended at once")?;
    let answers = async {
        while !answers(addr, id).await {
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

/// Returns whether the engine at this address has read its file, and is this process. Another one
/// may have been faster to take the port.
async fn answers(addr: SocketAddr, process: u32) -> bool {
    let ask = async {
        let connection = TcpStream::connect(addr).await?;
        let mut connection = BufReader::new(connection);
        connection.write_all(b"PING\r\nINFO server\r\n").await?;
        let mut lines = connection.lines();
        if lines.next_line().await?.as_deref() != Some("+PONG") {
            return Ok(false);
        }
        let ours = format!("process_id:{process}");
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("process_id:") {
                return Ok(line == ours);
            }
        }
        io::Result::Ok(false)
    };
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}
