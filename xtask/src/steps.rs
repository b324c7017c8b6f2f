//! The checks and tests in their order: those that fail fast come first.

use crate::command::Command;
use crate::metadata::Metadata;
use crate::{Failure, full, setup};

/// A part of `cargo xtask test`.
pub(crate) struct Step {
    /// The name on the command line.
    pub(crate) name: &'static str,
    /// The description for `--list`.
    pub(crate) about: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) work: Work,
}

/// A tool that has to be installed for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Rustfmt,
    Clippy,
    Wasm,
    Chromium,
    OpenSsl,
    Redis,
    WasmPack,
}

pub(crate) enum Work {
    /// Tools to run one after the other.
    Commands(fn() -> Vec<Command>),
    /// Tools to run that depend on the members of the workspace.
    Derived(fn(&Metadata) -> Vec<Command>),
    /// A look at the workspace itself.
    Check(fn(&Metadata) -> Result<(), Failure>),
}

impl Need {
    pub(crate) fn provide(self) -> Result<(), Failure> {
        match self {
            Self::Rustfmt => setup::component("rustfmt", "fmt"),
            Self::Clippy => setup::component("clippy", "clippy"),
            Self::Wasm => setup::wasm_target(),
            Self::Chromium => setup::chromium().map(drop),
            Self::OpenSsl => setup::openssl(),
            Self::Redis => setup::redis(),
            Self::WasmPack => setup::wasm_pack().map(drop),
        }
    }
}

const NATIVE: &str = "--features tokio-io,futures-io,json,cbor,http,rustls-webpki-roots,rustls-native-roots,wsio-events/disk";
const WASM: &str = "--target wasm32-unknown-unknown --features tokio-io,futures-io,json,cbor,http";
/// Mode variables that exclude each other start so.
const MODE: &str = "WASM_BINDGEN_USE_";

pub(crate) const STEPS: [Step; 13] = [
    Step {
        name: "format",
        about: "the code is formatted",
        needs: &[Need::Rustfmt],
        work: Work::Commands(format),
    },
    Step {
        name: "rust-version",
        about: "no dependency needs a newer Rust than Cargo.toml says",
        needs: &[],
        work: Work::Check(Metadata::check_rust_version),
    },
    Step {
        name: "clippy",
        about: "clippy has nothing to say (native)",
        needs: &[Need::Clippy],
        work: Work::Commands(clippy),
    },
    Step {
        name: "clippy-wasm",
        about: "clippy has nothing to say (browser)",
        needs: &[Need::Clippy, Need::Wasm],
        work: Work::Commands(clippy_wasm),
    },
    Step {
        name: "seam",
        about: "only the backends know the platform, no layer climbs, the API shows what it should",
        needs: &[],
        work: Work::Commands(seam),
    },
    Step {
        name: "native",
        about: "unit and integration tests (native)",
        needs: &[Need::Redis],
        work: Work::Commands(native),
    },
    Step {
        name: "doc-tests",
        about: "the examples in the documentation",
        needs: &[Need::Wasm],
        work: Work::Commands(doc_tests),
    },
    Step {
        name: "docs",
        about: "the documentation has no broken links (native and browser)",
        needs: &[Need::Wasm],
        work: Work::Commands(docs),
    },
    Step {
        name: "package",
        about: "the published crates can be packaged",
        needs: &[],
        work: Work::Commands(package),
    },
    Step {
        name: "features",
        about: "clippy has nothing to say about any feature alone (native and browser)",
        needs: &[Need::Clippy, Need::Wasm, Need::OpenSsl],
        work: Work::Derived(features),
    },
    Step {
        name: "http2-browser",
        about: "a page in headless Chromium has its WebSockets over HTTP/2",
        needs: &[Need::Chromium],
        work: Work::Commands(http2_browser),
    },
    Step {
        name: "wasm-window",
        about: "the tests in headless Chromium, in a window",
        needs: &[Need::Wasm, Need::Chromium],
        work: Work::Commands(|| wasm("WASM_BINDGEN_USE_BROWSER")),
    },
    Step {
        name: "wasm-worker",
        about: "the tests in headless Chromium, in a dedicated worker",
        needs: &[Need::Wasm, Need::Chromium],
        work: Work::Commands(|| wasm("WASM_BINDGEN_USE_DEDICATED_WORKER")),
    },
];

