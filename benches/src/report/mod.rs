//! The report: `RESULTS.md` beside this package's Cargo.toml, made of the sections in `results`.
//!
//! A benchmark, in whatever program it runs, writes a [`Section`] as JSON. Whoever adds one names
//! it in [`SECTIONS`]; tables, plots and the list of goals come by themselves.

mod figure;
mod machine;
mod markdown;
mod plot;
mod section;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub use self::{
    figure::{Quartiles, Unit, quartiles},
    machine::Machine,
    markdown::table,
    section::{Better, Comparison, Entry, Goal, Section},
    table::Table,
};

/// The sections that the report has, in this order, as far as there are results.
pub const SECTIONS: [&str; 7] = [
    "native",
    "events",
    "fanout",
    "logs",
    "instructions",
    "browser",
    "size",
];

/// Makes the report of all results there are.
///
/// # Errors
///
/// A file cannot be read or written, or is none of ours.
pub fn write() -> Result<()> {
    let mut sections = Vec::new();
    for name in SECTIONS {
        if let Some(section) = Section::load(name)? {
            write_file(&plot_file(name), plot::draw(&section)?)?;
            sections.push(section);
        }
    }
    let report = folder().join("RESULTS.md");
    write_file(&report, markdown::report(&sections))?;
    println!("{}", report.display());
    Ok(())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn plot_file(name: &str) -> PathBuf {
    folder().join(format!("results/{name}.svg"))
}

fn results_file(name: &str) -> PathBuf {
    folder().join(format!("results/{name}.json"))
}

fn write_file(path: &Path, contents: String) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, contents).with_context(|| path.display().to_string())
}
