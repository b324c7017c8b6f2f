//! wsio in headless Chromium, on each of the browser's two sockets, beside JavaScript written by
//! hand and `ws_stream_wasm`.
//!
//! `cargo bench -p wsio-bench --bench browser -- --help`

mod cases;
/// The demo's own.
#[path = "../../demo/src/chromium.rs"]
mod chromium;
mod processor;
mod program;
mod site;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::sleep};
use wsio_bench::{
    Options, Sample, interleave,
    report::{Comparison, Section},
};
use wsio_server::{Running, Server};

use self::{
    cases::{Case, Contender},
    chromium::Chromium,
    processor::Reading,
    site::{Desk, Report, Task},
};

const ABOUT: &str = "\
A page in headless Chromium, and the companion server, over TCP on loopback. The Rust contenders \
are one program, built for release, without wasm-opt. Downloads are counted and end with the last \
byte, the connecting included; JavaScript does not look at the bytes, which wasm copies into its \
memory. Uploads end when the server answers that it has received all of \
the bytes, and the right ones; what is echoed is compared. JavaScript hands everything to the \
socket at once; bounded, it waits while 1 MiB or more is buffered, or for the stream to be ready. \
Merged by hand, it copies small pieces into messages of up to 128 000 bytes.";

/// How long a task may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Measures wsio beside JavaScript and its peer, in a browser.
#[derive(Parser)]
struct Cli {
    /// The Chromium or Chrome to run; by default the first on the path.
    #[arg(long, value_name = "PATH", env = "CHROME")]
    chromium: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<()> {
    let Cli { chromium, options } = Cli::parse();
    let packages = ["wsio", "ws_stream_wasm", "wasm-bindgen", "web-sys"];
    let mut section = Section::new("browser", "Browser", ABOUT, &packages)?;
    let chromium = chromium::find(chromium.as_deref())
        .context("`cargo xtask bench` installs one where it may")?;
    section.versions.push(version(&chromium)?);
    options.perform(section, |add| {
        let page = program::build()?;
        let runtime = Runtime::new()?;
        let mut bench = runtime.block_on(Bench::start(&page, &chromium))?;
        let measured = cases::all()
            .into_iter()
            .filter(|case| options.wants(&case.title))
            .try_for_each(|case| {
                add(bench.compare(&runtime, &options, case)?);
                Ok(())
            });
        runtime.block_on(bench.end());
        measured
    })
}

/// The browser's name, and its version.
fn version(chromium: &Path) -> Result<(String, String)> {
    let output = Command::new(chromium).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    let version = words.clone().find(|it| it.starts_with(char::is_numeric));
    let name = words.next().unwrap_or("Chromium");
    Ok((name.to_owned(), version.unwrap_or("unknown").to_owned()))
}

/// The server, and the page in the browser that does the tasks.
struct Bench {
    server: Running,
    chromium: Chromium,
    desk: Desk,
}

impl Bench {
    async fn start(page: &TempDir, chromium: &Path) -> Result<Self> {
        let (routes, desk) = site::routes(page.path());
        let server = Server::builder()
            .routes(routes)
            .start("127.0.0.1:0")
            .await?;
        let chromium = Chromium::open(chromium, &format!("http://{}/", server.addr))?;
        Ok(Self {
            server,
            chromium,
            desk,
        })
    }

    async fn end(self) {
        self.chromium.end().await;
        self.server.shutdown().await;
    }

    fn compare(&mut self, runtime: &Runtime, options: &Options, case: Case) -> Result<Comparison> {
        let contenders = options.chosen(&case.contenders, |contender| contender.name);
        let measured = interleave(options.rounds, &contenders, |contender| {
            let sample = runtime.block_on(self.sample(&case, *contender));
            sample.with_context(|| format!("{}: {}", case.title, contender.name))
        })?;
        let names = contenders.iter().map(|contender| contender.name);
        let (unit, better) = (case.figure.unit(), case.figure.better());
        let comparison = Comparison::new(case.title, unit, better, names.zip(&measured));
        Ok(comparison.with_goals(case.goals))
    }

    async fn sample(&mut self, case: &Case, contender: Contender) -> Result<Sample> {
        let count = contender.count;
        let route = (case.route)(case.size * count, case.size);
        let task = Task {
            language: contender.language,
            contender: contender.contender,
            task: contender.task,
            url: format!("ws://{}/{route}", self.server.addr),
            size: case.size,
            count,
        };
        // Who is given less to do is charged for as much as we do.
        let ours = case.contenders.first().map_or(count, |ours| ours.count);
        let as_many = ours as f64 / count as f64;
        let before = Reading::take();
        self.desk.tasks.send(task).await?;
        let Self { desk, chromium, .. } = self;
        let report = tokio::select! {
            report = desk.reports.recv() => report.context("the server has gone")?,
            status = chromium.ended() => bail!("Chromium ended ({})\n{}", status?, chromium.log()),
            () = sleep(LIMIT) => bail!("nothing within {} s\n{}", LIMIT.as_secs(), chromium.log()),
        };
        match report {
            Report::Seconds(seconds) => Ok(Sample {
                value: case.figure.of(case.size, count, seconds),
                cpu: Reading::take()
                    .zip(before)
                    .map(|(after, before)| after.seconds_since(&before) * as_many),
            }),
            Report::Failure(text) => bail!(text),
        }
    }
}
