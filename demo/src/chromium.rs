//! A headless Chromium that opens one page.

use std::{
    env, fs,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The names of Chromium and Chrome.
const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];

/// No sandbox: it cannot be had as root or in most containers, and the only page is our own.
const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--enable-logging=stderr",
];

/// The program to run: the one asked for, or the first found on the path.
pub(crate) fn find(asked: Option<&Path>) -> Result<PathBuf> {
    if let Some(program) = asked {
        return Ok(program.to_owned());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .context("no Chromium or Chrome on the path: install one (Debian: apt-get install chromium), or say where it is with --chromium")
}

/// A running Chromium. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Chromium {
    child: Child,
    /// The profile and the log; removed in the end.
    folder: TempDir,
}

impl Chromium {
    /// Starts `program` with a profile of its own, and opens `url`.
    pub(crate) fn open(program: &Path, url: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("wsio-demo-").tempdir()?;
        let mut profile = std::ffi::OsString::from("--user-data-dir=");
        profile.push(folder.path().join("profile"));
        let log = File::create(log_path(&folder))?;
        let child = Command::new(program)
            .args(FLAGS)
            .arg(profile)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        Ok(Self { child, folder })
    }

    /// Waits until it ends by itself, which it should not.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Ends it, and removes its files. That it had already ended is no error.
    pub(crate) async fn end(mut self) {
        if let Err(error) = self.child.kill().await {
            eprintln!("Chromium could not be ended: {error}");
        }
        // Its other processes notice that it is gone, and may write until then.
        let mut tries = 20;
        while let Err(error) = fs::remove_dir_all(self.folder.path()) {
            tries -= 1;
            if error.kind() == io::ErrorKind::NotFound || tries == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The last lines it wrote, among them what the page wrote to its console.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(log_path(&self.folder)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

fn log_path(folder: &TempDir) -> PathBuf {
    folder.path().join("chromium.log")
}
