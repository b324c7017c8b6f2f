//! The target is named in few places: everything else exists once.

use std::{fs, path::Path};

/// Where a target may be named: the choice of the backend, what exists on one target only, and
/// below them, where every file belongs to one target anyway.
const ALLOWED: [&str; 2] = ["src/backend/mod.rs", "src/target.rs"];

#[test]
fn seam_targets_are_named_in_few_places() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    visit(&root.join("src"), &mut |path| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
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
            found.push(name.replace('\\', "/"));
        }
    });
    found.sort();
    assert_eq!(found, ALLOWED);
}

fn visit(folder: &Path, each: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, each);
        } else if path.extension().is_some_and(|it| it == "rs") {
            each(&path);
        }
    }
}
