//! Types of other crates in the public interface are few, on purpose, and listed in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Fields, FnArg, ImplItem, Item, ReturnType, Signature, Type, Visibility,
    visit::{self, Visit},
};

use crate::modules::{Definition, Modules, Names, imports};

#[test]
fn foreign_types_are_those_of_the_list() {
    let found = foreign(&Modules::of("src", ""), &dependencies());
    let listed = listed(include_str!("../../ARCHITECTURE.md"));
    let lines = |of: &BTreeMap<String, BTreeSet<String>>| {
        of.iter()
            .map(|(path, items)| line(path, items))
            .collect::<BTreeSet<_>>()
    };
    let (found, listed) = (lines(&found), lines(&listed));
    let unlisted: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "not listed:\n{unlisted:#?}\nlisted, and not there:\n{gone:#?}"
    );
}

#[test]
fn foreign_types_are_found_wherever_they_show() {
    let sources = [(
        "src/lib.rs",
        "use bytes::{Bytes, buf}; use http as answer; use std::io; mod inner;
         pub use inner::Given; pub use pharos;
         pub struct Whole<T: tokio::io::AsyncRead> { pub first: buf::Chain<T>, second: url::Url }
         pub enum Either { Left(Bytes), Right }
         pub fn made<T>(_: T) -> io::Result<Vec<answer::Request<T>>> where T: serde::Serialize {}
         fn hidden(_: url::Url) {}
         impl Either { pub fn taken(self) -> Option<Bytes> { url::Url::parse(); None } fn own(_: url::Url) {} }
         impl futures::Stream for Either { type Item = answer::Uri; type Part = <Self as futures::Sink<u8>>::Error; fn poll_next(_: url::Url) {} }
         impl url::Hidden for Private {} impl From<Either> for buf::Other {} impl From<url::Whole> for Private {}
         struct Private;",
    ), ("src/inner.rs", "pub use tokio::time as Given; pub(crate) use url::Url;")];
    let read = |name: &str| {
        let found = sources.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| (*text).to_owned())
    };
    let crates = [
        "bytes", "futures", "http", "pharos", "serde", "tokio", "url",
    ];
    let crates = crates.map(str::to_owned).into();
    let found = foreign(&Modules::read("src/lib.rs", "", &read), &crates);
    let found: Vec<String> = found
        .iter()
        .map(|(path, items)| line(path, items))
        .collect();
    assert_eq!(
        found,
        [
            "| bytes::Bytes | Either, Either::taken |",
            "| bytes::buf::Chain | Whole |",
            "| bytes::buf::Other | Either |",
            "| futures::Sink | Either |",
            "| futures::Stream | Either |",
            "| http::Request | made |",
            "| http::Uri | Either |",
            "| pharos | pub use |",
            "| serde::Serialize | made |",
            "| tokio::io::AsyncRead | Whole |",
            "| tokio::time | pub use |",
        ]
    );
}

/// The rows of the table below the heading.
fn listed(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, section) = text.split_once("## Foreign types\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| {
        let (path, items) = line.strip_prefix("| `")?.split_once("` | ")?;
        let items = items.trim_end_matches(" |").split(", ");
        let items = items.map(|it| it.trim_matches('`').to_owned());
        Some((path.to_owned(), items.collect()))
    });
    rows.collect()
}

fn line(path: &str, items: &BTreeSet<String>) -> String {
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    format!("| {path} | {} |", items.join(", "))
}

/// The names by which the sources know the crates that Cargo.toml depends on.
fn dependencies() -> BTreeSet<String> {
    let mut is_wanted = false;
    let lines = include_str!("../../Cargo.toml").lines();
    let names = lines.filter_map(|line| {
        if line.starts_with('[') {
            is_wanted = line.ends_with("dependencies]")
                && !line.contains("dev-dependencies")
                && !line.contains("workspace");
        }
        let (name, _) = line.split_once(" = ").filter(|_| is_wanted)?;
        Some(name.replace('-', "_"))
    });
    names.collect()
}

/// Returns the paths to other crates in what a crate shows, and the items that show them.
fn foreign(modules: &Modules, crates: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = Foreign {
        modules,
        crates,
        module: Names::new(),
        item: String::new(),
        found: BTreeMap::new(),
    };
    let shown = modules
        .iter()
        .flat_map(|it| &it.items)
        .filter_map(shown_type)
        .collect();
    for module in modules.iter() {
        found.module.clone_from(&module.path);
        module
            .items
            .iter()
            .for_each(|item| found.show(item, &shown));
    }
    found.found
}

/// Returns the name of a type that is public.
fn shown_type(item: &Item) -> Option<String> {
    let (vis, ident) = match item {
        Item::Enum(it) => (&it.vis, &it.ident),
        Item::Struct(it) => (&it.vis, &it.ident),
        Item::Type(it) => (&it.vis, &it.ident),
        _ => return None,
    };
    is_public(vis).then(|| ident.to_string())
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

struct Foreign<'a> {
    modules: &'a Modules,
    crates: &'a BTreeSet<String>,
    module: Names,
    item: String,
    found: BTreeMap<String, BTreeSet<String>>,
}

