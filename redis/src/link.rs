//! A connection to Redis that is made anew whenever it is lost.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisError,
    ServerErrorKind, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::{JoinHandle, unconstrained},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use crate::{error::CallError, script::RedisScript};

/// The first delay before a connection is made anew, and the largest.
const RETRY: [Duration; 2] = [Duration::from_millis(25), Duration::from_secs(1)];

/// The time for which a connection lives that is not a failed attempt.
const LIVED: Duration = Duration::from_secs(2);

/// The delay after which a command is repeated that Redis was not ready for.
const NOT_READY: Duration = Duration::from_millis(50);

/// The number of commands that wait to be written. Up to this number they stay in the order in which
/// they were begun.
const QUEUE: usize = 1 << 16;

/// A handler of what Redis sends without being asked.
pub(crate) type PushHandler = Arc<dyn Fn(&[Value]) + Send + Sync>;

/// One connection to Redis, shared by all who have commands. A task makes it anew whenever it is
/// lost, with growing delays. It ends with this.
pub(crate) struct RedisLink {
    state: watch::Receiver<LinkState>,
    suspects: mpsc::UnboundedSender<u64>,
    keeper: JoinHandle<()>,
}

/// The state of a [`RedisLink`].
#[derive(Clone)]
pub(crate) enum LinkState {
    /// There is no connection, and why if that is known.
    Down(Option<RedisError>),
    Up(LinkConnection),
}

/// A connection of a [`RedisLink`], distinguished from those before by its generation.
#[derive(Clone)]
pub(crate) struct LinkConnection {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) generation: u64,
}

/// The consequence for a command of which nobody knows whether it was executed: it is sent once more,
/// or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepeatCall {
    Harmless,
    Never,
}

