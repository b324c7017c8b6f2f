//! One event to many subscribers: wsio's route beside axum's `Sse` over a broadcast channel.
//!
//! `cargo bench -p wsio-bench --bench fanout -- --help`

mod client;
mod framing;
mod process;
mod server;

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime;
use wsio_bench::{
    Measured, Options, Sample, interleave,
    report::{Better, Comparison, Goal, Section, Unit},
};

use self::{client::Subscribers, process::Crowd};

const ABOUT: &str = "\
Events with 100 bytes of data and an id, from one log to many subscribers, over TCP on loopback. The \
server is a process of its own, on a tokio runtime of all cores, and so are its subscribers, which \
check that every event is there. The times are those until the last subscriber has the last event; \
the processor time is the server's alone. Each next event, or burst, is sent when everybody has the \
one before. wsio is `EventRoute` on its `Server`, with its defaults. axum is `Sse` with `KeepAlive` \
over tokio's broadcast channel, so that each subscriber encodes. Bare writes are the least that can \
be done: a task for each connection, which writes bytes that were made before, without any framing, \
heartbeat or memory of the past, once for each event or burst. The memory of an idle subscriber is \
that of its server's process, without the system's buffers, after it has received an event.";

/// The subscribers of a server before its memory is looked at, so that what a process needs once is
/// there.
const BEFORE: usize = 50;

/// The events of a burst.
const BURST: u64 = 1_000;

/// The deliveries of a case with one event at a time.
const DELIVERIES: usize = 200_000;

/// Measures how one event gets to many subscribers.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
    /// For a child of this program: serves.
    #[arg(long, hide = true)]
    serve: Option<String>,
    /// For a child of this program: subscribes.
    #[arg(long, hide = true, requires_all = ["server", "control", "count"])]
    subscribe: Option<String>,
    #[arg(long, hide = true)]
    server: Option<SocketAddr>,
    #[arg(long, hide = true)]
    control: Option<SocketAddr>,
    #[arg(long, hide = true)]
    count: Option<usize>,
}

/// Who sends, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contender {
    WsioHttp,
    WsioWebSocket,
    Axum,
    Bare,
}

const CONTENDERS: [Contender; 4] = [
    Contender::WsioHttp,
    Contender::WsioWebSocket,
    Contender::Axum,
    Contender::Bare,
];

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::WsioHttp => "wsio, HTTP",
            Self::WsioWebSocket => "wsio, WebSocket",
            Self::Axum => "axum, Sse",
            Self::Bare => "bare writes",
        }
    }

    fn named(name: &str) -> Result<Self> {
        let found = CONTENDERS.into_iter().find(|it| it.name() == name);
        found.context("no such contender")
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(name) = &cli.serve {
        raise_limit()?;
        let runtime = runtime::Runtime::new()?;
        return runtime.block_on(server::run(Contender::named(name)?));
    }
    if let (Some(name), Some(server), Some(control), Some(count)) =
        (&cli.subscribe, cli.server, cli.control, cli.count)
    {
        raise_limit()?;
        let subscribers = Subscribers {
            contender: Contender::named(name)?,
            server,
            control,
            count,
        };
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        return runtime.block_on(subscribers.run());
    }
    let packages = ["wsio", "wsio-events", "wsio-axum", "axum", "hyper", "tokio"];
    let section = Section::new("fanout", "Fan-out", ABOUT, &packages)?;
    cli.options.perform(section, |add| {
        for count in [100, 1_000, 5_000] {
            deliveries(&cli.options, count, add)?;
        }
        for count in [1_000, 5_000] {
            memory(&cli.options, count, add)?;
        }
        Ok(())
    })
}

/// Raises the number of connections that this process may have as far as it is allowed to.
fn raise_limit() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Sends bursts, and one event at a time, to so many subscribers.
fn deliveries(options: &Options, count: usize, add: &mut dyn FnMut(Comparison)) -> Result<()> {
    let singles = (DELIVERIES / count).min(500);
    let ways = [
        (format!("a burst of {BURST}"), "burst", BURST, 0.15),
        (
            format!("{singles} one by one"),
            "single",
            singles as u64,
            0.7,
        ),
    ];
    for (what, way, events, goal) in ways {
        let title = format!("{what}, {count} subscribers");
        if !options.wants(&title) {
            continue;
        }
        let chosen = options.chosen(&CONTENDERS, Contender::name);
        let mut crowds = Vec::new();
        for contender in &chosen {
            let mut crowd = Crowd::start(*contender)?;
            crowd.join(count)?;
            crowds.push(crowd);
        }
        let indices: Vec<usize> = (0..chosen.len()).collect();
        let measured = interleave(options.rounds, &indices, |index| {
            crowds[*index].measure(way, events)
        })?;
        for ours in [Contender::WsioHttp, Contender::WsioWebSocket] {
            let title = format!("{title}, {}", ours.transport());
            let goals = [Goal::cpu_ratio(Contender::Axum.name(), goal)];
            let entries = beside(ours, &chosen, &measured);
            let comparison = Comparison::new(title, Unit::Seconds, Better::Less, entries);
            add(comparison.with_goals(goals));
        }
    }
    Ok(())
}

/// Measures what a subscriber that has nothing to do costs.
fn memory(options: &Options, count: usize, add: &mut dyn FnMut(Comparison)) -> Result<()> {
    let title = format!("memory of an idle subscriber, {count} of them");
    if !options.wants(&title) {
        return Ok(());
    }
    let chosen = options.chosen(&CONTENDERS, Contender::name);
    // It is hardly left to chance.
    let measured = interleave(options.rounds.min(5), &chosen, |contender| {
        let mut crowd = Crowd::start(*contender)?;
        crowd.join(BEFORE)?;
        crowd.measure("single", 1)?;
        let before = crowd.memory()?;
        crowd.join(count)?;
        crowd.measure("single", 1)?;
        let value = (crowd.memory()? - before) / count as f64;
        anyhow::Ok(Sample { value, cpu: None })
    })?;
    for (ours, goal) in [
        (
            Contender::WsioHttp,
            Goal::ratio(Contender::Axum.name(), 1.0),
        ),
        (Contender::WsioWebSocket, Goal::Limit(15_360.0)),
    ] {
        let title = format!("{title}, {}", ours.transport());
        let entries = beside(ours, &chosen, &measured);
        let comparison = Comparison::new(title, Unit::Bytes, Better::Less, entries);
        add(comparison.with_goals([goal]));
    }
    Ok(())
}

impl Contender {
    fn transport(self) -> &'static str {
        match self {
            Self::WsioWebSocket => "WebSocket",
            Self::WsioHttp | Self::Axum | Self::Bare => "HTTP",
        }
    }
}

/// One of ours, and everybody else.
fn beside<'a>(
    ours: Contender,
    contenders: &[Contender],
    measured: &'a [Measured],
) -> Vec<(&'static str, &'a Measured)> {
    let named = |(contender, measured): (&Contender, &'a Measured)| match *contender {
        it if it == ours => Some(("wsio", measured)),
        Contender::WsioHttp | Contender::WsioWebSocket => None,
        it => Some((it.name(), measured)),
    };
    // Ours are the first of the contenders.
    contenders.iter().zip(measured).filter_map(named).collect()
}
