//! The server as a program: `wsio-server --addr 127.0.0.1:8080`.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
    net::SocketAddr,
};

use clap::{CommandFactory, FromArgMatches, Parser};
use tracing_subscriber::EnvFilter;
use wsio_axum::OriginPolicy;
use wsio_server::{ROUTES, Server};

/// A WebSocket server whose routes each show one behaviour that a client can be tested against.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The address to listen on; port 0 for a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    addr: SocketAddr,

    /// Let pages from this origin in, instead of those from the server's own host (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// Let pages from everywhere in
    #[arg(long, conflicts_with = "allow_origin")]
    allow_any_origin: bool,
}

impl Args {
    fn origins(self) -> OriginPolicy {
        if self.allow_any_origin {
            OriginPolicy::Any
        } else if self.allow_origin.is_empty() {
            OriginPolicy::SameHost
        } else {
            OriginPolicy::List(self.allow_origin)
        }
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let matches = Args::command().after_help(routes()).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let addr = args.addr;
    let server = Server::builder()
        .origins(args.origins())
        .start(addr)
        .await?;
    tracing::info!("listening on ws://{}", server.addr);
    stopped().await?;
    tracing::info!("stopping; once more to stop at once");
    tokio::select! {
        () = server.shutdown() => {}
        again = stopped() => again?,
    }
    Ok(())
}

/// Waits for Ctrl-C, or for what a service manager sends.
async fn stopped() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// The width of the addresses of the routes in `--help`; longer ones have a line of their own.
const WIDTH: usize = 36;

/// The table of routes for `--help`.
fn routes() -> String {
    let mut table = String::from("Routes:\n");
    for route in ROUTES {
        let mut address = format!("{}{}", route.path, route.query);
        // Writing to a string does not fail.
        if address.len() > WIDTH {
            let _ = writeln!(table, "  {address}");
            address.clear();
        }
        let _ = writeln!(table, "  {address:<WIDTH$} {}", route.help);
    }
    table
}
