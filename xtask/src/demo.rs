//! `cargo xtask demo`

use std::fs;
use std::path::Path;

use crate::command::Command;
use crate::metadata::Metadata;
use crate::{Failure, path, setup};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs it once, in a headless Chromium and natively, and fails unless both ends see what they
    /// should; then once more with three servers, which are killed meanwhile
    #[arg(long)]
    check: bool,
    /// The number of servers; more than one keep the events in a redis-server, which is installed,
    /// and the page can kill them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    servers: u8,
    /// The address to serve on
    #[arg(long)]
    addr: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    setup::wasm_target()?;
    let chromium = args.check.then(setup::chromium).transpose()?;
    if args.check || args.servers > 1 {
        setup::redis()?;
    }
    let target = Metadata::read()?.target_folder();
    let page = target.join("demo");
    let wasm = target.join("wasm32-unknown-unknown/release/wsio_demo_page.wasm");

    let build_page = "build -p wsio-demo-page --target wasm32-unknown-unknown --release";
    step(1, "the page's wasm", &Command::cargo(build_page))?;
    let bindgen = Command::cargo("run -p wsio-test-runner --bin wsio-bindgen --")
        .args("--target web --no-typescript --out-dir")
        .arg(&page)
        .arg(wasm);
    step(2, "the page's bindings", &bindgen)?;
    copy(&path::root().join("demo/page/static"), &page)?;
    let build_demo = Command::cargo("build -p wsio-demo --release");
    step(3, "the server and the native client", &build_demo)?;

    let mut demo = Command::cargo("run --quiet -p wsio-demo --release -- --page").arg(&page);
    if let Some(addr) = &args.addr {
        demo = demo.arg("--addr").arg(addr);
    }
    let Some(chromium) = chromium else {
        let servers = args.servers.to_string();
        return step(4, "the demonstration", &demo.arg("--servers").arg(servers));
    };
    let check = demo.args("--check --chromium").arg(chromium);
    step(4, "the demonstration", &check)?;
    let servers = args.servers.max(SEVERAL).to_string();
    let check = check.arg("--servers").arg(&servers);
    println!("\nand with {servers} servers\n      {check}");
    check.run()
}

/// The number of servers in a check.
const SEVERAL: u8 = 3;

fn step(number: u32, about: &str, command: &Command) -> Result<(), Failure> {
    println!("\n[{number}/4] {about}\n      {command}");
    command.run()
}

/// Copies the files of a folder that has no folders in it.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
