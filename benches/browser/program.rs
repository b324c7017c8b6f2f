//! The page, with the program of the Rust contenders.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// The files that are served as they are.
const FILES: [&str; 3] = ["index.html", "bench.js", "javascript.js"];

/// A folder with all that the page needs.
pub(crate) fn build() -> Result<TempDir> {
    let folder = TempDir::new()?;
    let target = ["--target", "wasm32-unknown-unknown"];
    let mut build = cargo(&["build", "--package", "wsio-bench-browser", "--release"]);
    run(build.args(target))?;
    let wasm = target_folder()?.join("wasm32-unknown-unknown/release/wsio_bench_browser.wasm");
    let mut bindgen = cargo(&["run", "--package", "wsio-test-runner"]);
    bindgen
        .args(["--bin", "wsio-bindgen", "--"])
        .args(["--target", "web", "--no-typescript"])
        .args(["--out-name", "program", "--out-dir"])
        .args([folder.path(), &wasm]);
    run(&mut bindgen)?;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/page");
    for name in FILES {
        let copied = fs::copy(page.join(name), folder.path().join(name));
        copied.with_context(|| name.to_owned())?;
    }
    Ok(folder)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(arguments);
    command
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

/// Where cargo puts what it builds.
fn target_folder() -> Result<PathBuf> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps"]).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let folder = metadata["target_directory"].as_str();
    Ok(folder.context("cargo names no target folder")?.into())
}