impl Foreign<'_> {
    fn show(&mut self, item: &Item, types: &BTreeSet<String>) {
        match item {
            Item::Use(it) if is_public(&it.vis) => {
                "pub use".clone_into(&mut self.item);
                imports(it).iter().for_each(|import| self.add(&import.path));
            }
            Item::Fn(it) if is_public(&it.vis) => {
                self.item = it.sig.ident.to_string();
                self.signature(&it.sig);
            }
            Item::Struct(it) if is_public(&it.vis) => {
                self.item = it.ident.to_string();
                self.visit_generics(&it.generics);
                self.fields(&it.fields, false);
            }
            Item::Enum(it) if is_public(&it.vis) => {
                self.item = it.ident.to_string();
                self.visit_generics(&it.generics);
                it.variants
                    .iter()
                    .for_each(|it| self.fields(&it.fields, true));
            }
            Item::Trait(it) if is_public(&it.vis) => {
                self.item = it.ident.to_string();
                self.visit_item_trait(it);
            }
            Item::Type(it) if is_public(&it.vis) => {
                self.item = it.ident.to_string();
                self.visit_item_type(it);
            }
            Item::Impl(it) => self.implementation(it, types),
            _ => {}
        }
    }

    fn implementation(&mut self, it: &syn::ItemImpl, types: &BTreeSet<String>) {
        let Some(name) = name_of(&it.self_ty) else {
            return;
        };
        if !types.contains(&name) && it.trait_.is_none() {
            return;
        }
        self.item.clone_from(&name);
        if let Some((_, path, _)) = &it.trait_ {
            if !types.contains(&name) {
                // It may be implemented for a foreign type, and for one of ours.
                let Some(ours) = self.own_type(path, types) else {
                    return;
                };
                self.item = ours;
            }
            self.visit_path(path);
            self.visit_type(&it.self_ty);
        }
        self.visit_generics(&it.generics);
        for item in &it.items {
            match item {
                ImplItem::Fn(function) if is_public(&function.vis) => {
                    self.item = format!("{name}::{}", function.sig.ident);
                    self.signature(&function.sig);
                }
                ImplItem::Type(it) => {
                    self.visit_type(&it.ty);
                }
                _ => {}
            }
        }
    }

    /// Returns the first of our types in the parameters of a trait.
    fn own_type(&self, path: &syn::Path, types: &BTreeSet<String>) -> Option<String> {
        let mut paths = Paths::default();
        paths.visit_path(path);
        let mut names = paths.0.into_iter().filter(|path| {
            let definitions = self.modules.resolve(&self.module, path);
            let is_own = |it: &Definition| matches!(it, Definition::Own { .. });
            definitions.iter().any(is_own)
        });
        names.find_map(|mut path| path.pop().filter(|name| types.contains(name)))
    }

    fn signature(&mut self, it: &Signature) {
        self.visit_generics(&it.generics);
        for input in &it.inputs {
            if let FnArg::Typed(input) = input {
                self.visit_type(&input.ty);
            }
        }
        if let ReturnType::Type(_, output) = &it.output {
            self.visit_type(output);
        }
    }

    fn fields(&mut self, fields: &Fields, are_public: bool) {
        for field in fields {
            if are_public || is_public(&field.vis) {
                self.visit_type(&field.ty);
            }
        }
    }

    fn add(&mut self, path: &[String]) {
        for definition in self.modules.resolve(&self.module, path) {
            if let Definition::Foreign(path) = definition
                && self.crates.contains(&path[0])
            {
                // `Sink::Error` is a part of `Sink`.
                let is_type = |name: &String| name.starts_with(char::is_uppercase);
                let end = path.iter().position(is_type).map_or(path.len(), |i| i + 1);
                let items = self.found.entry(path[..end].join("::")).or_default();
                items.insert(self.item.clone());
            }
        }
    }
}

impl<'a> Visit<'a> for Foreign<'_> {
    fn visit_path(&mut self, path: &'a syn::Path) {
        self.add(&names(path));
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_block(&mut self, _: &'a syn::Block) {}
}

/// All paths in a piece of syntax.
#[derive(Default)]
struct Paths(Vec<Names>);

impl<'a> Visit<'a> for Paths {
    fn visit_path(&mut self, path: &'a syn::Path) {
        self.0.push(names(path));
        visit::visit_path(self, path);
    }
}

fn names(path: &syn::Path) -> Names {
    path.segments
        .iter()
        .map(|it| it.ident.to_string())
        .collect()
}

/// Returns the last name of a type, below its references.
fn name_of(ty: &Type) -> Option<String> {
    match ty {
        Type::Reference(it) => name_of(&it.elem),
        Type::Path(it) => Some(it.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}