impl RedisLink {
    /// Begins to connect. The scripts are loaded first, so that commands are executed in the order in
    /// which they are sent. `pushes` is called for each message of a channel.
    pub(crate) fn new(
        client: Client,
        attempt: Duration,
        scripts: &'static [&'static RedisScript],
        pushes: PushHandler,
    ) -> Self {
        let (state_in, state) = watch::channel(LinkState::Down(None));
        let (suspects, suspects_out) = mpsc::unbounded_channel();
        let dialer = RedisDialer {
            client,
            attempt,
            scripts,
            pushes,
        };
        Self {
            state,
            suspects,
            keeper: tokio::spawn(keep(dialer, state_in, suspects_out)),
        }
    }

    /// Waits for a connection; `None` if there will be none.
    pub(crate) async fn up(&self) -> Option<LinkConnection> {
        let mut state = self.state.clone();
        let up = state.wait_for(|state| matches!(state, LinkState::Up(_)));
        match &*up.await.ok()? {
            LinkState::Up(connected) => Some(connected.clone()),
            LinkState::Down(_) => None,
        }
    }

    /// Waits for the end of a connection.
    pub(crate) async fn over(&self, generation: u64) {
        let mut state = self.state.clone();
        let over = state.wait_for(|state| match state {
            LinkState::Up(connected) => connected.generation != generation,
            LinkState::Down(_) => true,
        });
        // Without a keeper it is over, too.
        drop(over.await);
    }

    /// Reports that the connection of this generation does not work, so that it is replaced.
    pub(crate) fn suspect(&self, generation: u64) {
        // There is always a keeper.
        let _ = self.suspects.send(generation);
    }

    /// Runs a script, which is loaded if Redis does not know it.
    pub(crate) async fn run(
        &self,
        script: &RedisScript,
        command: &Cmd,
        repeat: RepeatCall,
        deadline: Instant,
    ) -> Result<Value, CallError> {
        match self.call(command, repeat, deadline).await {
            Err(CallError::Refused(error)) if is_server(&error, ServerErrorKind::NoScript) => {
                self.call(&script.load(), RepeatCall::Harmless, deadline)
                    .await
                    .map_err(CallError::before_sending)?;
                self.call(command, repeat, deadline).await
            }
            done => done,
        }
    }

    /// Sends a command, waiting for a connection if there is none.
    pub(crate) async fn call(
        &self,
        command: &Cmd,
        repeat: RepeatCall,
        deadline: Instant,
    ) -> Result<Value, CallError> {
        let mut refusal = None;
        let mut is_in_doubt = false;
        // A connection may look healthy and bring nothing: half of the time is for another one.
        let mut patience = match repeat {
            RepeatCall::Harmless => Instant::now() + (deadline - Instant::now()) / 2,
            RepeatCall::Never => deadline,
        };
        loop {
            let connected = self.connected(deadline).await;
            let failure = match (connected, refusal.take()) {
                (Ok(connected), _) => match self.attempt(connected, command, patience).await {
                    Ok(value) => return Ok(value),
                    Err(failure) => failure,
                },
                (Err(CallError::Away(None)), Some(error)) => CallError::Refused(error),
                (Err(error), _) => error,
            };
            let is_unknown = matches!(failure, CallError::Lost(_) | CallError::Silent);
            is_in_doubt |= is_unknown;
            patience = deadline;
            let again = Instant::now() + NOT_READY;
            let may_repeat = match &failure {
                CallError::Refused(error) => matches!(advice(error), CallAdvice::Wait),
                _ => is_unknown && repeat == RepeatCall::Harmless,
            };
            if again >= deadline || !may_repeat {
                return Err(match is_in_doubt {
                    true => failure.in_doubt(),
                    false => failure,
                });
            }
            if let CallError::Refused(error) = failure {
                refusal = Some(error);
            }
            sleep_until(again).await;
        }
    }

    /// Sends a command once; a connection that does not work is replaced.
    async fn attempt(
        &self,
        connected: LinkConnection,
        command: &Cmd,
        patience: Instant,
    ) -> Result<Value, CallError> {
        let LinkConnection {
            mut connection,
            generation,
        } = connected;
        // In the order in which they are begun, also those of a task that has used up its turn.
        let sending = unconstrained(connection.send_packed_command(command));
        let answer = timeout_at(patience, sending).await;
        let answer = answer.map(|sent| sent.and_then(Value::extract_error));
        let (failure, is_broken) = match answer {
            Ok(Ok(value)) => return Ok(value),
            Err(_) => (CallError::Silent, true),
            Ok(Err(error)) => match advice(&error) {
                CallAdvice::Lost => (CallError::Lost(error), true),
                // Another server may be at this address now.
                CallAdvice::Wait => {
                    let is_replica = is_server(&error, ServerErrorKind::ReadOnly);
                    (CallError::Refused(error), is_replica)
                }
                CallAdvice::Refused => (CallError::Refused(error), false),
            },
        };
        if is_broken {
            self.suspect(generation);
            // What comes next is for another connection.
            let soon = Instant::now() + NOT_READY;
            let _ = timeout_at(soon, self.over(generation)).await;
        }
        Err(failure)
    }

    /// Waits for a connection.
    async fn connected(&self, deadline: Instant) -> Result<LinkConnection, CallError> {
        if let LinkState::Up(connected) = &*self.state.borrow() {
            return Ok(connected.clone());
        }
        if let Ok(Some(connected)) = timeout_at(deadline, self.up()).await {
            return Ok(connected);
        }
        Err(CallError::Away(match &*self.state.borrow() {
            LinkState::Down(error) => error.clone(),
            LinkState::Up(_) => None,
        }))
    }

    /// Waits for the result of the first attempt.
    pub(crate) async fn first(&self, deadline: Instant) -> Result<(), CallError> {
        let mut state = self.state.clone();
        let tried = state.wait_for(|state| !matches!(state, LinkState::Down(None)));
        match timeout_at(deadline, tried).await {
            Ok(Ok(state)) => match &*state {
                LinkState::Up(_) => Ok(()),
                LinkState::Down(error) => Err(CallError::Away(error.clone())),
            },
            _ => Err(CallError::Away(None)),
        }
    }
}

