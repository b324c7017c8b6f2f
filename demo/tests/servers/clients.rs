//! The clients: each follows the log and says its lines.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use wsio::sse::Reconnect;
use wsio_demo_exchange::{
    chat::{Chat, Heard, Lines},
    events::Place,
};

use crate::soak::Plan;

/// All of them.
pub(crate) struct Clients {
    signals: Arc<Signals>,
    plan: Plan,
}

struct Signals {
    /// The number of clients that have seen an event.
    warm: AtomicU64,
    /// Whether they may say their lines.
    begun: watch::Sender<bool>,
    /// The number of clients that have said all.
    silent: watch::Sender<u64>,
}

/// What a client has seen.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) lines: Lines,
    pub(crate) lagged: u64,
    pub(crate) reconnects: u64,
}

impl Clients {
    /// Starts them. Each task ends when its client has seen everything, or something wrong.
    pub(crate) fn start(server: &str, plan: Plan) -> (Self, Vec<JoinHandle<Outcome>>) {
        let signals = Arc::new(Signals {
            warm: AtomicU64::new(0),
            begun: watch::Sender::new(false),
            silent: watch::Sender::new(0),
        });
        let start = |number| {
            let client = Client {
                chat: Chat::new(server, &Client::name(number), reconnect()),
                signals: Arc::clone(&signals),
                plan,
            };
            tokio::spawn(client.run())
        };
        let tasks = (0..plan.clients).map(start).collect();
        (Self { signals, plan }, tasks)
    }

    /// Returns whether each has seen an event.
    pub(crate) fn are_warm(&self) -> bool {
        self.signals.warm.load(Ordering::Relaxed) == self.plan.clients
    }

    /// Lets them say their lines.
    pub(crate) fn begin(&self) {
        self.signals.begun.send_replace(true);
    }

    /// Waits until each has said its lines, and has seen all of them in the log.
    pub(crate) async fn have_said(&self) {
        let all = self.plan.clients;
        let mut silent = self.signals.silent.subscribe();
        silent.wait_for(|silent| *silent == all).await.unwrap();
    }
}

fn reconnect() -> Reconnect {
    Reconnect::new()
        .delay(Duration::from_millis(50))
        .delay_max(Duration::from_millis(800))
}

/// One of them.
pub(crate) struct Client {
    chat: Chat,
    signals: Arc<Signals>,
    plan: Plan,
}

impl Client {
    pub(crate) fn name(number: u64) -> String {
        format!("client{number}")
    }

    async fn run(mut self) -> Outcome {
        let mut begun = self.signals.begun.subscribe();
        let mut pace = interval(self.plan.time.div_f64(self.plan.up as f64));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_warm, mut is_silent) = (false, false);
        while !self.plan.is_complete(self.chat.lines()) {
            let may_say = *begun.borrow_and_update() && self.chat.said() < self.plan.up;
            tokio::select! {
                heard = self.chat.next() => is_warm |= self.check(heard, is_warm),
                _ = pace.tick(), if may_say => {
                    self.chat.say("a line").unwrap();
                }
                _ = begun.changed(), if !may_say => {}
            }
            if !is_silent && self.chat.said() == self.plan.up && self.chat.unconfirmed() == 0 {
                is_silent = true;
                self.signals.silent.send_modify(|silent| *silent += 1);
            }
        }
        Outcome {
            name: self.chat.name().to_owned(),
            lines: self.chat.lines().clone(),
            lagged: self.chat.lagged(),
            reconnects: self.chat.reconnects(),
        }
    }

    /// Fails at once where something is wrong, and returns whether an event has come.
    fn check(&self, heard: Option<Heard>, is_warm: bool) -> bool {
        let name = self.chat.name();
        match heard.unwrap() {
            Heard::Line(_, Place::Next) => {
                if !is_warm {
                    self.signals.warm.fetch_add(1, Ordering::Relaxed);
                }
                true
            }
            Heard::Line(line, place) => panic!("{name}: {line:?}: {place:?}"),
            Heard::Failed(error) => {
                assert!(!error.is_final(), "{name}: {error}");
                false
            }
            Heard::Open => false,
            other => panic!("{name}: {other:?}"),
        }
    }
}
