use anyhow::Result;
use clap::Args;

use crate::report::{self, Comparison, Section};

/// What every benchmark can be told.
#[derive(Debug, Args)]
pub struct Options {
    /// How often every contender runs.
    #[arg(long, default_value_t = 15)]
    pub rounds: usize,
    /// Only the cases whose title contains this.
    #[arg(long, default_value = "")]
    pub case: String,
    /// Only the contenders whose name contains this, and wsio.
    #[arg(long, default_value = "")]
    pub contender: String,
    /// Saves the results and makes RESULTS.md of all results there are.
    #[arg(long, conflicts_with_all = ["case", "contender"])]
    save: bool,
    /// Measures nothing, and makes RESULTS.md of the results there are.
    #[arg(long)]
    report: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Whether a case is one that was asked for.
    #[must_use]
    pub fn wants(&self, title: &str) -> bool {
        title.contains(&self.case)
    }

    /// Those of the contenders that were asked for.
    pub fn chosen<T: Copy>(&self, contenders: &[T], name: impl Fn(T) -> &'static str) -> Vec<T> {
        let chosen = |it: &&T| name(**it) == "wsio" || name(**it).contains(&self.contender);
        contenders.iter().filter(chosen).copied().collect()
    }

    /// Measures a section, shows every comparison as soon as it is made, and does with all of
    /// them what was asked for.
    ///
    /// # Errors
    ///
    /// Those of `measure`, and of writing files.
    pub fn perform(
        &self,
        mut section: Section,
        measure: impl FnOnce(&mut dyn FnMut(Comparison)) -> Result<()>,
    ) -> Result<()> {
        if !self.report {
            measure(&mut |comparison| {
                println!("{}", report::table(&comparison));
                section.comparisons.push(comparison);
            })?;
        }
        if self.save {
            section.save()?;
        }
        if self.save || self.report {
            report::write()?;
        }
        Ok(())
    }
}
