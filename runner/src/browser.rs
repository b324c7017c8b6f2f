//! The settings of wasm-bindgen-test-runner: which browser, where in it, for how long.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use memchr::memmem;
use serde_json::Value;

const MODE: &str = "WASM_BINDGEN_USE_";
/// The mode for who has not chosen one. Cargo's configuration sets it too, for wasm-pack.
const WINDOW: &str = "WASM_BINDGEN_USE_BROWSER";
const CAPABILITIES: &str = "WASM_BINDGEN_TEST_WEBDRIVER_JSON";

/// Naming any of these says which browser to use.
const DRIVERS: [&str; 8] = [
    "CHROMEDRIVER",
    "CHROMEDRIVER_REMOTE",
    "GECKODRIVER",
    "GECKODRIVER_REMOTE",
    "MSEDGEDRIVER",
    "MSEDGEDRIVER_REMOTE",
    "SAFARIDRIVER",
    "SAFARIDRIVER_REMOTE",
];

const NO_DRIVER: &str = "\
chromedriver is not there: it is neither on PATH nor named by CHROMEDRIVER.
  Debian:  apt-get install chromium chromium-driver
  Ubuntu:  snap install chromium, then CHROMEDRIVER=/snap/bin/chromium.chromedriver
  others:  Chrome, and the driver of the same version from
           https://googlechromelabs.github.io/chrome-for-testing/, then CHROMEDRIVER=<its path>
`cargo xtask test` installs it where it may. NO_HEADLESS=1 serves the tests to a browser that you \
open.";

/// Returns whether a file has tests: the file of a documentation test has none.
pub(crate) fn has_tests(wasm: &[u8]) -> bool {
    memmem::find(wasm, b"__wbgt_").is_some()
}

/// Fills in what the user's environment leaves open.
///
/// # Errors
///
/// There are tests for a headless browser, and no driver for it.
pub(crate) fn configure(tests: &mut Command, has_tests: bool, folder: &Path) -> Result<(), String> {
    let mode = mode();
    match mode {
        Some(_) => tests.env_remove(WINDOW),
        None => tests.env(WINDOW, "1"),
    };
    let outside = mode.is_some_and(|mode| mode == "NODE_EXPERIMENTAL" || mode == "DENO");
    if outside || !has_tests || env::var_os("NO_HEADLESS").is_some() {
        return Ok(());
    }
    let named = DRIVERS.iter().find(|name| env::var_os(name).is_some());
    if named.is_none() {
        tests.env("CHROMEDRIVER", driver().ok_or(NO_DRIVER)?);
    }
    // The capabilities are Chromium's; another browser's driver may refuse them.
    let chromium = named.is_none_or(|name| name.starts_with("CHROME"));
    if chromium && env::var_os(CAPABILITIES).is_none() {
        tests.env(CAPABILITIES, capabilities(folder)?);
    }
    Ok(())
}

/// Where the tests are to run, if not in a window: the last part of `WASM_BINDGEN_USE_…`.
fn mode() -> Option<String> {
    env::vars_os().find_map(|(name, _)| {
        let mode = name.to_str()?.strip_prefix(MODE)?;
        // The second is how the script is loaded, not where.
        (mode != "BROWSER" && mode != "NO_MODULE").then(|| mode.to_owned())
    })
}

fn driver() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let name = format!("chromedriver{}", env::consts::EXE_SUFFIX);
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// The workspace's webdriver.json, or a copy that names the browser where the user has, by CHROME.
fn capabilities(folder: &Path) -> Result<PathBuf, String> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("webdriver.json");
    match env::var_os("CHROME") {
        Some(chrome) => with_chrome(&ours, &chrome, folder),
        None => Ok(ours),
    }
}

fn with_chrome(ours: &Path, chrome: &OsStr, folder: &Path) -> Result<PathBuf, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", ours.display());
    let text = fs::read_to_string(ours).map_err(|error| failed(&error))?;
    let mut json: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    json["goog:chromeOptions"]["binary"] = Value::from(chrome.to_string_lossy());
    let copy = folder.join("webdriver.json");
    fs::write(&copy, json.to_string()).map_err(|error| failed(&error))?;
    Ok(copy)
}
