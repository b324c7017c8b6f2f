//! The processes of a contender: its server, and its subscribers.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use wsio_bench::Sample;

use crate::Contender;

/// A server with its subscribers, which ends when it is dropped.
pub(crate) struct Crowd {
    // They end before their server does, whose end would be an error.
    subscribers: Vec<Process>,
    server: Process,
    contender: Contender,
    address: SocketAddr,
    control: SocketAddr,
}

impl Crowd {
    /// Starts a server.
    pub(crate) fn start(contender: Contender) -> Result<Self> {
        let mut server = Process::start(&["--serve", contender.name()])?;
        let line = server.line()?;
        let (address, control) = line.split_once(' ').context("no addresses")?;
        Ok(Self {
            contender,
            address: address.parse()?,
            control: control.parse()?,
            server,
            subscribers: Vec::new(),
        })
    }

    /// Adds subscribers.
    pub(crate) fn join(&mut self, count: usize) -> Result<()> {
        let (address, control) = (self.address.to_string(), self.control.to_string());
        let mut subscribers = Process::start(&[
            "--subscribe",
            self.contender.name(),
            "--server",
            &address,
            "--control",
            &control,
            "--count",
            &count.to_string(),
        ])?;
        self.server.ask("join")?;
        subscribers.line()?;
        self.subscribers.push(subscribers);
        Ok(())
    }

    /// Sends events, as many as `count`, and measures the server.
    pub(crate) fn measure(&mut self, way: &str, count: u64) -> Result<Sample> {
        let answer = self.server.ask(&format!("{way} {count}"))?;
        let (time, cpu) = answer.split_once(' ').context("no figures")?;
        Ok(Sample {
            value: time.parse()?,
            cpu: Some(cpu.parse()?),
        })
    }

    /// Returns the memory that the server has in use, in bytes.
    pub(crate) fn memory(&mut self) -> Result<f64> {
        Ok(self.server.ask("memory")?.parse()?)
    }
}

/// This program again.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("no pipes");
        };
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        writeln!(self.input, "{line}")?;
        self.line()
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("a child failed");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