impl Drop for RedisLink {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The consequence of an error.
enum CallAdvice {
    /// The command was not executed, and would not be if it was repeated.
    Refused,
    /// It was not executed; Redis may be ready in a moment, or another server be there.
    Wait,
    /// The connection is lost, and nobody knows whether the command was executed.
    Lost,
}

fn advice(error: &RedisError) -> CallAdvice {
    match error.kind() {
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly => CallAdvice::Wait,
            _ => CallAdvice::Refused,
        },
        // An error that only Redis knows: its answer to this command.
        ErrorKind::Extension => match error.code() {
            Some("BUSY") => CallAdvice::Wait,
            _ => CallAdvice::Refused,
        },
        ErrorKind::AuthenticationFailed | ErrorKind::Client | ErrorKind::InvalidClientConfig => {
            CallAdvice::Refused
        }
        _ => CallAdvice::Lost,
    }
}

fn is_server(error: &RedisError, kind: ServerErrorKind) -> bool {
    error.kind() == ErrorKind::Server(kind)
}

/// Makes connections.
struct RedisDialer {
    client: Client,
    attempt: Duration,
    scripts: &'static [&'static RedisScript],
    pushes: PushHandler,
}

impl RedisDialer {
    /// Connects; `lost` is notified when the connection is over.
    async fn dial(&self, lost: Arc<Notify>) -> Result<MultiplexedConnection, RedisError> {
        let pushes = Arc::clone(&self.pushes);
        let on_push = move |push: PushInfo| -> Result<(), redis::aio::SendError> {
            match push.kind {
                PushKind::Disconnection => lost.notify_one(),
                PushKind::Message => pushes(&push.data),
                _ => {}
            }
            Ok(())
        };
        // The deadlines are ours: each command has its own.
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_connection_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(on_push);
        let dialing = async {
            let client = &self.client;
            let dialing = client.get_multiplexed_async_connection_with_config(&config);
            let mut connection = dialing.await?;
            for script in self.scripts {
                let load = script.load();
                connection
                    .send_packed_command(&load)
                    .await?
                    .extract_error()?;
            }
            Ok(connection)
        };
        match timeout(self.attempt, dialing).await {
            Ok(dialed) => dialed,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }
}

/// Returns the client for a URL, with the protocol that brings messages beside answers.
pub(crate) fn client(url: &str) -> Result<Client, RedisError> {
    let info = Client::open(url)?.get_connection_info().clone();
    let settings = info.redis_settings().clone();
    let settings = settings.set_protocol(ProtocolVersion::RESP3);
    #[cfg(any(feature = "rustls-native-roots", feature = "rustls-webpki-roots"))]
    if matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
        // Where several implementations are compiled in and none is chosen, rustls would panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Client::open(info.set_redis_settings(settings))
}

async fn keep(
    dialer: RedisDialer,
    state: watch::Sender<LinkState>,
    mut suspects: mpsc::UnboundedReceiver<u64>,
) {
    let mut delay = RETRY[0];
    for generation in 1.. {
        let began = Instant::now();
        let lost = Arc::new(Notify::new());
        match dialer.dial(Arc::clone(&lost)).await {
            Ok(connection) => {
                state.send_replace(LinkState::Up(LinkConnection {
                    connection,
                    generation,
                }));
                tokio::select! {
                    () = lost.notified() => {}
                    () = suspected(&mut suspects, generation) => {}
                }
                state.send_replace(LinkState::Down(None));
                tracing::warn!("a connection to Redis is lost, and made anew");
            }
            Err(error) => {
                tracing::warn!(%error, "Redis cannot be reached, and is tried again");
                state.send_replace(LinkState::Down(Some(error)));
            }
        }
        if began.elapsed() > LIVED {
            delay = RETRY[0];
        }
        sleep(jittered(delay)).await;
        delay = (delay * 2).min(RETRY[1]);
    }
}

async fn suspected(suspects: &mut mpsc::UnboundedReceiver<u64>, generation: u64) {
    // The other end lives as long as this task.
    while suspects.recv().await != Some(generation) {}
}

/// Returns a delay between half of this and all of it, so that servers do not come all at once.
fn jittered(delay: Duration) -> Duration {
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let part = f64::from(nanos.subsec_nanos() % 1000) / 1000.0;
    delay.mul_f64(0.5 + part / 2.0)
}
