//! `cargo xtask bench`

use crate::command::Command;
use crate::{Failure, setup};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The benchmarks to run; all of them if none is named
    #[arg(value_name = "BENCHMARK", value_parser = BENCHMARKS.map(|it| it.name))]
    names: Vec<String>,
    /// Prints the results only, without saving them in benches/RESULTS.md
    #[arg(long)]
    dry: bool,
}

/// A benchmark of the package wsio-bench, and what has to be installed for it.
struct Benchmark {
    name: &'static str,
    provide: fn() -> Result<(), Failure>,
}

/// In the order of the report.
const BENCHMARKS: [Benchmark; 7] = [
    Benchmark {
        name: "native",
        provide: || Ok(()),
    },
    Benchmark {
        name: "events",
        provide: || Ok(()),
    },
    Benchmark {
        name: "fanout",
        provide: || Ok(()),
    },
    Benchmark {
        name: "logs",
        provide: setup::redis,
    },
    Benchmark {
        name: "instructions",
        provide: setup::valgrind,
    },
    Benchmark {
        name: "browser",
        provide: || setup::wasm_target().and_then(|()| setup::chromium().map(drop)),
    },
    Benchmark {
        name: "size",
        provide: || setup::wasm_target().and_then(|()| setup::wasm_opt()),
    },
];

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let is_chosen =
        |it: &&Benchmark| args.names.is_empty() || args.names.iter().any(|n| n == it.name);
    let chosen: Vec<&Benchmark> = BENCHMARKS.iter().filter(is_chosen).collect();
    for benchmark in &chosen {
        (benchmark.provide)()?;
    }
    for benchmark in chosen {
        let mut bench = Command::cargo("bench -p wsio-bench --bench").arg(benchmark.name);
        if !args.dry {
            bench = bench.args("-- --save");
        }
        println!("\n{bench}");
        bench.run()?;
    }
    Ok(())
}
