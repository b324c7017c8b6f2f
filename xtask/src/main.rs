//! The workspace's commands. Each does its own set-up.

mod bench;
mod command;
mod demo;
mod full;
mod metadata;
mod path;
mod setup;
mod steps;
mod test;

use std::fmt;
use std::io;
use std::process::ExitCode;

use clap::Parser;

/// The workspace's commands.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Cli {
    /// Runs every check and test, or the steps named, in order, up to the first that fails.
    Test(test::Args),
    /// Builds the demonstration, serves it and prints its address.
    Demo(demo::Args),
    /// Measures wsio beside its peers and makes benches/RESULTS.md.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse() {
        Cli::Test(args) => test::run(&args),
        Cli::Demo(args) => demo::run(&args),
        Cli::Bench(args) => bench::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nerror: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// A failure, with the remedy.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}
