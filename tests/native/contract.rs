//! Every promise of the contract has a test on each target, and the test's name begins with the
//! promise's number.

use std::collections::BTreeSet;

use crate::sources::visit;

/// The sections, and how many promises each has: C1 to C6, and so on.
const SECTIONS: [(char, u32); 3] = [('c', 6), ('e', 8), ('b', 6)];

#[test]
fn every_promise_has_a_test_on_each_target() {
    for target in ["tests/native", "tests/browser"] {
        let mut kept = BTreeSet::new();
        for folder in ["tests/suite", target] {
            visit(folder, &mut |_, text| kept.extend(promises(text)));
        }
        let without: Vec<_> = numbers().filter(|it| !kept.contains(it)).collect();
        assert!(without.is_empty(), "{target} has no test of {without:?}");
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

        #[test]
        fn x10_ten() {}
    ";
    let found: BTreeSet<_> = promises(text).collect();
    assert_eq!(found, ["x1", "x2", "x10"].map(str::to_owned).into());
}

fn numbers() -> impl Iterator<Item = String> {
    SECTIONS
        .into_iter()
        .flat_map(|(section, count)| (1..=count).map(move |number| format!("{section}{number}")))
}

/// What the names of the tests in a source file begin with.
fn promises(text: &str) -> impl Iterator<Item = String> {
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
        let (number, _) = line.strip_prefix("fn ")?.split_once('_')?;
        Some(number.to_owned())
    })
}
