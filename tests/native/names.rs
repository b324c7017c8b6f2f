//! A name leads to one type: whoever searches for it finds one definition.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Ident,
    visit::{self, Visit},
};

use crate::modules::{Modules, attributes, is_for_tests};

#[test]
fn every_type_name_is_defined_once() {
    let mut found = Definitions::default();
    for folder in ["src", "events/src", "axum/src", "redis/src"] {
        found.read(&Modules::of(folder, ""));
    }
    assert!(found.places.len() > 100, "{:?}", found.places);
    let twice = found.twice();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn a_type_name_that_is_defined_twice_is_found() {
    let sources = [
        (
            "src/lib.rs",
            "mod a; struct Whole; struct Phase<T>(T); impl Iterator for Whole { type Item = u8; }",
        ),
        (
            "src/a.rs",
            "trait Source { type Item; } fn f() { enum Phase {} } pub(crate) type Step = u8;
             made! { pub struct Step { a: u8 } }
             #[cfg(test)] mod tests { struct Whole; }",
        ),
    ];
    let read = |name: &str| {
        let found = sources.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    let mut found = Definitions::default();
    found.read(&Modules::read("src/lib.rs", "", &read));
    assert_eq!(
        found.twice(),
        [
            "Phase: src/lib.rs, src/a.rs".to_owned(),
            "Step: src/a.rs, src/a.rs".to_owned(),
        ]
    );
}

/// The files that define a type, by its name. Types that belong to a trait have their trait's name
/// for them, and do not count.
#[derive(Default)]
struct Definitions {
    places: BTreeMap<String, Vec<String>>,
    file: String,
}

impl Definitions {
    fn read(&mut self, modules: &Modules) {
        for module in modules.iter() {
            self.file.clone_from(&module.file);
            module.items.iter().for_each(|item| self.visit_item(item));
        }
    }

    fn add(&mut self, name: &Ident) {
        let places = self.places.entry(name.to_string()).or_default();
        places.push(self.file.clone());
    }

    fn twice(&self) -> Vec<String> {
        let twice = self.places.iter().filter(|(_, files)| files.len() > 1);
        twice
            .map(|(name, files)| format!("{name}: {}", files.join(", ")))
            .collect()
    }

    /// Adds what the arguments of a macro define, unless its name is an argument, too.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut defines = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if defines => {
                    self.add(&ident);
                    defines = false;
                }
                TokenTree::Ident(ident) => {
                    defines = ["struct", "enum", "trait"].iter().any(|word| ident == word);
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                _ => defines = false,
            }
        }
    }
}

impl<'a> Visit<'a> for Definitions {
    fn visit_item(&mut self, item: &'a syn::Item) {
        // The items of a module are read with the module.
        if !is_for_tests(attributes(item)) && !matches!(item, syn::Item::Mod(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'a syn::ItemType) {
        self.add(&item.ident);
    }

    fn visit_macro(&mut self, it: &'a syn::Macro) {
        self.add_tokens(it.tokens.clone());
    }
}