/// What `--full` adds: the tools that the users of such a crate have.
pub(crate) const FULL: [Step; 2] = [
    Step {
        name: "wasm-pack",
        about: "the tests in headless Chromium, run by wasm-pack",
        needs: &[Need::Wasm, Need::Chromium, Need::WasmPack],
        work: Work::Check(full::wasm_pack),
    },
    Step {
        name: "external-types",
        about: "no other foreign types are in the API, as cargo-check-external-types sees it",
        needs: &[],
        work: Work::Check(full::external_types),
    },
];

fn format() -> Vec<Command> {
    // The fuzz targets are no part of the workspace: they need a nightly compiler.
    let fuzz = "fmt --manifest-path fuzz/Cargo.toml --check";
    vec![Command::cargo("fmt --all --check"), Command::cargo(fuzz)]
}

fn clippy() -> Vec<Command> {
    let clippy = Command::cargo("clippy --workspace --all-targets").args(NATIVE);
    vec![clippy.args("-- -D warnings")]
}

fn clippy_wasm() -> Vec<Command> {
    let library = Command::cargo("clippy -p wsio --all-targets").args(WASM);
    let pages = "clippy -p wsio-demo-page -p wsio-bench-browser --target wasm32-unknown-unknown";
    [library, Command::cargo(pages)]
        .map(|c| c.args("-- -D warnings"))
        .into()
}

fn seam() -> Vec<Command> {
    let tests = Command::cargo("test --workspace --test native").args(NATIVE);
    vec![tests.args("-- seam:: layers:: names:: foreign::")]
}

fn native() -> Vec<Command> {
    vec![Command::cargo("test --workspace --lib --bins --tests").args(NATIVE)]
}

fn doc_tests() -> Vec<Command> {
    // For the browser they are compiled, and not run.
    let wasm = Command::cargo("test -p wsio --doc").args(WASM);
    vec![Command::cargo("test --workspace --doc").args(NATIVE), wasm]
}

fn docs() -> Vec<Command> {
    let native = Command::cargo("doc --no-deps -p wsio -p wsio-events -p wsio-redis -p wsio-axum")
        .args(NATIVE);
    let wasm = Command::cargo("doc --no-deps -p wsio").args(WASM);
    [native, wasm]
        .map(|c| c.var("RUSTDOCFLAGS", "-D warnings"))
        .into()
}

/// With the files as they are: a change that is not committed yet is to be checked, too.
fn package() -> Vec<Command> {
    let package =
        "package --no-verify --allow-dirty -p wsio -p wsio-events -p wsio-redis -p wsio-axum";
    vec![Command::cargo(package)]
}

fn features(metadata: &Metadata) -> Vec<Command> {
    let cases: Vec<String> = std::iter::once("--no-default-features".to_owned())
        .chain(
            metadata
                .features()
                .map(|name| format!("--no-default-features --features {name}")),
        )
        .chain(["--all-features".to_owned()])
        .collect();
    let cases = ["", "--target wasm32-unknown-unknown"]
        .iter()
        .flat_map(|target| {
            let clippy = |case| Command::cargo("clippy -p wsio").args(target).args(case);
            cases.iter().map(move |case| clippy(case))
        });
    let others = [
        "clippy -p wsio-redis --all-features --all-targets",
        "clippy -p wsio-events --all-targets",
    ];
    cases
        .chain(others.map(Command::cargo))
        .map(|command| command.args("-- -D warnings"))
        .collect()
}

fn http2_browser() -> Vec<Command> {
    let test = "test -p wsio-axum --test chromium -- --ignored";
    vec![Command::cargo(test)]
}

/// With the socket that the library chooses in Chromium, and as in a browser where it is the other.
fn wasm(mode: &'static str) -> Vec<Command> {
    let tests = |transport| {
        let tests = Command::cargo("test -p wsio --test suite --test browser").args(WASM);
        let tests = tests.without(MODE).var(mode, "1");
        tests.var("WSIO_TRANSPORT", transport)
    };
    // Also built by the next command, but that does not show its progress.
    let runner = Command::cargo("build -p wsio-test-runner");
    vec![runner, tests("Auto"), tests("WebSocketStream")]
}
