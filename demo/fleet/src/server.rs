//! A server: a program that says on its first line where it listens.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use futures::FutureExt;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use crate::process::{Launch, Started};

/// The time from its start until it listens. It may wait for the engine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts `program` with these arguments.
pub(crate) fn launch(program: PathBuf, args: Vec<OsString>) -> Launch {
    Box::new(move || start(program.clone(), args.clone()).boxed())
}

async fn start(program: PathBuf, args: Vec<OsString>) -> Result<Started> {
    let mut child = Command::new(&program)
        .args(&args)
        // It ends at the end of its input, that is, if this program is killed.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let output = child.stdout.take().context("it has no output")?;
    let mut line = String::new();
    let mut output = BufReader::new(output);
    timeout(PATIENCE, output.read_line(&mut line))
        .await
        .context("it does not listen")??;
    let addr: SocketAddr = line
        .trim()
        .parse()
        .with_context(|| format!("it does not say where it listens: {line:?}"))?;
    Ok(Started {
        _input: child.stdin.take(),
        child,
        addr,
    })
}
