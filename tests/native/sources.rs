//! The sources of this package, for tests about them.

use std::{fs, path::Path};

/// Calls `each` with the name, relative to the package and with slashes, and the text of every
/// Rust file in a folder and below it.
pub(crate) fn visit(folder: &str, each: &mut impl FnMut(&str, &str)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            visit(&name, each);
        } else if name.ends_with(".rs") {
            each(&name, &fs::read_to_string(entry.path()).unwrap());
        }
    }
}
