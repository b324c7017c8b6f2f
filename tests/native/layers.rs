//! What is above uses what is below, never the other way round.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, ImplItem, Item, Visibility,
    visit::{self, Visit},
};

use crate::{
    modules::{Definition, Modules, Names, attributes, imports, is_for_tests},
    sources::visit,
};

/// A layer: the name that it has in ARCHITECTURE.md, its files and folders, and the layers that it
/// may use besides itself.
struct Layer {
    name: &'static str,
    places: &'static [&'static str],
    uses: &'static [&'static str],
}

/// From above to below.
const LAYERS: [Layer; 13] = [
    Layer {
        name: "lib.rs",
        places: &["src/lib.rs", "src/target.rs"],
        uses: &[
            "native/*.rs",
            "browser/*.rs",
            "sse/",
            "codec/",
            "io/",
            "pair/",
            "leaves",
        ],
    },
    Layer {
        name: "native/*.rs",
        places: &["src/native/"],
        uses: &[
            "pair/",
            "native/backend/",
            "backend.rs",
            "frames/",
            "leaves",
        ],
    },
    Layer {
        name: "browser/*.rs",
        places: &["src/browser/"],
        uses: &["pair/", "browser/backend/", "backend.rs", "leaves"],
    },
    Layer {
        name: "sse/source/",
        places: &["src/sse/source/"],
        uses: &["sse/", "pair/", "backend.rs", "leaves"],
    },
    Layer {
        name: "sse/",
        places: &["src/sse/"],
        uses: &["leaves"],
    },
    Layer {
        name: "codec/",
        places: &["src/codec/"],
        uses: &["leaves"],
    },
    Layer {
        name: "io/",
        places: &["src/io/"],
        uses: &["pair/", "leaves"],
    },
    Layer {
        name: "pair/",
        places: &["src/pair/"],
        uses: &["backend.rs", "leaves"],
    },
    Layer {
        name: "native/backend/",
        places: &["src/native/backend/"],
        uses: &["backend.rs", "frames/", "leaves"],
    },
    Layer {
        name: "browser/backend/",
        places: &["src/browser/backend/"],
        uses: &["backend.rs", "leaves"],
    },
    Layer {
        name: "backend.rs",
        places: &[SEAM],
        uses: &["leaves"],
    },
    Layer {
        name: "frames/",
        places: &["src/frames/"],
        uses: &["leaves"],
    },
    Layer {
        name: "leaves",
        places: &[
            "src/address.rs",
            "src/basic_auth.rs",
            "src/error.rs",
            "src/event.rs",
            "src/message.rs",
            "src/options.rs",
            "src/positioned_error.rs",
            "src/text.rs",
        ],
        uses: &[],
    },
];

/// The seam. What it selects of a target it gives out in its own name.
const SEAM: &str = "src/backend.rs";

/// What the seam selects from: the one place where an arrow goes up.
const SELECTED: [&str; 2] = [
    "crate::target::browser::backend",
    "crate::target::native::backend",
];

