//! `cargo xtask test`

use std::time::Instant;

use crate::command::Command;
use crate::metadata::Metadata;
use crate::steps::{FULL, Need, STEPS, Step, Work};
use crate::{Failure, path};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The steps to run; all of them, but for those of --full, if none is named
    #[arg(value_name = "STEP", value_parser = names())]
    steps: Vec<String>,
    /// Runs the slower steps as well
    #[arg(long)]
    full: bool,
    /// Lists the steps and their commands
    #[arg(long)]
    list: bool,
}

fn names() -> Vec<&'static str> {
    STEPS.iter().chain(&FULL).map(|step| step.name).collect()
}

impl Args {
    fn chosen(&self) -> Vec<&'static Step> {
        let is_named = |step: &Step| self.steps.iter().any(|name| name == step.name);
        let all = self.steps.is_empty();
        let usual = STEPS.iter().filter(|step| all || is_named(step));
        let slower = FULL
            .iter()
            .filter(|step| (all && self.full) || is_named(step));
        usual.chain(slower).collect()
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let metadata = Metadata::read()?;
    let chosen = args.chosen();
    if args.list {
        chosen.iter().for_each(|step| list(step, &metadata));
        return Ok(());
    }
    provide(&chosen)?;
    let started = Instant::now();
    for (i, step) in chosen.iter().enumerate() {
        println!(
            "\n[{}/{}] {}: {}",
            i + 1,
            chosen.len(),
            step.name,
            step.about
        );
        let step_started = Instant::now();
        perform(step, &metadata).map_err(|Failure(text)| {
            let name = step.name;
            Failure(format!(
                "{text}\nTo repeat it, in {}:\n  cargo xtask test {name}",
                path::root().display()
            ))
        })?;
        println!("      {:.1} s", step_started.elapsed().as_secs_f64());
    }
    println!(
        "\nAll is well after {:.0} s.",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Installs what the steps need before the first of them runs, so that none fails for it later.
fn provide(steps: &[&Step]) -> Result<(), Failure> {
    let mut provided: Vec<Need> = Vec::new();
    for need in steps.iter().flat_map(|step| step.needs) {
        if !provided.contains(need) {
            need.provide()?;
            provided.push(*need);
        }
    }
    Ok(())
}

fn perform(step: &Step, metadata: &Metadata) -> Result<(), Failure> {
    if let Work::Check(check) = step.work {
        return check(metadata);
    }
    for command in commands(step, metadata) {
        println!("      {command}");
        command.run()?;
    }
    Ok(())
}

fn commands(step: &Step, metadata: &Metadata) -> Vec<Command> {
    match step.work {
        Work::Commands(commands) => commands(),
        Work::Derived(commands) => commands(metadata),
        Work::Check(_) => Vec::new(),
    }
}

fn list(step: &Step, metadata: &Metadata) {
    println!("{:<14} {}", step.name, step.about);
    for command in commands(step, metadata) {
        println!("                {command}");
    }
}
