//! The modules of a crate as its sources have them, and what the paths in them lead to.

use std::{collections::BTreeMap, fs, path::Path};

use syn::{Attribute, Expr, ExprLit, Ident, Item, ItemUse, Lit, Meta, UseTree};

/// Returns the text of a file, if there is one.
type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A path such as `crate::pair::Core`, as its names.
pub(crate) type Names = Vec<String>;

/// One module as one file or one block has it. Two files may have the same module, one for each
/// target.
pub(crate) struct Module {
    pub(crate) path: Names,
    pub(crate) file: String,
    pub(crate) items: Vec<Item>,
    imports: Vec<Import>,
    names: Vec<String>,
}

/// One name that a `use` brings into a module; `*` for all names of another module.
pub(crate) struct Import {
    pub(crate) name: String,
    pub(crate) path: Names,
}

/// The definition that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Definition {
    /// The module of this crate that has it, and its file.
    Own { module: Names, file: String },
    /// The path in another crate. Generic parameters and names of the prelude look like one.
    Foreign(Names),
}

/// The modules of one crate, without those that are for its tests.
pub(crate) struct Modules {
    modules: BTreeMap<Names, Vec<Module>>,
    /// The file whose imports count as its own: what it imports from is its secret.
    facade: &'static str,
}

impl Modules {
    /// Reads a crate, beginning with the file `root`; `read` returns the text of a file.
    pub(crate) fn read(root: &str, facade: &'static str, read: Read<'_>) -> Self {
        let mut modules = Self {
            modules: BTreeMap::new(),
            facade,
        };
        modules.add_file(Vec::new(), root, &read(root).unwrap(), read);
        modules
    }

    /// Reads the crate in a folder of this workspace.
    pub(crate) fn of(folder: &str, facade: &'static str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let read = |name: &str| fs::read_to_string(root.join(name)).ok();
        Self::read(&format!("{folder}/lib.rs"), facade, &read)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Module> {
        self.modules.values().flatten()
    }

    fn add_file(&mut self, path: Names, file: &str, text: &str, read: Read<'_>) {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.add(path, file, parsed.items, read);
    }

    fn add(&mut self, path: Names, file: &str, items: Vec<Item>, read: Read<'_>) {
        let items: Vec<Item> = items
            .into_iter()
            .filter(|it| !is_for_tests(attributes(it)))
            .collect();
        for item in &items {
            let Item::Mod(module) = item else { continue };
            let mut child = path.clone();
            child.push(module.ident.to_string());
            match &module.content {
                Some((_, items)) => self.add(child, file, items.clone(), read),
                None => {
                    let name = module.ident.to_string();
                    let (file, text) = file_of(file, &name, &module.attrs, read);
                    self.add_file(child, &file, &text, read);
                }
            }
        }
        let names = items.iter().filter_map(defined).collect();
        let uses = items.iter().filter_map(|item| match item {
            Item::Use(item) => Some(imports(item)),
            _ => None,
        });
        let imports = uses.flatten().collect();
        let module = Module {
            path: path.clone(),
            file: file.to_owned(),
            items,
            imports,
            names,
        };
        self.modules.entry(path).or_default().push(module);
    }

    /// Resolves a path as it is written in `module`.
    pub(crate) fn resolve(&self, module: &Names, path: &[String]) -> Vec<Definition> {
        self.resolve_within(module, path, 0)
    }

    fn resolve_within(&self, module: &Names, path: &[String], depth: u32) -> Vec<Definition> {
        assert!(depth < 32, "{path:?} in {module:?} leads in circles");
        let mut start = module.clone();
        let mut rest = path;
        let mut is_anchored = false;
        while let [first, others @ ..] = rest {
            match first.as_str() {
                "crate" => start.clear(),
                "self" => {}
                "super" => drop(start.pop()),
                _ => break,
            }
            is_anchored = true;
            rest = others;
        }
        match self.walk(&start, rest, depth) {
            found if !found.is_empty() => found,
            // An item that a macro makes, or the variant of an enum that is imported.
            _ if is_anchored => self.own(&start),
            _ => vec![Definition::Foreign(path.to_vec())],
        }
    }

    /// Follows names from a module downwards, and through its imports. Finds nothing where the
    /// first of them is not a name of the module.
    fn walk(&self, module: &Names, names: &[String], depth: u32) -> Vec<Definition> {
        let [first, rest @ ..] = names else {
            return self.own(module);
        };
        let mut child = module.clone();
        child.push(first.clone());
        if self.modules.contains_key(&child) {
            return match self.walk(&child, rest, depth) {
                found if !found.is_empty() => found,
                _ => self.own(&child),
            };
        }
        let mut found = Vec::new();
        for source in self.modules.get(module).into_iter().flatten() {
            if source.names.contains(first) {
                found.push(source.definition());
                continue;
            }
            for import in source.imports.iter().filter(|it| it.name == *first) {
                if source.file == self.facade {
                    found.push(source.definition());
                } else if import.path[0] != *first {
                    let path = [&import.path, rest].concat();
                    found.extend(self.resolve_within(module, &path, depth + 1));
                } else {
                    // As in `use memchr::memchr`, where the crate comes first.
                    found.push(Definition::Foreign(names.to_vec()));
                }
            }
            for import in source.imports.iter().filter(|it| it.name == "*") {
                for glob in self.resolve_within(module, &import.path, depth + 1) {
                    if let Definition::Own { module: other, .. } = glob
                        && other != *module
                    {
                        found.extend(self.walk(&other, names, depth + 1));
                    }
                }
            }
        }
        found
    }

    fn own(&self, module: &Names) -> Vec<Definition> {
        let sources = self.modules.get(module).into_iter().flatten();
        sources.map(Module::definition).collect()
    }
}

impl Module {
    fn definition(&self) -> Definition {
        Definition::Own {
            module: self.path.clone(),
            file: self.file.clone(),
        }
    }
}

/// Returns the file of `mod name;` in `file`, and its text.
fn file_of(file: &str, name: &str, attrs: &[Attribute], read: Read<'_>) -> (String, String) {
    let (folder, stem) = file.rsplit_once('/').unwrap();
    let below = match stem {
        "lib.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", stem.trim_end_matches(".rs")),
    };
    let named = attrs.iter().find_map(named_file);
    let files = match named {
        Some(named) => vec![format!("{folder}/{named}")],
        // The last for a file that `#[path]` names: what it has stands beside it.
        None => vec![
            format!("{below}/{name}.rs"),
            format!("{below}/{name}/mod.rs"),
            format!("{folder}/{name}.rs"),
        ],
    };
    let found = files.iter().find_map(|it| Some((it.clone(), read(it)?)));
    found.unwrap_or_else(|| panic!("{file} has a module {name}, but there is none of {files:?}"))
}

