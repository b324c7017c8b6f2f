//! The demo of wsio: serves the page and the companion server on one port, and runs the same
//! exchange with the native client in the terminal.

mod chromium;
mod events;
mod site;
mod terminal;
#[cfg(test)]
mod tests;
mod verdict;
mod wire;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::sync::mpsc;
use wsio_demo_exchange::{Outcome, Plan};
use wsio_server::Server;

use self::{chromium::Chromium, terminal::Terminal};

/// The time an exchange may take, for the page from starting the browser to its report.
const LIMIT: Duration = Duration::from_secs(120);

/// Serves the demo page, and runs the same exchange with the native client.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The folder with the page: index.html, and the program with its bindings
    #[arg(long, value_name = "DIR")]
    page: PathBuf,

    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8080, or port 0
    /// with --check]
    #[arg(long)]
    addr: Option<SocketAddr>,

    /// Run both exchanges, the page's in a headless Chromium, compare, and exit
    #[arg(long)]
    check: bool,

    /// The Chromium or Chrome to run [default: the first on the path]
    #[arg(long, value_name = "PATH", env = "CHROMIUM")]
    chromium: Option<PathBuf>,
}

impl Args {
    fn address(&self) -> SocketAddr {
        let port = if self.check { 0 } else { 8080 };
        self.addr.unwrap_or_else(|| ([127, 0, 0, 1], port).into())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo(&Args::parse()).await {
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
    let (reports, mut reported) = mpsc::channel(1);
    let address = args.address();
    let (routes, wire) = site::routes(&args.page, reports);
    let running = Server::builder()
        .routes(routes)
        .start(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let site = running.addr;
    println!("serving http://{site}/\n");

    let native = tokio::select! {
        outcome = run_natively(site) => outcome,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        () = tokio::time::sleep(LIMIT) => bail!(
            "the native client took over {} s", LIMIT.as_secs()),
    };
    let passed = if args.check {
        check(args, site, &native, &mut reported).await?
    } else {
        println!("\nThe page does the same: http://{site}/  (Ctrl-C ends the server)");
        tokio::signal::ctrl_c().await.context("Ctrl-C")?;
        native.is_success()
    };
    // An answer that never ends would be waited for.
    tokio::join!(running.shutdown(), async { wire.cut(None) });
    Ok(passed)
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
    let program = chromium::find(args.chromium.as_deref())?;
    println!("\nthe page, in {}:", program.display());
    let mut chromium = Chromium::open(&program, &format!("http://{site}/?check"))?;
    let page = await_report(&mut chromium, reported).await;
    chromium.end().await;
    let verdict = verdict::compare(native, &page?);
    println!("{verdict}");
    Ok(verdict.passed())
}

async fn await_report(
    chromium: &mut Chromium,
    reported: &mut mpsc::Receiver<Outcome>,
) -> Result<Outcome> {
    tokio::select! {
        report = reported.recv() => report.context("the server has gone"),
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        status = chromium.ended() => bail!(
            "Chromium ended ({}) before the page reported\n{}", status?, chromium.log()),
        () = tokio::time::sleep(LIMIT) => bail!(
            "the page did not report within {} s\n{}", LIMIT.as_secs(), chromium.log()),
    }
}
