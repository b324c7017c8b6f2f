//! The servers of the demo of wsio: processes that can be killed and started again, on one engine,
//! behind a wire that can be cut.
//!
//! The demo shows them, and the soak test runs them for as long as it likes.

mod engine;
mod process;
mod routes;
mod server;
mod storm;
mod wire;

use std::{
    ffi::OsString,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result};
use futures::future::try_join_all;
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::watch};
use wsio_demo_exchange::servers::{Condition, Part, PartState};

use self::process::{Process, ProcessState};
pub use self::{
    storm::{Faults, Storm},
    wire::Wire,
};

/// The options of a [`Fleet`].
#[derive(Debug)]
pub struct FleetOptions {
    /// The redis-server to run.
    pub engine: PathBuf,
    /// The program of the servers, which says on its first line of output where it listens, and ends
    /// at the end of its input.
    pub server: PathBuf,
    /// The arguments of the servers, before the address of the engine.
    pub args: Vec<OsString>,
    /// The number of servers.
    pub servers: usize,
}

/// A redis-server, and servers on it. All of them end when this is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The engine and the servers, in the order of their states.
    processes: Vec<Process>,
    states: watch::Sender<Vec<ProcessState>>,
    engine_url: String,
    /// The server that is dialled next.
    next: AtomicUsize,
    /// The files of the engine; removed in the end.
    folder: TempDir,
}

impl Fleet {
    /// Starts all of them, and waits until they serve.
    ///
    /// # Errors
    ///
    /// One of them does not start.
    pub async fn start(options: FleetOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("wsio-fleet-").tempdir()?;
        let engine = engine::free_address().await?;
        let engine_url = format!("redis://{engine}");
        let states = watch::Sender::new(vec![ProcessState::Dead; options.servers + 1]);
        let mut args = options.args;
        args.push((&engine_url).into());

        let launch = engine::launch(options.engine, folder.path().to_owned(), engine);
        let mut launches = vec![launch];
        launches.extend(
            (0..options.servers).map(|_| server::launch(options.server.clone(), args.clone())),
        );
        let processes = launches.into_iter().enumerate().map(|(index, launch)| {
            Process::new(part(index).to_string(), index, states.clone(), launch)
        });
        let fleet = Self {
            processes: processes.collect(),
            states,
            engine_url,
            next: AtomicUsize::new(0),
            folder,
        };
        // A server needs the engine.
        fleet.start_part(Part::Engine).await?;
        try_join_all(fleet.processes.iter().map(Process::start)).await?;
        Ok(fleet)
    }

    /// Returns the address of the engine.
    #[must_use]
    pub fn engine_url(&self) -> &str {
        &self.engine_url
    }

    /// Kills a part (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    ///
    /// There is no such part.
    pub async fn kill_part(&self, part: Part) -> Result<()> {
        self.process(part)?.kill().await
    }

    /// Starts a part unless it is running, and waits until it serves. A server waits for the engine.
    ///
    /// # Errors
    ///
    /// There is no such part, it does not start, or is killed meanwhile.
    pub async fn start_part(&self, part: Part) -> Result<()> {
        self.process(part)?.start().await
    }

    /// Starts the engine without anything that it had kept, as after the loss of its disk. If it is
    /// running, it is killed first.
    ///
    /// # Errors
    ///
    /// It does not start, or is killed meanwhile.
    pub async fn start_engine_empty(&self) -> Result<()> {
        self.kill_part(Part::Engine).await?;
        engine::empty(self.folder.path())?;
        self.start_part(Part::Engine).await
    }

    /// Returns the states of all parts, the engine first.
    #[must_use]
    pub fn states(&self) -> Vec<PartState> {
        let states = self.states.borrow();
        let states = states.iter().enumerate();
        let state = |(index, state): (usize, &ProcessState)| PartState {
            part: part(index),
            condition: state.condition(),
        };
        states.map(state).collect()
    }

    /// Returns the number of servers that are running.
    #[must_use]
    pub fn running_servers(&self) -> usize {
        let is_running =
            |it: &PartState| it.part != Part::Engine && it.condition == Condition::Running;
        self.states().iter().filter(|it| is_running(it)).count()
    }

    /// Returns what resolves at each change of a state.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes(self.states.subscribe())
    }

    /// Connects to a running server, in turn.
    async fn dial(&self) -> Result<(u32, TcpStream)> {
        let states = self.states.borrow().clone();
        let servers: Vec<_> = (1..).zip(states.iter().skip(1)).collect();
        let begin = self.next.fetch_add(1, Ordering::Relaxed) % servers.len().max(1);
        let (before, after) = servers.split_at(begin);
        for (number, state) in after.iter().chain(before) {
            if let Some(addr) = state.addr()
                && let Ok(connection) = TcpStream::connect(addr).await
            {
                // Small messages are to leave at once; that it cannot be set is no reason to refuse.
                let _ = connection.set_nodelay(true);
                return Ok((*number, connection));
            }
        }
        anyhow::bail!("no server is running")
    }

    fn process(&self, part: Part) -> Result<&Process> {
        let index = match part {
            Part::Engine => 0,
            Part::Server(number) => usize::try_from(number)?,
        };
        let is_known = index > 0 || part == Part::Engine;
        let process = self.processes.get(index).filter(|_| is_known);
        process.with_context(|| format!("there is no {part}"))
    }
}

/// Resolves at each change of a state of a [`Fleet`].
#[derive(Debug)]
pub struct Changes(watch::Receiver<Vec<ProcessState>>);

impl Changes {
    /// Waits for a change since the last call. Returns `false` if the fleet is gone.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// Returns the part whose state is at `index`.
fn part(index: usize) -> Part {
    match u32::try_from(index) {
        Ok(number) if number > 0 => Part::Server(number),
        _ => Part::Engine,
    }
}
