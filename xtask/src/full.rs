//! The steps of `cargo xtask test --full`.

use std::env::consts::EXE_EXTENSION;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{Command, Running};
use crate::metadata::Metadata;
use crate::{Failure, setup};

/// The address that tests have if no runner of ours writes another one into them.
const SERVER: &str = "127.0.0.1:8080";

/// How long the companion server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the browser's tests as README.md says: by wasm-pack, beside a companion server.
pub(crate) fn wasm_pack(metadata: &Metadata) -> Result<(), Failure> {
    let build = Command::cargo("build -p wsio-server");
    println!("      {build}");
    build.run()?;
    let _server = server(metadata)?;
    let mut tests = Command::new(setup::wasm_pack()?).args("test --headless --chrome");
    if let Some(driver) = std::env::var_os("CHROMEDRIVER") {
        tests = tests.arg("--chromedriver").arg(driver);
    }
    println!("      {tests}");
    tests.run()
}

/// Starts the companion server, and waits until it listens.
fn server(metadata: &Metadata) -> Result<Running, Failure> {
    let listens = || TcpStream::connect(SERVER).is_ok();
    if listens() {
        return Err(Failure(format!("another program listens on {SERVER}")));
    }
    let program = metadata.target_folder().join("debug/wsio-server");
    let program = program.with_extension(EXE_EXTENSION);
    let server = Command::new(program).arg("--addr").arg(SERVER);
    println!("      {server} &");
    // It logs every request.
    let mut server = server.var("RUST_LOG", "warn").start()?;
    let started = Instant::now();
    while !listens() {
        if !server.is_alive() || started.elapsed() > PATIENCE {
            return Err(Failure("the companion server does not start".to_owned()));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(server)
}

/// Runs cargo-check-external-types, which needs a nightly compiler, if it is there. The list of
/// what it allows is in Cargo.toml.
pub(crate) fn external_types(_: &Metadata) -> Result<(), Failure> {
    let check = Command::new("rustup").args("run nightly cargo check-external-types");
    if check.clone().arg("--help").probe().is_none() {
        println!("      Left out: there is no cargo-check-external-types for a nightly compiler.");
        return Ok(());
    }
    let check = check.arg("--all-features");
    println!("      {check}");
    check.run()
}