/// Returns the text of `#[path = "…"]`.
fn named_file(attr: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attr.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if pair.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}

/// Returns whether attributes say that an item is there for tests only.
pub(crate) fn is_for_tests(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            matches!(list.tokens.to_string().as_str(), "test" | "doctest")
        }
        _ => false,
    })
}

/// Returns the attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::ForeignMod(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::TraitAlias(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// Returns the name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Macro(it) => it.ident.as_ref()?,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        Item::Union(it) => &it.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// Returns the names that a `use` brings in.
pub(crate) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    collect(&item.tree, &mut Vec::new(), &mut |name, path| {
        found.push(Import { name, path });
    });
    found
}

fn collect(tree: &UseTree, path: &mut Names, add: &mut impl FnMut(String, Names)) {
    match tree {
        UseTree::Path(it) => {
            path.push(it.ident.to_string());
            collect(&it.tree, path, add);
            path.pop();
        }
        UseTree::Group(it) => it.items.iter().for_each(|tree| collect(tree, path, add)),
        UseTree::Glob(_) => add("*".to_owned(), path.clone()),
        UseTree::Name(it) => leaf(&it.ident, &it.ident, path, add),
        UseTree::Rename(it) => leaf(&it.ident, &it.rename, path, add),
    }
}

fn leaf(ident: &Ident, name: &Ident, path: &Names, add: &mut impl FnMut(String, Names)) {
    let mut path = path.clone();
    let mut name = name.to_string();
    if ident == "self" && !path.is_empty() {
        // `a::{self}` is `a`, unless it is renamed.
        if name == "self" {
            name.clone_from(&path[path.len() - 1]);
        }
    } else {
        path.push(ident.to_string());
    }
    add(name, path);
}
