//! The workspace as `cargo metadata` describes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

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

    /// The target directory.
    pub(crate) fn target_folder(&self) -> PathBuf {
        PathBuf::from(self.0["target_directory"].as_str().unwrap_or("target"))
    }

    /// The library's features, but for the default ones as a set.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        let features = self.package("wsio")["features"].as_object();
        let names = features.into_iter().flat_map(|map| map.keys());
        names.map(String::as_str).filter(|name| *name != "default")
    }

    /// Checks that whoever has the Rust release we ask for can build all of the workspace, but for
    /// members that ask for a newer one themselves (the benchmarks, because of a contender), and
    /// what only they depend on.
    pub(crate) fn check_rust_version(&self) -> Result<(), Failure> {
        let ours = self.package("wsio")["rust_version"]
            .as_str()
            .ok_or_else(|| Failure("Cargo.toml states no rust-version".to_owned()))?;
        let is_newer = |package: &Value| {
            let theirs = package["rust_version"].as_str();
            theirs.is_some_and(|theirs| release(theirs) > release(ours))
        };
        let members = strings(&self.0["workspace_members"]);
        let newer_members: Vec<_> = self
            .packages()
            .filter(|package| is_newer(package))
            .filter_map(|package| package["id"].as_str())
            .collect();
        let members = members.filter(|id| !newer_members.contains(id));
        let needed = self.with_dependencies(members);
        let newer: Vec<String> = self
            .packages()
            .filter(|package| needed.contains(package["id"].as_str().unwrap_or_default()))
            .filter(|package| is_newer(package))
            .filter_map(|package| {
                let theirs = package["rust_version"].as_str()?;
                let name = package["name"].as_str()?;
                let version = package["version"].as_str()?;
                Some(format!("\n  {name} {version} needs Rust {theirs}"))
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

    /// These packages and all they depend on, by their ids.
    fn with_dependencies<'a>(&'a self, ids: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
        let nodes = self.0["resolve"]["nodes"].as_array().into_iter().flatten();
        let nodes: BTreeMap<&str, &Value> = nodes
            .filter_map(|node| Some((node["id"].as_str()?, &node["dependencies"])))
            .collect();
        let mut left: Vec<&str> = ids.collect();
        let mut found = BTreeSet::new();
        while let Some(id) = left.pop() {
            if found.insert(id) {
                left.extend(nodes.get(id).copied().into_iter().flat_map(strings));
            }
        }
        found
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

fn strings(array: &Value) -> impl Iterator<Item = &str> {
    array
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// `1.88` and `1.88.0` are one release.
fn release(version: &str) -> [u32; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace of two members, of which the second asks for Rust 1.95. Both depend on `silent`,
    /// and one of them on a package that asks for `rust_version`.
    fn with(rust_version: &str, user: &str) -> Metadata {
        let packages = [
            ("wsio", "0.1.0", Some("1.88")),
            ("bench", "0.1.0", Some("1.95")),
            ("other", "2.0.0", Some(rust_version)),
            ("silent", "3.0.0", None),
        ];
        let packages = packages.map(|(name, version, rust_version)| {
            serde_json::json!({
                "id": name, "name": name, "version": version, "rust_version": rust_version,
            })
        });
        let nodes = ["wsio", "bench"].map(|id| {
            let direct = if id == user { "middle" } else { "silent" };
            serde_json::json!({ "id": id, "dependencies": ["silent", direct] })
        });
        let middle = serde_json::json!({ "id": "middle", "dependencies": ["other"] });
        let nodes: Vec<_> = nodes.into_iter().chain([middle]).collect();
        Metadata(serde_json::json!({
            "packages": packages,
            "workspace_members": ["wsio", "bench"],
            "resolve": { "nodes": nodes },
        }))
    }

    #[test]
    fn an_older_or_equal_rust_version_is_fine() {
        for version in ["1.9", "1.88", "1.88.0"] {
            with(version, "wsio").check_rust_version().unwrap();
        }
    }

    #[test]
    fn a_newer_rust_version_is_named() {
        for version in ["1.88.1", "1.100", "2.0"] {
            let failure = with(version, "wsio").check_rust_version().unwrap_err();
            let failure = failure.to_string();
            let line = format!("other 2.0.0 needs Rust {version}");
            assert!(failure.contains(&line), "{failure}");
        }
    }

    #[test]
    fn a_member_that_asks_for_a_newer_rust_version_may_use_what_needs_it() {
        with("1.95", "bench").check_rust_version().unwrap();
    }
}
