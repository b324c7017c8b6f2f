//! Installs what a new machine lacks, or says how to.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Command;
use crate::{Failure, path};

/// The names under which Chrome and Chromium are installed.
const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];

/// Makes the target for browsers available to the compiler.
pub(crate) fn wasm_target() -> Result<(), Failure> {
    let folder = Command::new("rustc")
        .args("--print target-libdir --target wasm32-unknown-unknown")
        .probe();
    if folder.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Ok(());
    }
    let add = Command::new("rustup").args("target add wasm32-unknown-unknown");
    println!("The compiler lacks the target for browsers: {add}");
    add.run()
}

/// Makes a component of the toolchain, which brings a command of cargo's, available.
pub(crate) fn component(name: &'static str, command: &str) -> Result<(), Failure> {
    if Command::cargo(command).arg("--version").probe().is_some() {
        return Ok(());
    }
    let add = Command::new("rustup").args("component add").arg(name);
    println!("The toolchain lacks {name}: {add}");
    add.run()
}

/// Makes Chromium and its driver available, and returns where Chromium is.
pub(crate) fn chromium() -> Result<PathBuf, Failure> {
    if let Some(browser) = browser_with_driver() {
        return Ok(browser);
    }
    let packages = if is_ubuntu() {
        "chromium-browser chromium-chromedriver"
    } else {
        "chromium chromium-driver"
    };
    let missing = "There is no Chromium with its driver here";
    install(packages, missing)?;
    browser_with_driver().ok_or_else(|| {
        Failure(format!(
            "{missing}. Install Chrome or Chromium and the chromedriver of the same version; if they \
             are not on PATH, name them:\n  CHROME=<path> CHROMEDRIVER=<path> cargo xtask …"
        ))
    })
}

/// Makes the C library that the feature `native-tls` uses on Linux available.
pub(crate) fn openssl() -> Result<(), Failure> {
    let found = Command::new("pkg-config").args("--exists openssl").probe();
    if !cfg!(target_os = "linux") || found.is_some() || env::var_os("OPENSSL_DIR").is_some() {
        return Ok(());
    }
    install("pkg-config libssl-dev", "There is no OpenSSL to build with")
}

/// Makes the engine of the tests of wsio-redis available.
pub(crate) fn redis() -> Result<(), Failure> {
    program("redis-server", "redis-server")
}

/// Makes callgrind available.
pub(crate) fn valgrind() -> Result<(), Failure> {
    program("valgrind", "valgrind")
}

/// Makes the optimizer for wasm available.
pub(crate) fn wasm_opt() -> Result<(), Failure> {
    program("wasm-opt", "binaryen")
}

/// Makes wasm-pack available, and returns where it is.
pub(crate) fn wasm_pack() -> Result<PathBuf, Failure> {
    let tools = path::root().join("target/tools");
    let installed = tools.join("bin/wasm-pack");
    let installed = installed.with_extension(env::consts::EXE_EXTENSION);
    let find =
        || path::program(&["wasm-pack"]).or_else(|| installed.is_file().then(|| installed.clone()));
    if let Some(found) = find() {
        return Ok(found);
    }
    let install = Command::cargo("install wasm-pack --locked --root").arg(tools);
    println!("There is no wasm-pack here: {install}");
    install.run()?;
    find().ok_or_else(|| Failure("wasm-pack is not where cargo installs it".to_owned()))
}

fn program(name: &str, package: &str) -> Result<(), Failure> {
    match path::program(&[name]) {
        Some(_) => Ok(()),
        None => install(package, &format!("There is no {name} here")),
    }
}

fn browser_with_driver() -> Option<PathBuf> {
    let named = |name| env::var_os(name).map(PathBuf::from);
    named("CHROMEDRIVER").or_else(|| path::program(&["chromedriver"]))?;
    named("CHROME").or_else(|| path::program(&BROWSERS))
}

fn is_ubuntu() -> bool {
    fs::read_to_string("/etc/os-release")
        .is_ok_and(|text| text.lines().any(|line| line == "ID=ubuntu"))
}

fn install(packages: &str, missing: &str) -> Result<(), Failure> {
    let Some(apt) = apt_get() else {
        return Err(Failure(format!(
            "{missing}, and it cannot be installed without asking. Run this as root (the names are \
             Debian's and Ubuntu's), then repeat:\n  apt-get update && apt-get install -y {packages}"
        )));
    };
    println!("{missing}: installing {packages}");
    let update = apt().args("apt-get update");
    let install = apt().args("apt-get install -y").args(packages);
    // An old list may do.
    if let Err(failure) = update.run() {
        println!("{failure}");
    }
    // Servers and dpkg fail now and then, and go on where they were.
    install.run().or_else(|failure| {
        println!("{failure}\nOnce more:");
        install.run()
    })
}

/// Returns the beginning of apt-get's command line, if it may be used without a password.
fn apt_get() -> Option<fn() -> Command> {
    path::program(&["apt-get"])?;
    let user = Command::new("id").arg("-u").probe()?;
    if user.trim() == "0" {
        return Some(|| Command::new("env").arg("DEBIAN_FRONTEND=noninteractive"));
    }
    Command::new("sudo").args("-n true").probe()?;
    Some(|| Command::new("sudo").args("-n env DEBIAN_FRONTEND=noninteractive"))
}
