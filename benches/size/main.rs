//! How much wasm a program that connects and echoes adds to an empty one, with wsio and with
//! `ws_stream_wasm`: after wasm-bindgen and wasm-opt, gzipped.
//!
//! `cargo bench -p wsio-bench --bench size -- --help`

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use wsio_bench::{
    Options,
    report::{Better, Comparison, Entry, Goal, Quartiles, Section, Unit},
};

const ABOUT: &str = "\
A program that connects and echoes, built without optional features, and one that does the same \
through the byte adapter (futures-io); release with `opt-level = \"z\"`, LTO, one codegen unit, \
`panic = \"abort\"`; wasm-bindgen `--target web`, `wasm-opt -Oz`, gzip at its best. What counts is \
what a program is larger than one with an empty asynchronous export.";

/// With what rustc compiles for by default.
const WASM_OPT: [&str; 10] = [
    "-Oz",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Measures the size of wasm.
#[derive(Parser)]
struct Cli {
    /// Keeps the wasm files here, with the names of their functions, for twiggy.
    #[arg(long)]
    keep: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<()> {
    let Cli { keep, options } = Cli::parse();
    let packages = ["wsio", "ws_stream_wasm", "wasm-bindgen", "web-sys"];
    let section = Section::new("size", "wasm size", ABOUT, &packages)?;
    if let Some(folder) = keep {
        for (features, _) in PROGRAMS {
            fs::create_dir_all(&folder)?;
            let file = folder.join(format!("{features}.wasm"));
            fs::copy(build(features)?, &file)?;
            println!("{}", file.display());
        }
        return Ok(());
    }
    options.perform(section, |add| {
        let sizes = Sizes::measure()?;
        for (index, (title, is_goal)) in STAGES.iter().enumerate() {
            for (what, pair, limit) in [
                ("messages", ["wsio", "wsstream"], 13_600.0),
                ("bytes", ["wsio-io", "wsstream-io"], 14_800.0),
            ] {
                let title = format!("echo of {what}, {title}");
                let goals = [Goal::ratio(THEIRS, 1.0), Goal::Limit(limit)];
                let goals = goals.into_iter().filter(|_| *is_goal);
                add(sizes.compare(title, index, pair).with_goals(goals));
            }
        }
        Ok(())
    })
}

const OURS: &str = "wsio";
const THEIRS: &str = "ws_stream_wasm";

/// The features of the programs, and what they are.
const PROGRAMS: [(&str, &str); 5] = [
    ("", "an empty export"),
    ("wsio", "messages with wsio"),
    ("wsstream", "messages with ws_stream_wasm"),
    ("wsio-io", "bytes with wsio"),
    ("wsstream-io", "bytes with ws_stream_wasm"),
];

/// What is looked at, and whether it is what was promised.
const STAGES: [(&str, bool); 3] = [
    ("gzipped", true),
    ("not gzipped", false),
    ("gzipped with its JavaScript", false),
];

/// For every program, the size at every stage.
struct Sizes(Vec<(&'static str, [usize; STAGES.len()])>);

impl Sizes {
    fn measure() -> Result<Self> {
        let mut sizes = Vec::new();
        for (features, about) in PROGRAMS {
            eprintln!("{about} …");
            let folder = TempDir::new()?;
            let (wasm, script) = finish(&build(features)?, &folder)?;
            let gzipped = gzip(&wasm)?;
            sizes.push((features, [gzipped, wasm.len(), gzipped + gzip(&script)?]));
        }
        Ok(Self(sizes))
    }

    fn over_empty(&self, features: &str, stage: usize) -> f64 {
        let size = |wanted| {
            let found = self.0.iter().find(|(features, _)| *features == wanted);
            found.map_or(0, |(_, sizes)| sizes[stage]) as f64
        };
        size(features) - size("")
    }

    fn compare(&self, title: String, stage: usize, [ours, theirs]: [&str; 2]) -> Comparison {
        let ours = self.over_empty(ours, stage);
        let entry = |contender: &str, size: f64| Entry {
            contender: contender.to_owned(),
            value: Quartiles::exactly(size),
            ratio: Quartiles::exactly(ours / size),
            cpu: None,
            cpu_ratio: None,
        };
        let theirs = self.over_empty(theirs, stage);
        Comparison {
            title,
            unit: Unit::FileSize,
            better: Better::Less,
            entries: vec![entry(OURS, ours), entry(THEIRS, theirs)],
            goals: Vec::new(),
        }
    }
}

/// Builds a program; where cargo put it.
fn build(features: &str) -> Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new("cargo")
        .current_dir(workspace)
        .args(["build", "--quiet", "--package", "wsio-bench-size"])
        .args(["--target", "wasm32-unknown-unknown"])
        .args(["--config", "benches/size/profile.toml", "--profile", "size"])
        .args(["--features", features])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "cargo build failed");
    let text = String::from_utf8(output.stdout)?;
    let wasm = text
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "wsio_bench_size")
        .find_map(|message| Some(PathBuf::from(message["filenames"][0].as_str()?)));
    wasm.context("cargo built no wasm")
}

/// wasm-bindgen and wasm-opt: the final wasm, and its JavaScript.
fn finish(wasm: &Path, folder: &TempDir) -> Result<(Vec<u8>, Vec<u8>)> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut bindgen = Command::new("cargo");
    bindgen
        .current_dir(workspace)
        .args(["run", "--quiet", "--package", "wsio-test-runner"])
        .args(["--bin", "wsio-bindgen", "--"])
        .args(["--target", "web", "--no-typescript"])
        .args(["--out-name", "program", "--out-dir"])
        .args([folder.path(), wasm]);
    run(bindgen)?;
    let bound = folder.path().join("program_bg.wasm");
    let small = folder.path().join("small.wasm");
    let mut opt = Command::new("wasm-opt");
    opt.args(WASM_OPT);
    run({
        opt.arg(&bound).arg("-o").arg(&small);
        opt
    })?;
    let script = fs::read(folder.path().join("program.js"))?;
    Ok((fs::read(small)?, script))
}

fn run(mut command: Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("{program} does not start (`cargo xtask bench` installs it)"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
