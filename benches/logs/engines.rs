//! The places where logs are kept, and what these stand on.

use std::{
    fs::File,
    io::Write as _,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::{task::spawn_blocking, time::sleep};
use wsio::sse::SseEvent;
use wsio_events::{DiskStore, EventLog, EventLogs, Limits};
use wsio_redis::RedisLogs;

/// The attempts to reach a Redis that is starting, 50 ms apart.
const ATTEMPTS: u32 = 100;

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Memory,
    Disk,
    /// The same bytes written to a file, and synced.
    SyncedWrite,
    Redis,
    /// The command alone.
    Xadd,
}

impl Engine {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::SyncedWrite => "a synced write",
            Self::Redis => "Redis",
            Self::Xadd => "XADD",
        }
    }
}

/// A log in each, and a server of Redis that ends with them.
pub(crate) struct Engines {
    memory: EventLog,
    disk: EventLog,
    file: Arc<Mutex<File>>,
    redis: EventLog,
    other: EventLog,
    xadd: MultiplexedConnection,
    // Last, since the logs use them.
    _server: RedisServer,
    _folder: TempDir,
}

impl Engines {
    pub(crate) async fn start() -> Result<Self> {
        // In the folder of the build: what is in the system's may be memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let disk = DiskStore::open(folder.path().join("disk"), Limits::new())?;
        let server = RedisServer::start(&folder)?;
        let redis = server.logs().await?;
        let other = server.logs().await?;
        let client = redis::Client::open(server.url.as_str())?;
        Ok(Self {
            memory: EventLog::default(),
            disk: EventLogs::with_store(disk).open("log").await?,
            file: Arc::new(Mutex::new(File::create(folder.path().join("file"))?)),
            redis: redis.open("log").await?,
            other: other.open("log").await?,
            xadd: client.get_multiplexed_async_connection().await?,
            _server: server,
            _folder: folder,
        })
    }

    pub(crate) fn log(&self, engine: Engine) -> Option<&EventLog> {
        match engine {
            Engine::Memory => Some(&self.memory),
            Engine::Disk => Some(&self.disk),
            Engine::Redis => Some(&self.redis),
            Engine::SyncedWrite | Engine::Xadd => None,
        }
    }

    /// Returns the log in Redis as another server has it.
    pub(crate) fn other(&self) -> &EventLog {
        &self.other
    }

    pub(crate) async fn append(&self, engine: Engine, data: String) -> Result<()> {
        if let Some(log) = self.log(engine) {
            log.append(SseEvent::new(data)).await?;
            return Ok(());
        }
        if engine == Engine::SyncedWrite {
            let file = Arc::clone(&self.file);
            let write = move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.write_all(data.as_bytes())?;
                file.sync_data()
            };
            return Ok(spawn_blocking(write).await??);
        }
        let mut xadd = redis::cmd("XADD");
        xadd.arg("xadd").arg("MAXLEN").arg("=").arg(10_000);
        xadd.arg("*").arg("body").arg(data);
        Ok(xadd.exec_async(&mut self.xadd.clone()).await?)
    }
}

struct RedisServer {
    child: Child,
    url: String,
}

impl RedisServer {
    fn start(folder: &TempDir) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--appendonly", "yes", "--save", ""])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server is not installed")?;
        let url = format!("redis://127.0.0.1:{port}");
        Ok(Self { child, url })
    }

    /// Connects as one server does.
    async fn logs(&self) -> Result<EventLogs> {
        for _ in 0..ATTEMPTS {
            if let Ok(logs) = RedisLogs::connect(&self.url).await {
                return Ok(logs);
            }
            sleep(Duration::from_millis(50)).await;
        }
        bail!("Redis does not start")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
