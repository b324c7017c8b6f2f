//! The target is named in few places: everything else exists once.

use crate::sources::visit;

/// Where a target may be named: the choice of the backend, what exists on one target only, and
/// below them, where every file belongs to one target anyway.
const ALLOWED: [&str; 2] = ["src/backend.rs", "src/target.rs"];

#[test]
fn seam_targets_are_named_in_few_places() {
    let mut found = Vec::new();
    visit("src", &mut |name, text| {
        let names_a_target = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            [
                "target_arch",
                "target_family",
                "target_os",
                "target_env",
                "target_feature",
            ]
            .iter()
            .any(|word| code.contains(word))
                || (code.contains("cfg") && (code.contains("unix") || code.contains("windows")))
        });
        if names_a_target {
            found.push(name.to_owned());
        }
    });
    found.sort();
    assert_eq!(found, ALLOWED);
}
