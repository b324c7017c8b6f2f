//! What an idle connection costs, measured in a process of its own for each contender.

use std::{env, fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use tokio::runtime;
use wsio_bench::{
    cases::Held,
    contenders::{Contender, tcp},
};

/// Connections that are open before the first look, so that what a process needs once is there.
const BEFORE: usize = 50;
/// Both ends of all of them stay below what a process may open without asking.
const CONNECTIONS: usize = 400;

/// The bytes of one end over those of a bare TCP connection.
pub(crate) fn over_tcp(contender: Contender) -> Result<f64> {
    Ok(in_a_child(contender)? - in_a_child(Contender::Tcp)?)
}

fn in_a_child(contender: Contender) -> Result<f64> {
    let child = Command::new(env::current_exe()?)
        .args(["--idle", contender.name()])
        .output()?;
    let errors = String::from_utf8_lossy(&child.stderr);
    ensure!(child.status.success(), "the child failed: {errors}");
    let text = String::from_utf8(child.stdout)?;
    text.trim().parse().context("the child printed no number")
}

/// What the child does: prints how many bytes an end adds to the memory of this process.
pub(crate) fn child(name: &str) -> Result<()> {
    let contender = Contender::named(name).context("no such contender")?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bytes = runtime.block_on(async {
        let mut held = Vec::with_capacity(BEFORE + CONNECTIONS);
        let mut before = 0;
        for index in 0..BEFORE + CONNECTIONS {
            if index == BEFORE {
                before = resident()?;
            }
            held.push(contender.run(&Held { size: 64 }, tcp().await?).await?);
        }
        // Everybody has had a turn to find that there is nothing more to read.
        tokio::task::yield_now().await;
        let after = resident()?;
        anyhow::Ok(after.saturating_sub(before))
    })?;
    println!("{}", bytes as f64 / (2 * CONNECTIONS) as f64);
    Ok(())
}

/// The memory that this process has in use, in bytes.
fn resident() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status").context("no /proc on this system")?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes.context("no VmRSS")?.trim().parse()?;
    Ok(kibibytes << 10)
}
