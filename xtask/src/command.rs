//! The tools that are started: as they would be typed in the workspace's root.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::process::{self, Stdio};

use crate::{Failure, path};

/// A program to run, which says itself what it is doing.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    program: OsString,
    args: Vec<OsString>,
    vars: Vec<(&'static str, &'static str)>,
    without: &'static str,
}

impl Command {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            vars: Vec::new(),
            without: "",
        }
    }

    /// Cargo, with these arguments, separated by blanks.
    pub(crate) fn cargo(args: &str) -> Self {
        Self::new("cargo").args(args)
    }

    /// Adds arguments, separated by blanks.
    pub(crate) fn args(self, args: &str) -> Self {
        args.split_whitespace().fold(self, Self::arg)
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn var(mut self, name: &'static str, value: &'static str) -> Self {
        self.vars.push((name, value));
        self
    }

    /// Hides the variables whose names start so.
    pub(crate) fn without(mut self, prefix: &'static str) -> Self {
        self.without = prefix;
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    ///
    /// It does not start, or does not succeed.
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let status = self.process().status().map_err(|e| self.unstarted(&e))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure(format!("this failed ({status}):\n  {self}")))
        }
    }

    /// Starts it, to run until it is dropped.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn start(&self) -> Result<Running, Failure> {
        let child = self.process().spawn().map_err(|e| self.unstarted(&e))?;
        Ok(Running(child))
    }

    fn unstarted(&self, error: &io::Error) -> Failure {
        Failure(format!("{} does not start: {error}", quoted(&self.program)))
    }

    /// Runs it and returns what it prints, or nothing if it fails. Its progress and errors are
    /// shown.
    pub(crate) fn output(&self) -> Option<String> {
        self.captured(Stdio::inherit())
    }

    /// Runs it to see whether it works at all, and shows nothing.
    pub(crate) fn probe(&self) -> Option<String> {
        self.captured(Stdio::null())
    }

    fn captured(&self, errors: Stdio) -> Option<String> {
        let mut process = self.process();
        let output = process.stdin(Stdio::null()).stderr(errors).output().ok()?;
        let text = output.status.success().then_some(output.stdout)?;
        String::from_utf8(text).ok()
    }

    fn process(&self) -> process::Command {
        let mut process = process::Command::new(&self.program);
        process.args(&self.args).current_dir(path::root());
        for (name, _) in env::vars_os() {
            if self.is_hidden(&name) {
                process.env_remove(name);
            }
        }
        if env::var_os("CI").is_some() {
            // Nothing is built twice or debugged there.
            process.env("CARGO_INCREMENTAL", "0");
            process.env("CARGO_PROFILE_DEV_DEBUG", "0");
        }
        process.envs(self.vars.iter().copied());
        process
    }

    /// Cargo describes this package to this program. Build scripts that watch those variables would
    /// run again, and all that depends on them, each time `cargo` and `cargo xtask` take turns.
    fn is_hidden(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        let ours = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
        ours.iter().any(|prefix| name.starts_with(prefix))
            || (!self.without.is_empty() && name.starts_with(self.without))
    }
}

/// A program that was started, and is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(process::Child);

impl Running {
    /// Returns whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The line to type.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.vars {
            write!(f, "{name}={} ", quoted(value.as_ref()))?;
        }
        f.write_str(&quoted(&self.program))?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_typed() {
        let command = Command::cargo("test --doc")
            .arg("it's")
            .var("RUSTDOCFLAGS", "-D warnings");
        let line = r"RUSTDOCFLAGS='-D warnings' cargo test --doc 'it'\''s'";
        assert_eq!(command.to_string(), line);
    }

    #[test]
    fn failure_names_the_command() {
        let failed = Command::cargo("no-such-command").run().unwrap_err();
        assert!(failed.to_string().contains("cargo no-such-command"));
    }
}
