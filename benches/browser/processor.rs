//! The processor time of this process, which serves, and of the browser's, which are its children
//! and theirs.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    process,
};

/// How long every thread has run so far, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Reading(HashMap<u64, u64>);

impl Reading {
    /// `None` where there is no `/proc` as Linux has it.
    pub(crate) fn take() -> Option<Self> {
        let mut threads = HashMap::new();
        for process in family()? {
            let tasks = format!("/proc/{process}/task");
            for thread in numbers(Path::new(&tasks)).unwrap_or_default() {
                // One that has just ended is not there any more.
                let stat = fs::read_to_string(format!("{tasks}/{thread}/schedstat"));
                let ran = stat.ok().and_then(|stat| first_number(&stat));
                threads.extend(ran.map(|ran| (thread, ran)));
            }
        }
        Some(Self(threads))
    }

    /// What all threads have run since, in seconds, but for what those did that have ended.
    pub(crate) fn seconds_since(&self, before: &Self) -> f64 {
        let ran = |(thread, ran): (&u64, &u64)| {
            let before = before.0.get(thread).copied().unwrap_or(0);
            ran.saturating_sub(before)
        };
        self.0.iter().map(ran).sum::<u64>() as f64 / 1e9
    }
}

/// This process and all below it.
fn family() -> Option<HashSet<u64>> {
    let parents: Vec<(u64, u64)> = numbers(Path::new("/proc"))?
        .into_iter()
        .filter_map(|id| Some((id, parent(id)?)))
        .collect();
    let mut family = HashSet::from([u64::from(process::id())]);
    loop {
        let before = family.len();
        let children = parents.iter().filter(|(_, it)| family.contains(it));
        let children: Vec<u64> = children.map(|(id, _)| *id).collect();
        family.extend(children);
        if family.len() == before {
            return Some(family);
        }
    }
}

fn parent(process: u64) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses, with whatever is in it; then the state, and the parent.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The entries of a folder that are numbers.
fn numbers(folder: &Path) -> Option<Vec<u64>> {
    let entries = fs::read_dir(folder).ok()?;
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    Some(entries.flatten().filter_map(number).collect())
}