#[test]
fn layers_use_only_what_is_below_them() {
    let found = climbs(&Modules::of("src", SEAM));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_source_is_read_or_for_tests() {
    let modules = Modules::of("src", SEAM);
    let read: BTreeSet<&str> = modules.iter().map(|it| it.file.as_str()).collect();
    let mut unread = Vec::new();
    visit("src", &mut |name, _| {
        let is_for_tests = name.contains("/tests") || name == "src/codec/splits.rs";
        if is_for_tests == read.contains(name) {
            unread.push(name.to_owned());
        }
    });
    assert!(unread.is_empty(), "{unread:?}");
}

/// So that no circle is possible, and the drawing is true.
#[test]
fn layers_stand_in_the_order_of_the_drawing() {
    for (i, layer) in LAYERS.iter().enumerate() {
        for used in layer.uses {
            let is_below = LAYERS[i + 1..].iter().any(|it| it.name == *used);
            assert!(is_below, "{used} is not below {}", layer.name);
        }
    }
    let text = include_str!("../../ARCHITECTURE.md");
    let drawing = text.split("```").nth(1).unwrap();
    let drawn: Vec<&str> = drawing
        .lines()
        .skip(1)
        .filter_map(|line| line.split("  ").next())
        .flat_map(|names| names.split(", "))
        .collect();
    let names: Vec<&str> = LAYERS.iter().map(|it| it.name).collect();
    assert_eq!(drawn, names);
}

#[test]
fn layers_that_climb_are_found() {
    let sources = [
        (
            "src/lib.rs",
            "mod backend; mod error; mod io; mod pair; mod target; pub use self::{io::WsIo, pair::*};",
        ),
        (
            "src/target.rs",
            "#[path = \"native/mod.rs\"] pub mod native;",
        ),
        (
            "src/backend.rs",
            "use crate::target::native::backend as selected; pub(crate) use selected::Timer;",
        ),
        (
            "src/native/mod.rs",
            "pub(crate) mod backend; use crate::{WsIo, pair::Core};",
        ),
        (
            "src/native/backend/mod.rs",
            "pub(crate) struct Timer; use super::super::native;",
        ),
        (
            "src/error.rs",
            "macro_rules! inner { () => { $crate::pair::Core } }",
        ),
        (
            "src/io/mod.rs",
            "use crate::{backend::Timer, pair}; pub struct WsIo;",
        ),
        (
            "src/pair/mod.rs",
            "mod core; pub use self::core::Core; pub use crate::backend as timers;",
        ),
        (
            "src/pair/core.rs",
            "pub struct Core; use super::super::WsIo as Bytes; fn timer(_: super::timers::Timer) {}
             mod inner { fn bytes() -> super::Bytes { crate::error::inner!() } }
             #[cfg(test)] mod tests { use crate::io::WsIo; }",
        ),
    ];
    let read = |name: &str| {
        let found = sources.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    let found = climbs(&Modules::read("src/lib.rs", SEAM, &read));
    assert_eq!(
        found,
        [
            "src/error.rs (leaves): crate::pair::Core is in src/pair/core.rs (pair/)",
            "src/io/mod.rs (io/): crate::backend::Timer is in src/backend.rs (backend.rs)",
            "src/native/backend/mod.rs (native/backend/): super::super::native is in src/native/mod.rs (native/*.rs)",
            "src/native/mod.rs (native/*.rs): crate::WsIo is in src/io/mod.rs (io/)",
            "src/pair/core.rs (pair/): super::Bytes is in src/io/mod.rs (io/)",
            "src/pair/core.rs (pair/): super::super::WsIo is in src/io/mod.rs (io/)",
        ]
    );
}

/// Returns a line for each path that leads to a layer which the file's own may not use.
fn climbs(modules: &Modules) -> Vec<String> {
    let mut found = BTreeSet::new();
    for module in modules.iter() {
        let layer = layer(&module.file);
        let mut paths = Paths::default();
        module.items.iter().for_each(|item| paths.visit_item(item));
        for path in paths.0 {
            for definition in modules.resolve(&module.path, &path) {
                let Definition::Own { file, .. } = definition else {
                    continue;
                };
                let other = self::layer(&file);
                let path = path.join("::");
                let is_selected = module.file == SEAM && SELECTED.contains(&path.as_str());
                if other.name != layer.name && !layer.uses.contains(&other.name) && !is_selected {
                    found.insert(format!(
                        "{} ({}): {path} is in {file} ({})",
                        module.file, layer.name, other.name
                    ));
                }
            }
        }
    }
    found.into_iter().collect()
}

/// Returns the layer of a file: that of the longest place that the file is in.
fn layer(file: &str) -> &'static Layer {
    let places = LAYERS
        .iter()
        .flat_map(|layer| layer.places.iter().map(move |it| (it, layer)));
    places
        .filter(|(place, _)| **place == file || (place.ends_with('/') && file.starts_with(**place)))
        .max_by_key(|(place, _)| place.len())
        .unwrap_or_else(|| panic!("{file} is in no layer"))
        .1
}

/// The paths that a module's items use, but for those in modules inside of it, which are modules of
/// their own, in tests, and in documentation.
#[derive(Default)]
struct Paths(BTreeSet<Names>);

impl Paths {
    /// Collects `a::b` from the arguments of a macro, which may be anything.
    fn collect(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                _ => {
                    self.add(std::mem::take(&mut path));
                    colons = 0;
                }
            }
            if let TokenTree::Group(group) = token {
                self.collect(group.stream());
            }
        }
        self.add(path);
    }

    fn add(&mut self, path: Names) {
        if path.len() > 1 {
            self.0.insert(path);
        }
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item(&mut self, item: &'a Item) {
        match item {
            Item::Mod(_) => {}
            item if is_for_tests(attributes(item)) => {}
            Item::Use(item) => {
                // A folder's file may give out what is below it in the folder.
                let is_public = matches!(item.vis, Visibility::Public(_));
                let imports = imports(item).into_iter().map(|it| it.path);
                self.0
                    .extend(imports.filter(|path| !is_public || path[0] != "self"));
            }
            item => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        match item {
            ImplItem::Fn(function) if is_for_tests(&function.attrs) => {}
            item => visit::visit_impl_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        self.add(
            path.segments
                .iter()
                .map(|it| it.ident.to_string())
                .collect(),
        );
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, it: &'a syn::Macro) {
        self.collect(it.tokens.clone());
        visit::visit_macro(self, it);
    }

    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_attribute(&mut self, _: &'a Attribute) {}
}
