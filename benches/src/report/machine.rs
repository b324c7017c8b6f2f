use std::{fs, path::Path, process::Command, thread};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// Where something was measured, as far as it is to be found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor.
    pub cpu: String,
    /// How many of its cores there are.
    pub cores: usize,
    /// The operating system.
    pub system: String,
    /// The compiler.
    pub rustc: String,
    /// How many processes wanted to run in the minute before.
    pub load: String,
}

impl Machine {
    /// This one, now.
    #[must_use]
    pub fn read() -> Self {
        Self {
            cpu: cpu().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, Into::into),
            system: system(),
            rustc: output("rustc", "--version").unwrap_or_default(),
            load: first_word("/proc/loadavg").unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn system() -> String {
    let name = std::env::consts::OS;
    match first_word("/proc/sys/kernel/osrelease") {
        Some(release) => format!("{name} {release}"),
        None => name.to_owned(),
    }
}

fn first_word(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

fn output(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}

/// The versions of packages, as the workspace's Cargo.lock has them.
pub(super) fn versions(packages: &[&str]) -> Result<Vec<(String, String)>> {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| lock.display().to_string())?;
    Ok(packages
        .iter()
        .map(|name| ((*name).to_owned(), version(&text, name)))
        .collect())
}

/// All versions of a package, there being more than one now and then.
fn version(lock: &str, package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let versions: Vec<_> = lock
        .split("[[package]]")
        .filter(|entry| entry.lines().any(|line| line == name))
        .filter_map(|entry| {
            let line = entry.lines().find_map(|it| it.strip_prefix("version = "))?;
            Some(line.trim_matches('"'))
        })
        .collect();
    versions.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_every_version_that_is_locked() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n\
            [[package]]\nname = \"b\"\nversion = \"2.0\"\n\n[[package]]\nname = \"b\"\nversion = \"3.0\"\n";
        assert_eq!(version(lock, "a"), "1.0");
        assert_eq!(version(lock, "b"), "2.0, 3.0");
        assert_eq!(version(lock, "c"), "");
    }

    #[test]
    fn the_workspaces_own_packages_are_found() {
        let versions = versions(&["wsio", "tokio-tungstenite"]).unwrap();
        assert!(versions.iter().all(|(_, version)| !version.is_empty()));
    }
}
