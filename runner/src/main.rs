//! Runs wasm tests in a headless browser, against a test server that it starts for them.
//!
//! Cargo calls it as `wsio-test-runner <file.wasm> [ARG…]` (see `.cargo/config.toml`). The
//! arguments are those of `wasm-bindgen-test-runner`, which does the work. With
//! `WSIO_TRANSPORT=WebSocketStream` the tests run as in a browser in which that is the default.

mod browser;
mod marker;
mod memory;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use tokio::runtime::Runtime;
use wsio_server::{Running, Server};

/// Set for the second process, which runs the tests.
const TESTS: &str = "WSIO_RUN_TESTS";
/// Names the browser's socket that the tests are to have, if not the library's choice.
const TRANSPORT: &str = "WSIO_TRANSPORT";

fn main() -> ExitCode {
    let done = if env::var_os(TESTS).is_some() {
        run_tests()
    } else {
        prepare()
    };
    done.unwrap_or_else(|error| {
        eprintln!("wsio-test-runner: {error}");
        ExitCode::FAILURE
    })
}

/// wasm-bindgen-test-runner takes its settings from the environment, which a program cannot
/// safely change for itself: so it gets a process of its own.
fn prepare() -> Result<ExitCode, String> {
    let mut args = env::args_os().skip(1);
    let Some(file) = args.next().map(PathBuf::from) else {
        return Err("which file? Usage: wsio-test-runner <file.wasm> [ARG…]".to_owned());
    };
    let mut args: Vec<OsString> = args.collect();
    let mut wasm = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;

    let server = TestServer::start_for(&mut wasm)?;
    choose_transport(&mut wasm)?;
    let patched = folder.path().join(file.file_name().unwrap_or_default());
    write(&patched, &wasm)?;
    args.insert(0, patched.into());

    let program = env::current_exe().map_err(|error| format!("who am I? {error}"))?;
    let mut tests = Command::new(program);
    tests.args(&args).env(TESTS, "1");
    browser::configure(&mut tests, browser::has_tests(&wasm), folder.path())?;
    let status = tests
        .status()
        .map_err(|error| format!("the tests did not start: {error}"))?;

    if let Some(server) = server {
        server.stop();
    }
    // A process ended by a signal has no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn run_tests() -> Result<ExitCode, String> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(env::args_os())
        .map(|()| ExitCode::SUCCESS)
        .map_err(|error| format!("{error:#}"))
}

fn choose_transport(wasm: &mut [u8]) -> Result<(), String> {
    let Some(transport) = env::var_os(TRANSPORT) else {
        return Ok(());
    };
    let known = ["Auto", "WebSocketStream"];
    let chosen = known.into_iter().find(|it| transport == *it);
    let chosen = chosen.ok_or_else(|| format!("{TRANSPORT} has to be one of {known:?}"))?;
    let places = marker::TRANSPORT.places(wasm);
    marker::TRANSPORT.write(wasm, &places, chosen)
}

fn write(path: &Path, contents: &[u8]) -> Result<(), String> {
    fs::write(path, contents).map_err(|error| format!("{}: {error}", path.display()))
}

struct TestServer {
    runtime: Runtime,
    _running: Running,
}

impl TestServer {
    /// Starts a server for a file with the marker and writes the server's address over it. Other
    /// files need no server.
    fn start_for(wasm: &mut [u8]) -> Result<Option<Self>, String> {
        let places = marker::ADDRESS.places(wasm);
        if places.is_empty() {
            return Ok(None);
        }
        let failed = |error: io::Error| format!("the test server did not start: {error}");
        let runtime = Runtime::new().map_err(failed)?;
        let server = Server::builder().routes(memory::route());
        let running = runtime
            .block_on(server.start("127.0.0.1:0"))
            .map_err(failed)?;
        marker::ADDRESS.write(wasm, &places, &running.addr.to_string())?;
        Ok(Some(Self {
            runtime,
            _running: running,
        }))
    }

    /// Ends the server without waiting for its connections, some of which never end by themselves.
    fn stop(self) {
        self.runtime.shutdown_background();
    }
}
