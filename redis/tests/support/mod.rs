//! Real engines for tests, and a proxy before them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt};
use redis::Value;
use tempfile::TempDir;
use tokio::time::timeout;
use wsio::sse::SseEvent;
use wsio_events::{EventLog, EventLogs, Lagged, Subscription};
use wsio_redis::{RedisLogs, RedisLogsBuilder};

mod proxy;

#[allow(unused_imports)]
pub(crate) use proxy::Proxy;

/// The time in which everything happens that is to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A `redis-server` on a free port of this machine, with a directory of its own. It is killed when
/// this is dropped.
pub(crate) struct RedisServer {
    pub(crate) port: u16,
    child: Option<Child>,
    folder: TempDir,
    options: Vec<String>,
}

impl RedisServer {
    /// Starts a server that keeps everything in memory.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// Starts a server that writes everything to disk before it answers.
    pub(crate) fn with_append_only_file() -> Self {
        Self::with("--appendonly yes --appendfsync always")
    }

    /// Starts a server with more options.
    pub(crate) fn with(options: &str) -> Self {
        let mut server = Self {
            port: 0,
            child: None,
            folder: tempfile::tempdir().unwrap(),
            options: options.split_whitespace().map(str::to_owned).collect(),
        };
        // Another process may take the port first.
        for _ in 0..10 {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            if server.launch() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills the server as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts the killed server again, on the same port and with the same files.
    pub(crate) fn launch_again(&mut self) {
        assert!(self.launch(), "redis-server does not start again");
    }

    fn launch(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--enable-debug-command", "yes", "--daemonize", "no"])
            .args(["--port", &self.port.to_string()])
            .args(["--repl-diskless-sync-delay", "0"])
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("redis-server is installed");
        self.child = Some(child);
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            let has_ended = |child: &mut Child| child.try_wait().unwrap().is_some();
            if self.child.as_mut().is_none_or(has_ended) {
                return false;
            }
            if self.is_ready() {
                return true;
            }
            thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// Returns whether this very process answers, with all its data.
    fn is_ready(&self) -> bool {
        let Ok(client) = redis::Client::open(self.url()) else {
            return false;
        };
        let Ok(mut connection) = client.get_connection() else {
            return false;
        };
        match redis::cmd("PING").query::<Value>(&mut connection) {
            Ok(_) => true,
            Err(error) => error.code() == Some("NOAUTH"),
        }
    }

    /// Sends a command, and returns the answer.
    pub(crate) fn command(&self, command: &str) -> Value {
        self.try_command(command).unwrap()
    }

    /// Sends a command, and returns the answer.
    pub(crate) fn try_command(&self, command: &str) -> redis::RedisResult<Value> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let mut words = command.split_whitespace();
        let mut command = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            command.arg(word);
        });
        command.query(&mut connection)
    }

    /// Returns a line of `INFO`.
    pub(crate) fn info(&self, name: &str) -> String {
        let Value::BulkString(info) = self.command("INFO everything") else {
            panic!("INFO is text");
        };
        let info = String::from_utf8(info).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').to_owned()
    }

    /// Makes this a replica of another server, and waits until it has everything.
    pub(crate) fn replicate(&self, master: &Self) {
        self.command(&format!("REPLICAOF 127.0.0.1 {}", master.port));
        eventually(|| self.info("master_link_status") == "up");
        eventually(|| self.info("master_repl_offset") == master.info("master_repl_offset"));
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until something is so.
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "it is not so in time");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The same without holding the thread.
pub(crate) async fn eventually_async(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "it is not so in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Returns options for a test: short times.
pub(crate) fn options(url: &str) -> RedisLogsBuilder {
    RedisLogs::builder(url)
        .timeout(Duration::from_secs(5))
        .probe(Duration::from_millis(100))
}

/// Connects to a server.
pub(crate) async fn connect(server: &RedisServer) -> EventLogs {
    options(&server.url()).connect().await.unwrap()
}

/// Appends an event with this number as its data, and returns its id.
pub(crate) async fn append(log: &EventLog, number: u64) -> String {
    let event = SseEvent::new(number.to_string());
    log.append(event).await.unwrap().to_string()
}

/// Returns the next event or report, which comes soon.
pub(crate) async fn next(subscription: &mut Subscription) -> Result<String, Lagged> {
    let next = timeout(SOON, subscription.next()).await;
    let next = next.expect("an event comes in time");
    next.expect("the log goes on").map(|event| event.data)
}

/// Returns the next event.
pub(crate) async fn next_number(subscription: &mut Subscription) -> u64 {
    next(subscription).await.unwrap().parse().unwrap()
}

/// Returns whether there is nothing more right now.
pub(crate) fn is_silent(subscription: &mut Subscription) -> bool {
    subscription.next().now_or_never().is_none()
}

/// Expects events with the numbers of a range, in order, each once.
pub(crate) async fn expect_numbers(subscription: &mut Subscription, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert_eq!(next_number(subscription).await, number);
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Appends an event under a key of its own, so that it is sent again where a connection is lost.
pub(crate) async fn append_surely(log: &EventLog, number: u64) -> String {
    static KEYS: AtomicU64 = AtomicU64::new(0);
    let key = format!("append {}", KEYS.fetch_add(1, Ordering::Relaxed));
    let event = SseEvent::new(number.to_string());
    log.append_once(&key, event).await.unwrap().to_string()
}
