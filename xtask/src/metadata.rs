//! What `cargo metadata` knows of the workspace.

use std::path::PathBuf;

use serde_json::Value;

use crate::{Failure, command::Command};

/// The workspace and all it depends on, on the targets it is for.
pub(crate) struct Metadata(Value);

impl Metadata {
    pub(crate) fn read() -> Result<Self, Failure> {
        let host = Command::new("rustc").args("-vV").output();
        let host = host
            .as_deref()
            .and_then(|text| text.lines().find_map(|line| line.strip_prefix("host: ")))
            .ok_or_else(|| Failure("rustc does not run".to_owned()))?;
        let text = Command::cargo("metadata --format-version 1 --all-features")
            .args("--filter-platform wasm32-unknown-unknown --filter-platform")
            .arg(host)
            .output()
            .ok_or_else(|| Failure("cargo metadata failed".to_owned()))?;
        Ok(Self(serde_json::from_str(&text)?))
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_folder(&self) -> PathBuf {
        PathBuf::from(self.0["target_directory"].as_str().unwrap_or("target"))
    }

    /// The library's features, but for the default ones as a set.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        let features = self.package("wsio")["features"].as_object();
        let names = features.into_iter().flat_map(|map| map.keys());
        names.map(String::as_str).filter(|name| *name != "default")
    }

    /// Checks that whoever has the Rust release we ask for can build all of the workspace.
    pub(crate) fn check_rust_version(&self) -> Result<(), Failure> {
        let ours = self.package("wsio")["rust_version"]
            .as_str()
            .ok_or_else(|| Failure("Cargo.toml states no rust-version".to_owned()))?;
        let newer: Vec<String> = self
            .packages()
            .filter_map(|package| {
                let theirs = package["rust_version"].as_str()?;
                let name = package["name"].as_str()?;
                let version = package["version"].as_str()?;
                (release(theirs) > release(ours))
                    .then(|| format!("\n  {name} {version} needs Rust {theirs}"))
            })
            .collect();
        if newer.is_empty() {
            println!("No dependency needs more than Rust {ours}.");
            Ok(())
        } else {
            Err(Failure(format!(
                "Cargo.toml asks for Rust {ours}, but{}",
                newer.concat()
            )))
        }
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().into_iter().flatten()
    }

    fn package(&self, name: &str) -> &Value {
        self.packages()
            .find(|package| package["name"] == name)
            .unwrap_or(&Value::Null)
    }
}

/// `1.88` and `1.88.0` are one release.
fn release(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(rust_version: &str) -> Metadata {
        Metadata(serde_json::json!({ "packages": [
            { "name": "wsio", "version": "0.1.0", "rust_version": "1.88" },
            { "name": "other", "version": "2.0.0", "rust_version": rust_version },
            { "name": "silent", "version": "3.0.0", "rust_version": null },
        ]}))
    }

    #[test]
    fn an_older_or_equal_rust_version_is_fine() {
        for version in ["1.9", "1.88", "1.88.0"] {
            with(version).check_rust_version().unwrap();
        }
    }

    #[test]
    fn a_newer_rust_version_is_named() {
        for version in ["1.88.1", "1.100", "2.0"] {
            let failure = with(version).check_rust_version().unwrap_err().to_string();
            let line = format!("other 2.0.0 needs Rust {version}");
            assert!(failure.contains(&line), "{failure}");
        }
    }
}
