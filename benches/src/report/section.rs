use std::{fs, io};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{Machine, Quartiles, Unit, results_file, write_file};
use crate::rounds::Measured;

/// What one benchmark found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its name among [`SECTIONS`](super::SECTIONS).
    pub name: String,
    /// Its heading.
    pub title: String,
    /// How it was measured, in Markdown.
    pub about: String,
    /// Where it was measured.
    pub machine: Machine,
    /// The packages that matter, and their versions.
    pub versions: Vec<(String, String)>,
    /// What was compared.
    pub comparisons: Vec<Comparison>,
}

/// The contenders at one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The task.
    pub title: String,
    /// What the values are counted in.
    pub unit: Unit,
    /// Which values are good ones.
    pub better: Better,
    /// Ours first.
    pub entries: Vec<Entry>,
    /// What is promised.
    pub goals: Vec<Goal>,
}

/// Whether more or less of it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// As of a rate.
    More,
    /// As of a time.
    Less,
}

/// What a contender showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Who it is.
    pub contender: String,
    /// Over all rounds.
    pub value: Quartiles,
    /// Our value as a ratio of this one, round by round.
    pub ratio: Quartiles,
    /// Processor seconds, where they were measured.
    pub cpu: Option<f64>,
    /// Ours as a ratio of this one's.
    pub cpu_ratio: Option<f64>,
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Our value is to be this part of another contender's, or better.
    Ratio {
        /// The other contender.
        to: String,
        /// The ratio.
        of: f64,
    },
    /// Our processor time is to be this part of another contender's, or less.
    CpuRatio {
        /// The other contender.
        to: String,
        /// The ratio.
        of: f64,
    },
    /// Our value is to be this one, or better.
    Limit(f64),
}

impl Section {
    /// A section without results yet, measured here and now.
    ///
    /// # Errors
    ///
    /// The workspace's Cargo.lock cannot be read.
    pub fn new(name: &str, title: &str, about: &str, packages: &[&str]) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            title: title.to_owned(),
            about: about.to_owned(),
            machine: Machine::read(),
            versions: super::machine::versions(packages)?,
            comparisons: Vec::new(),
        })
    }

    /// The section of this name, if there are results.
    ///
    /// # Errors
    ///
    /// They cannot be read, or are something else.
    pub fn load(name: &str) -> Result<Option<Self>> {
        let path = results_file(name);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| path.display().to_string())?,
        };
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Our value in the comparison of this title.
    #[must_use]
    pub fn value(&self, title: &str) -> Option<f64> {
        let mut comparisons = self.comparisons.iter();
        let comparison = comparisons.find(|comparison| comparison.title == title)?;
        Some(comparison.ours()?.value.median)
    }

    /// Saves it, in the place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        write_file(&results_file(&self.name), text + "\n")
    }
}

impl Comparison {
    /// A comparison of contenders, ours first, that took turns.
    pub fn new<'a>(
        title: impl Into<String>,
        unit: Unit,
        better: Better,
        contenders: impl IntoIterator<Item = (&'a str, &'a Measured)>,
    ) -> Self {
        let contenders: Vec<_> = contenders.into_iter().collect();
        let ours = contenders.first().map(|(_, measured)| *measured);
        let entry = |&(contender, measured): &(&str, &Measured)| {
            let ours = ours.unwrap_or(measured);
            Entry {
                contender: contender.to_owned(),
                value: measured.values(),
                ratio: ours.ratio(measured),
                cpu: measured.cpu().map(|cpu| cpu.median),
                cpu_ratio: ours.cpu_ratio(measured).map(|ratio| ratio.median),
            }
        };
        Self {
            title: title.into(),
            unit,
            better,
            entries: contenders.iter().map(entry).collect(),
            goals: Vec::new(),
        }
    }

    /// With goals.
    #[must_use]
    pub fn with_goals(mut self, goals: impl IntoIterator<Item = Goal>) -> Self {
        self.goals.extend(goals);
        self
    }

    /// Our entry.
    #[must_use]
    pub fn ours(&self) -> Option<&Entry> {
        self.entries.first()
    }

    pub(super) fn entry(&self, contender: &str) -> Option<&Entry> {
        self.entries.iter().find(|it| it.contender == contender)
    }

    /// Whether `value` is as good as `goal`, or better.
    pub(super) fn reaches(&self, value: f64, goal: f64) -> bool {
        match self.better {
            Better::More => value >= goal,
            Better::Less => value <= goal,
        }
    }
}

impl Goal {
    /// Ours is to be `of` times that of `to`.
    pub fn ratio(to: impl Into<String>, of: f64) -> Self {
        Self::Ratio { to: to.into(), of }
    }

    /// Ours is to take at most `of` times the processor time of `to`.
    pub fn cpu_ratio(to: impl Into<String>, of: f64) -> Self {
        Self::CpuRatio { to: to.into(), of }
    }
}
