//! The demo of wsio: serves the page and the companion server on one port, and runs the same
//! exchange with the native client in the terminal.

mod chromium;
mod events;
mod rehearsal;
mod servers;
mod site;
mod store;
mod terminal;
#[cfg(test)]
mod tests;
mod verdict;

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::sync::mpsc;
use wsio_demo_exchange::{Outcome, Plan};
use wsio_demo_fleet::{Fleet, FleetOptions, Wire};
use wsio_events::EventLog;
use wsio_server::Server;

use self::{chromium::Chromium, terminal::Terminal};

/// The time an exchange may take, for the page from starting the browser to its report.
const LIMIT: Duration = Duration::from_secs(120);

/// The interval at which an event is appended to the log.
const EVERY: Duration = Duration::from_millis(100);

/// Serves the demo page, and runs the same exchange with the native client.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    args: Args,
}

/// What else the program does.
#[derive(Debug, clap::Subcommand)]
enum Role {
    /// Serves the log that is kept in an engine, for a demo with several servers
    #[command(hide = true)]
    Server {
        /// The address of the engine
        engine: String,
    },
}

#[derive(Debug, clap::Args)]
struct Args {
    /// The folder with the page: index.html, and the program with its bindings
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    page: PathBuf,

    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8080, or port 0
    /// with --check]
    #[arg(long)]
    addr: Option<SocketAddr>,

    /// Run both exchanges, the page's in a headless Chromium, compare, and exit
    #[arg(long)]
    check: bool,

    /// The number of servers; more than one keep the events in a redis-server, and can be killed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    servers: u8,

    /// The redis-server to run
    #[arg(
        long,
        value_name = "PATH",
        env = "REDIS_SERVER",
        default_value = "redis-server"
    )]
    redis: PathBuf,

    /// The Chromium or Chrome to run [default: the first on the path]
    #[arg(long, value_name = "PATH", env = "CHROMIUM")]
    chromium: Option<PathBuf>,
}

impl Args {
    fn address(&self) -> SocketAddr {
        let port = if self.check { 0 } else { 8080 };
        self.addr.unwrap_or_else(|| ([127, 0, 0, 1], port).into())
    }

    /// Starts the servers, if there are to be several.
    async fn fleet(&self) -> Result<Option<Arc<Fleet>>> {
        if self.servers == 1 {
            return Ok(None);
        }
        let options = FleetOptions {
            engine: self.redis.clone(),
            server: env::current_exe()?,
            args: vec!["server".into()],
            servers: self.servers.into(),
        };
        Ok(Some(Arc::new(Fleet::start(options).await?)))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { role, args } = Cli::parse();
    let done = match role {
        Some(Role::Server { engine }) => servers::run(&engine).await.map(|()| true),
        None => demo(&args).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the demo, and returns whether all of it saw what it should.
async fn demo(args: &Args) -> Result<bool> {
    let index = args.page.join("index.html");
    if !index.is_file() {
        bail!("{} is missing: --page takes a built page", index.display());
    }
    let fleet = args.fleet().await?;
    let (wire, log) = match &fleet {
        None => {
            let log = store::open_own();
            (Wire::to_routes(events::served(log.clone())), log)
        }
        Some(fleet) => {
            let log = store::open_shared(fleet.engine_url()).await;
            (Wire::to_servers(Arc::clone(fleet)), log)
        }
    };
    tokio::spawn(events::append_ticks(log.clone(), EVERY));
    let (reports, mut reported) = mpsc::channel(1);
    let address = args.address();
    let routes = site::routes(&args.page, reports, fleet.clone(), wire.clone());
    let running = Server::builder()
        .routes(routes)
        .start(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let site = running.addr;
    println!("serving http://{site}/\n");
    let passed = tokio::select! {
        passed = perform(args, site, &log, &mut reported, fleet.is_some()) => passed?,
        interrupted = interrupted() => {
            interrupted.context("cannot wait for a signal")?;
            // It is the way to end a demo, and no way to pass a check.
            !args.check
        }
    };
    // An answer that never ends would be waited for.
    tokio::join!(running.shutdown(), async { wire.cut(None) });
    Ok(passed)
}

/// Waits for Ctrl-C or, where there is one, SIGTERM: either way the processes of the demo end with it.
async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Runs the exchange or the rehearsal, and then serves the page for as long as there is no check.
async fn perform(
    args: &Args,
    site: SocketAddr,
    log: &EventLog,
    reported: &mut mpsc::Receiver<Outcome>,
    has_servers: bool,
) -> Result<bool> {
    if args.check && has_servers {
        return rehearsal::check(args, site, log, reported).await;
    }
    let native = tokio::time::timeout(LIMIT, run_natively(site)).await;
    let native = native.with_context(|| {
        let limit = LIMIT.as_secs();
        format!("the native client took over {limit} s")
    })?;
    if args.check {
        return check(args, site, &native, reported).await;
    }
    println!("\nThe page does the same: http://{site}/  (Ctrl-C ends the server)");
    std::future::pending().await
}

async fn run_natively(site: SocketAddr) -> Outcome {
    println!("the native client:");
    let plan = Plan {
        client: "terminal".to_owned(),
        ..Plan::new(format!("ws://{site}"))
    };
    let outcome = wsio_demo_exchange::run(&plan, &mut Terminal::new()).await;
    if let Some(failure) = &outcome.failure {
        println!("the exchange failed: {failure}");
    }
    outcome
}

/// Runs the page in Chromium, and compares what it reports with what was seen here.
async fn check(
    args: &Args,
    site: SocketAddr,
    native: &Outcome,
    reported: &mut mpsc::Receiver<Outcome>,
) -> Result<bool> {
    let page = run_page(args, &format!("http://{site}/?check"), reported).await?;
    let verdict = verdict::compare(native, &page);
    println!("{verdict}");
    Ok(verdict.passed())
}

/// Opens the page in a headless Chromium, and waits for its report.
async fn run_page(
    args: &Args,
    url: &str,
    reported: &mut mpsc::Receiver<Outcome>,
) -> Result<Outcome> {
    let program = chromium::find(args.chromium.as_deref())?;
    println!("\nthe page, in {}:", program.display());
    let mut chromium = Chromium::open(&program, url)?;
    let page = await_report(&mut chromium, reported).await;
    chromium.end().await;
    page
}

async fn await_report(
    chromium: &mut Chromium,
    reported: &mut mpsc::Receiver<Outcome>,
) -> Result<Outcome> {
    tokio::select! {
        report = reported.recv() => report.context("the server has gone"),
        status = chromium.ended() => bail!(
            "Chromium ended ({}) before the page reported\n{}", status?, chromium.log()),
        () = tokio::time::sleep(LIMIT) => bail!(
            "the page did not report within {} s\n{}", LIMIT.as_secs(), chromium.log()),
    }
}
