//! A program that is started, killed, and started again.

use std::{net::SocketAddr, process::ExitStatus};

use anyhow::{Context, Error, Result};
use futures::future::BoxFuture;
use tokio::{
    process::{Child, ChildStdin},
    sync::{mpsc, oneshot, watch},
};
use wsio_demo_exchange::servers::Condition;

/// Starts a program, and resolves when it serves. The program ends when the future is dropped.
pub(crate) type Launch = Box<dyn Fn() -> BoxFuture<'static, Result<Started>> + Send>;

/// A program that serves at an address, until it is dropped.
pub(crate) struct Started {
    pub(crate) child: Child,
    /// Not left in the child, where waiting for its end would close it.
    pub(crate) _input: Option<ChildStdin>,
    pub(crate) addr: SocketAddr,
}

/// The state of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessState {
    Starting,
    Running(SocketAddr),
    Dead,
}

impl ProcessState {
    pub(crate) fn condition(self) -> Condition {
        match self {
            Self::Starting => Condition::Starting,
            Self::Running(_) => Condition::Running,
            Self::Dead => Condition::Dead,
        }
    }

    pub(crate) fn addr(self) -> Option<SocketAddr> {
        match self {
            Self::Running(addr) => Some(addr),
            Self::Starting | Self::Dead => None,
        }
    }
}

/// A program, and the task that looks after it. Dropping it kills the program.
#[derive(Debug)]
pub(crate) struct Process(mpsc::Sender<Wish>);

#[derive(Debug)]
enum Wish {
    Start(oneshot::Sender<Result<()>>),
    Kill(oneshot::Sender<()>),
}

impl Process {
    /// A program that is not started yet. Its state is kept at `index` of `states`.
    pub(crate) fn new(
        name: String,
        index: usize,
        states: watch::Sender<Vec<ProcessState>>,
        launch: Launch,
    ) -> Self {
        let (sender, wishes) = mpsc::channel(4);
        let supervisor = Supervisor {
            name,
            index,
            states,
            launch,
            phase: Phase::Dead,
        };
        tokio::spawn(supervisor.run(wishes));
        Self(sender)
    }

    /// Starts it unless it is running, and waits until it serves.
    pub(crate) async fn start(&self) -> Result<()> {
        let (done, started) = oneshot::channel();
        self.0.send(Wish::Start(done)).await?;
        started.await.context("it was killed as it started")?
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    pub(crate) async fn kill(&self) -> Result<()> {
        let (done, killed) = oneshot::channel();
        self.0.send(Wish::Kill(done)).await?;
        Ok(killed.await?)
    }
}

struct Supervisor {
    name: String,
    index: usize,
    states: watch::Sender<Vec<ProcessState>>,
    launch: Launch,
    phase: Phase,
}

enum Phase {
    Dead,
    Starting(
        BoxFuture<'static, Result<Started>>,
        Vec<oneshot::Sender<Result<()>>>,
    ),
    Running(Box<Started>),
}

enum Step {
    Wished(Option<Wish>),
    Launched(Result<Box<Started>>),
    Ended(Option<ExitStatus>),
}

impl Supervisor {
    async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        loop {
            let step = match &mut self.phase {
                Phase::Dead => Step::Wished(wishes.recv().await),
                Phase::Starting(launch, _) => tokio::select! {
                    wish = wishes.recv() => Step::Wished(wish),
                    launched = launch => Step::Launched(launched.map(Box::new)),
                },
                Phase::Running(running) => tokio::select! {
                    wish = wishes.recv() => Step::Wished(wish),
                    status = running.child.wait() => Step::Ended(status.ok()),
                },
            };
            match step {
                Step::Wished(Some(Wish::Start(done))) => self.start(done),
                Step::Wished(Some(Wish::Kill(done))) => self.kill(done).await,
                Step::Wished(None) => return,
                Step::Launched(launched) => self.launched(launched),
                Step::Ended(status) => {
                    // A signal is the user's, such as Ctrl-C.
                    if let Some(code) = status.and_then(|it| it.code())
                        && code != 0
                    {
                        eprintln!("{} has ended by itself, with code {code}", self.name);
                    }
                    self.enter(Phase::Dead);
                }
            }
        }
    }

    fn start(&mut self, done: oneshot::Sender<Result<()>>) {
        match &mut self.phase {
            Phase::Dead => {
                self.enter(Phase::Starting((self.launch)(), vec![done]));
            }
            Phase::Starting(_, waiting) => waiting.push(done),
            Phase::Running(..) => drop(done.send(Ok(()))),
        }
    }

    async fn kill(&mut self, done: oneshot::Sender<()>) {
        if let Phase::Running(running) = &mut self.phase
            && let Err(error) = running.child.kill().await
        {
            eprintln!("{} cannot be killed: {error}", self.name);
        }
        self.enter(Phase::Dead);
        // Nobody may be waiting any more.
        let _ = done.send(());
    }

    fn launched(&mut self, launched: Result<Box<Started>>) {
        let (phase, error) = match launched {
            Ok(started) => (Phase::Running(started), None),
            Err(error) => (Phase::Dead, Some(error)),
        };
        if let Phase::Starting(_, waiting) = self.enter(phase) {
            let text = error.map(|it| format!("{} does not start: {it:#}", self.name));
            for done in waiting {
                // Nobody may be waiting any more.
                let _ = done.send(text.clone().map_or(Ok(()), |it| Err(Error::msg(it))));
            }
        }
    }

    /// Enters a phase, and returns the one before.
    fn enter(&mut self, phase: Phase) -> Phase {
        let state = match &phase {
            Phase::Dead => ProcessState::Dead,
            Phase::Starting(..) => ProcessState::Starting,
            Phase::Running(running) => ProcessState::Running(running.addr),
        };
        let before = std::mem::replace(&mut self.phase, phase);
        self.states.send_if_modified(|states| {
            let place = states.get_mut(self.index);
            place.is_some_and(|place| std::mem::replace(place, state) != state)
        });
        before
    }
}
