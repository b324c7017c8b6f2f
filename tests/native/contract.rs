//! Every promise of the contract has a test on each target, and the test's name begins with the
//! promise's number.

use std::{collections::BTreeSet, fs, path::Path};

use crate::sources::visit;

/// The sections, and which of their promises each target keeps.
const SECTIONS: [(char, &[u32]); 5] = [
    ('c', &[1, 2, 3, 4, 5, 6, 9]),
    ('e', &[1, 2, 3, 4, 5, 6, 7, 8]),
    ('b', &[1, 2, 3, 4, 5, 6]),
    ('s', &[1, 2, 3, 4]),
    ('r', &[1, 2, 3, 4, 5, 6, 7, 8]),
];

/// The promises that one target alone keeps: a page accepts no connections, and only a browser
/// discards what arrives after a close.
const ONE_TARGET: [(&str, &str); 2] = [("tests/native", "c7"), ("tests/browser", "e9")];

#[test]
fn every_promise_has_a_test_on_each_target() {
    for target in ["tests/native", "tests/browser"] {
        let kept = kept(&["tests/suite", target]);
        let without: Vec<_> = numbers().filter(|it| !kept.contains(it)).collect();
        assert!(without.is_empty(), "{target} has no test of {without:?}");
    }
    for (target, promise) in ONE_TARGET {
        assert!(
            kept(&[target]).contains(promise),
            "{target} has no test of {promise}"
        );
    }
}

/// What a network has a part in is tested over both transports on each target, but for what only
/// one of them has: R4 and R8 are WebSocket's, R5 is HTTP's.
#[test]
fn event_sources_are_tested_over_both_transports() {
    let mut over_both = BTreeSet::new();
    visit("tests/suite", &mut |_, text| {
        over_both.extend(in_over_both(text).filter_map(number));
    });
    assert_eq!(over_both, ["r1", "r2", "r3", "r6", "r7"].map(owned).into());
    for (file, expected) in [
        ("source_ws", "r4"),
        ("source_http", "r5"),
        ("source_upstream", "r8"),
    ] {
        let kept: BTreeSet<_> = promises(&read(&format!("tests/suite/{file}.rs"))).collect();
        assert!(kept.contains(expected), "{file} has no test of {expected}");
    }
}

/// Flow control is each target's own: there is no queue to bound natively, and a browser has neither
/// buffers nor a Ping to send.
#[test]
fn flow_control_is_tested_where_it_is() {
    for (folders, expected) in [
        (
            &["tests/suite", "tests/browser"][..],
            &["f1", "f2", "f3", "f5", "f6", "f7"][..],
        ),
        (
            &["tests/suite", "tests/native"],
            &["f1", "f3", "f5", "f6", "f7"],
        ),
        (&["tests/load"], &["f4", "f5", "f6", "f7"]),
    ] {
        let kept = kept(folders);
        for number in expected {
            assert!(
                kept.contains(*number),
                "{folders:?} have no test of {number}"
            );
        }
    }
}

/// The log of R7 is in crates of its own, and so are most of its tests.
#[test]
fn the_event_log_is_tested_where_it_is() {
    let kept = kept(&["events/tests", "axum/tests", "server/tests"]);
    assert!(kept.contains("r7"), "{kept:?}");
}

/// What every store promises is tested over each of them, from one list.
#[test]
fn every_store_is_tested_for_every_promise() {
    let suite = read("events/tests/suite/mod.rs");
    let listed: BTreeSet<_> = in_every_store(&suite).filter_map(number).collect();
    let expected = ["d1", "d2", "d3", "d4", "d6", "d7"].map(owned);
    assert!(expected.iter().all(|it| listed.contains(it)), "{listed:?}");
    for store in [
        "events/tests/memory.rs",
        "events/tests/disk_suite.rs",
        "redis/tests/suite.rs",
    ] {
        let is_tested = read(store)
            .lines()
            .any(|it| it.starts_with("every_store!("));
        assert!(is_tested, "{store} leaves the list out");
    }
    // What an engine does when it is away, or comes back another, is each engine's own.
    for folder in ["events/tests/disk", "redis"] {
        let kept = kept(&[folder]);
        for number in ["d3", "d5", "r8"] {
            assert!(kept.contains(number), "{folder} has no test of {number}");
        }
    }
}

#[test]
fn only_what_runs_counts_as_a_test() {
    // With a letter that is no section's: this file is searched, too.
    let text = "
        #[test]
        async fn x1_one() {}

        #[tokio::test(start_paused = true)]
        // Why.
        async fn x2_two() {}

        // #[test]
        // fn x3_commented_out() {}

        #[test]
        #[ignore = \"it fails\"]
        fn x4_ignored() {}

        fn x5_is_no_test() {}

        #[cfg(all(
            feature = \"json\",
            feature = \"cbor\",
        ))]
        #[test]
        fn x6_not_always_there() {}

        #[test]
        fn x7() {}

        macro_rules! over_both {
            x8_of_a_definition
        }

        over_both! {
            x9_over_both
            // x11_commented_out
        }

        #[test]
        fn x10_ten() {}
    ";
    let found: BTreeSet<_> = promises(text).collect();
    assert_eq!(found, ["x1", "x2", "x9", "x10"].map(owned).into());
}

fn numbers() -> impl Iterator<Item = String> {
    SECTIONS.into_iter().flat_map(|(section, numbers)| {
        numbers
            .iter()
            .map(move |number| format!("{section}{number}"))
    })
}

/// The promises that the tests in some folders are of.
fn kept(folders: &[&str]) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    for folder in folders {
        visit(folder, &mut |_, text| kept.extend(promises(text)));
    }
    kept
}

/// What the names of the tests in a source file begin with.
fn promises(text: &str) -> impl Iterator<Item = String> {
    in_functions(text)
        .chain(in_over_both(text))
        .filter_map(number)
}

fn number(name: &str) -> Option<String> {
    let (number, _) = name.split_once('_')?;
    Some(owned(number))
}

fn owned(text: &str) -> String {
    text.to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The names of the functions that are tests.
fn in_functions(text: &str) -> impl Iterator<Item = &str> {
    // The attributes of the item that follows, and whether the last one goes on.
    let mut attributes: Vec<&str> = Vec::new();
    let mut goes_on = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if goes_on || line.starts_with("#[") {
            goes_on = !line.ends_with(']');
            attributes.push(line);
            return None;
        }
        if line.starts_with("//") {
            return None;
        }
        let attributes = std::mem::take(&mut attributes);
        let is_test = |it: &&str| it.starts_with("#[test]") || it.starts_with("#[tokio::test");
        let is_conditional = |it: &&str| it.starts_with("#[ignore") || it.starts_with("#[cfg");
        if !attributes.iter().any(is_test) || attributes.iter().any(is_conditional) {
            return None;
        }
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
    })
}

/// The names in the list of `every_store!`, each of which is a test over each store.
fn in_every_store(text: &str) -> impl Iterator<Item = &str> {
    let list = text
        .split_once("every_store!($engine;")
        .map_or("", |it| it.1);
    let list = list.split_once(");").map_or("", |it| it.0);
    let entries = list.lines().map(str::trim);
    entries.filter_map(|it| it.split_once(": ").map(|(_, name)| name))
}

/// The names in `over_both!`, each of which is a test over WebSocket and one over HTTP.
fn in_over_both(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim);
    let mut is_inside = false;
    std::iter::from_fn(move || {
        loop {
            match lines.next()? {
                "over_both! {" => is_inside = true,
                "}" => is_inside = false,
                line if is_inside && !line.starts_with("//") => return Some(line),
                _ => {}
            }
        }
    })
}
