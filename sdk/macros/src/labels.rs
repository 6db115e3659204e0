//! Label files: what people read in place of WIT names.
//!
//! A file is TOML, named after its language (`zh-CN.toml`). Each table is an interface without its version, each key a path in it:
//! `"approve"`, `"approve.lines"` (a parameter), `"order.promised-at"` (a field), `"order-state.quoting"` (a case). The table
//! `["*"]` labels parameters, fields and cases of that name wherever they have no label of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use wit_parser::TypeDefKind;

use crate::wit::World;

/// What a label may speak of.
#[derive(Default)]
pub(crate) struct Labelled {
    /// Operations, parameters, fields and cases: a plugin should label all of them.
    required: BTreeSet<String>,
    /// Names of types.
    allowed: BTreeSet<String>,
}

/// The labels of all languages, ready to embed, and the ids that lack one.
pub(crate) struct Labels {
    pub(crate) json: String,
    pub(crate) unlabelled: Vec<String>,
    pub(crate) files: Vec<PathBuf>,
}

impl Labelled {
    /// All that can be labelled in the exported interfaces of areas and in the type interfaces of their packages.
    pub(crate) fn of(world: &World) -> Self {
        let hooks: Vec<_> = world.hooks().map(|(id, _)| id).collect();
        let packages: BTreeSet<_> = world
            .exports()
            .filter(|id| !hooks.contains(id))
            .filter_map(|id| world.resolve.interfaces.get(id))
            .map(|interface| interface.package)
            .collect();
        let mut found = Self::default();
        for id in world.interfaces() {
            let Some(interface) = world.resolve.interfaces.get(id) else { continue };
            let Some((namespace, package, name)) = world.path(id) else { continue };
            if !packages.contains(&interface.package) {
                continue;
            }
            let path = format!("{namespace}:{package}/{name}");
            for (function, definition) in &interface.functions {
                found.required.insert(format!("{path}.{function}"));
                for parameter in &definition.params {
                    found.required.insert(format!("{path}.{function}.{}", parameter.name));
                }
            }
            for (name, id) in &interface.types {
                let Some(definition) = world.resolve.types.get(*id) else { continue };
                found.add_type(&format!("{path}.{name}"), &definition.kind);
            }
        }
        found
    }

    fn add_type(&mut self, path: &str, kind: &TypeDefKind) {
        let members: Vec<&str> = match kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|field| field.name.as_str()).collect(),
            TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| case.name.as_str()).collect(),
            TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| case.name.as_str()).collect(),
            TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| flag.name.as_str()).collect(),
            _ => Vec::new(),
        };
        self.allowed.insert(path.to_owned());
        self.required.extend(members.into_iter().map(|member| format!("{path}.{member}")));
    }
}

/// Reads the label files and holds them against what can be labelled.
pub(crate) fn read(root: &Path, files: &[PathBuf], labelled: &Labelled) -> Result<Labels, String> {
    let mut languages: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut unlabelled = Vec::new();
    let mut paths = Vec::new();
    for file in files {
        let path = root.join(file);
        let shown = file.display();
        let language = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("label file `{shown}`: {error}"))?;
        let tables: BTreeMap<String, BTreeMap<String, String>> =
            toml::from_str(&text).map_err(|error| format!("label file `{shown}`: {error}"))?;
        let labels = one_language(&tables, labelled).map_err(|id| {
            format!(
                "label file `{shown}`: nothing in the exported areas is called `{id}`; correct the key or remove it"
            )
        })?;
        let lacking = labelled.required.iter().filter(|id| !labels.contains_key(*id));
        unlabelled.extend(lacking.map(|id| format!("{language}: {id}")));
        languages.insert(language, labels);
        paths.push(path);
    }
    let json = serde_json::to_string(&languages).map_err(|error| error.to_string())?;
    Ok(Labels { json, unlabelled, files: paths })
}

fn one_language(
    tables: &BTreeMap<String, BTreeMap<String, String>>,
    labelled: &Labelled,
) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    if let Some(common) = tables.get("*") {
        let named = |id: &String| id.rsplit('.').next().and_then(|name| common.get(name)).cloned();
        labels.extend(labelled.required.iter().filter_map(|id| Some((id.clone(), named(id)?))));
    }
    for (interface, table) in tables.iter().filter(|(interface, _)| *interface != "*") {
        for (key, text) in table {
            let id = format!("{interface}.{key}");
            if !labelled.required.contains(&id) && !labelled.allowed.contains(&id) {
                return Err(id);
            }
            labels.insert(id, text.clone());
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled() -> Labelled {
        let required = ["a:b/c.do", "a:b/c.do.page", "a:b/c.error.stale"];
        Labelled { required: required.map(str::to_owned).into(), allowed: [String::from("a:b/c.error")].into() }
    }

    fn tables(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_common_name_is_a_label_until_there_is_one_of_its_own() {
        let text = "['*']\npage = 'Page'\nstale = 'Stale'\nunused = 'x'\n['a:b/c']\n'do' = 'Do'\n'do.page' = 'Next'\n'error' = 'E'";
        let labels = one_language(&tables(text), &labelled()).unwrap();
        let expected =
            [("a:b/c.do", "Do"), ("a:b/c.do.page", "Next"), ("a:b/c.error", "E"), ("a:b/c.error.stale", "Stale")];
        assert_eq!(labels, expected.map(|(id, text)| (id.to_owned(), text.to_owned())).into());
    }

    #[test]
    fn a_key_that_names_nothing_is_refused() {
        let labels = one_language(&tables("['a:b/c']\n'dont' = 'x'"), &labelled());
        assert_eq!(labels, Err("a:b/c.dont".to_owned()));
    }
}
