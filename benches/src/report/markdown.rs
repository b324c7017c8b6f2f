use std::fmt::Write as _;

use super::{Better, Comparison, Entry, Goal, Machine, Section, Table};

const INTRODUCTION: &str = "\
# Results

Made by `cargo xtask bench`, or one section of it by `cargo bench -p wsio-bench --bench <name> -- \
--save`; not edited by hand.

Contenders take turns, round by round. A figure is the median of the rounds, the spread is the \
distance between its quartiles. \"wsio / this\" is the median over the rounds of our figure divided \
by that of the contender in the same round: it counts, because what else the machine does is in \
both. The same for the processor time (user and system, both ends), which suffers less from a busy \
machine.
";

/// The whole report.
pub(super) fn report(sections: &[Section]) -> String {
    let mut text = format!("{INTRODUCTION}\n{}", goals(sections));
    for section in sections {
        text += &self::section(section);
    }
    text
}

/// One comparison as a table.
#[must_use]
pub fn table(comparison: &Comparison) -> Table {
    let with_cpu = comparison.entries.iter().any(|entry| entry.cpu.is_some());
    let mut heading = vec![comparison.title.as_str(), "median", "spread", "wsio / this"];
    if with_cpu {
        heading.extend(["CPU", "wsio / this"]);
    }
    let mut table = Table::new(heading);
    for entry in &comparison.entries {
        table.row(row(comparison, entry, with_cpu));
    }
    table
}

fn row(comparison: &Comparison, entry: &Entry, with_cpu: bool) -> Vec<String> {
    let mut row = vec![
        entry.contender.clone(),
        comparison.unit.text(entry.value.median),
        format!("{:.0} %", entry.value.spread() * 100.0),
        format!("{:.2}", entry.ratio.median),
    ];
    if with_cpu {
        let text = |value: Option<f64>, text: fn(f64) -> String| value.map_or(String::new(), text);
        row.push(text(entry.cpu, |cpu| format!("{:.0} ms", cpu * 1e3)));
        row.push(text(entry.cpu_ratio, |ratio| format!("{ratio:.2}")));
    }
    row
}

/// All that is promised, and what came of it.
fn goals(sections: &[Section]) -> String {
    let mut table = Table::new(["goal", "to reach", "measured", "by CPU", "reached"]);
    let comparisons = sections.iter().flat_map(|section| &section.comparisons);
    for comparison in comparisons {
        for goal in &comparison.goals {
            if let Some(row) = goal_row(comparison, goal) {
                table.row(row);
            }
        }
    }
    format!("## Goals\n\n{table}\n")
}

fn goal_row(comparison: &Comparison, goal: &Goal) -> Option<[String; 5]> {
    let at = match comparison.better {
        Better::More => "at least",
        Better::Less => "at most",
    };
    let reached = |value, goal| {
        if comparison.reaches(value, goal) {
            "yes"
        } else {
            "no"
        }
    };
    let title = &comparison.title;
    Some(match goal {
        Goal::Ratio { to, of } => {
            let entry = comparison.entry(to)?;
            let ratio = entry.ratio;
            // A rate's goal is reached by less processor time.
            let cpu = entry.cpu_ratio.map(|cpu| match comparison.better {
                Better::More => 1.0 / cpu,
                Better::Less => cpu,
            });
            [
                title.clone(),
                format!("{at} {of} × {to}"),
                format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high),
                cpu.map_or(String::new(), |cpu| format!("{cpu:.2}")),
                reached(ratio.median, *of).to_owned(),
            ]
        }
        Goal::CpuRatio { to, of } => {
            let entry = comparison.entry(to)?;
            let (ratio, cpu) = (entry.ratio, entry.cpu_ratio?);
            [
                title.clone(),
                format!("at most {of} × the CPU time of {to}"),
                format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.low, ratio.high),
                format!("{cpu:.2}"),
                if cpu <= *of { "yes" } else { "no" }.to_owned(),
            ]
        }
        Goal::Limit(limit) => {
            let ours = comparison.ours()?.value.median;
            [
                title.clone(),
                format!("{at} {}", comparison.unit.text(*limit)),
                comparison.unit.text(ours),
                String::new(),
                reached(ours, *limit).to_owned(),
            ]
        }
    })
}

fn section(section: &Section) -> String {
    let Section {
        name, title, about, ..
    } = section;
    let mut text = format!("## {title}\n\n{about}\n\n![{title}](results/{name}.svg)\n\n");
    for comparison in &section.comparisons {
        let _ = writeln!(text, "{}", table(comparison));
    }
    text + &place(&section.machine, &section.versions)
}

fn place(machine: &Machine, versions: &[(String, String)]) -> String {
    let Machine {
        cpu,
        cores,
        system,
        rustc,
        load,
    } = machine;
    let versions: Vec<_> = versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    format!(
        "Measured on {cpu}, {cores} cores, {system}, {rustc}, load before {load}; {}.\n\n",
        versions.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Quartiles, Unit};

    fn comparison(better: Better, ratio: f64, goal: Goal) -> Comparison {
        let entry = |contender: &str, ratio| Entry {
            contender: contender.to_owned(),
            value: Quartiles::exactly(2e9),
            ratio: Quartiles::exactly(ratio),
            cpu: None,
            cpu_ratio: None,
        };
        Comparison {
            title: "bulk".to_owned(),
            unit: Unit::BytesPerSecond,
            better,
            entries: vec![entry("wsio", 1.0), entry("peer", ratio)],
            goals: vec![goal],
        }
    }

    fn verdict(comparison: &Comparison) -> String {
        let row = goal_row(comparison, &comparison.goals[0]).unwrap();
        row[4].clone()
    }

    #[test]
    fn a_goal_is_judged_in_the_direction_that_is_good() {
        let goal = || Goal::ratio("peer", 0.95);
        assert_eq!(verdict(&comparison(Better::More, 0.96, goal())), "yes");
        assert_eq!(verdict(&comparison(Better::More, 0.94, goal())), "no");
        assert_eq!(verdict(&comparison(Better::Less, 0.94, goal())), "yes");
        assert_eq!(verdict(&comparison(Better::Less, 0.96, goal())), "no");
        assert_eq!(
            verdict(&comparison(Better::Less, 1.0, Goal::Limit(3e9))),
            "yes"
        );
    }

    #[test]
    fn a_table_has_a_row_for_everybody() {
        let table = table(&comparison(Better::More, 0.5, Goal::Limit(1.0))).to_string();
        assert_eq!(table.lines().count(), 4);
        assert!(
            table.contains("| peer | 2000 MB/s |    0 % |        0.50 |"),
            "{table}"
        );
    }
}
