//! Components made from WIT text, for tests. Their code traps when it is called, unless a core module is given.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "fixtures serve tests alone, where a wrong fixture has to stop the test"
)]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use wasm_encoder::{ComponentSection, CustomSection};
use wit_component::{ComponentEncoder, StringEncoding, WitPrinter, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId, WorldItem};

use crate::{Code, InterfaceId, PluginSchema, SchemaError, Type, read_component};

/// The text of `forecourt:common`.
pub const COMMON: &str = include_str!("../../../wit/common/types.wit");
/// The text of `forecourt:kernel`.
pub const KERNEL: &str = include_str!("../../../wit/kernel/kernel.wit");

/// A component to be made.
#[derive(Debug, Clone)]
pub struct Fixture {
    name: String,
    version: String,
    world: String,
    kernel: String,
    packages: Vec<String>,
    optional: BTreeSet<String>,
    extra: String,
    manifest: Option<String>,
    labels: Option<String>,
    documented: Option<Vec<String>>,
    module: Option<Vec<u8>>,
    sections: Vec<(String, Vec<u8>)>,
}

impl Fixture {
    /// A plugin whose world holds the items of `world`, such as `export forecourt:parts/stock@0.1.0;`.
    #[must_use]
    pub fn new(name: &str, version: &str, world: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            world: world.to_owned(),
            kernel: KERNEL.to_owned(),
            packages: Vec::new(),
            optional: BTreeSet::new(),
            extra: String::new(),
            manifest: None,
            labels: None,
            documented: None,
            module: None,
            sections: Vec::new(),
        }
    }

    /// Adds the text of a WIT package, after those it uses; `forecourt:common` and `forecourt:kernel` are there already.
    #[must_use]
    pub fn package(mut self, wit: &str) -> Self {
        self.packages.push(wit.to_owned());
        self
    }

    /// Gives another text of `forecourt:kernel`, as a plugin built for another kernel has.
    #[must_use]
    pub fn kernel(mut self, wit: &str) -> Self {
        self.kernel = wit.to_owned();
        self
    }

    /// Marks an imported interface as optional in the manifest that is made.
    #[must_use]
    pub fn optional(mut self, interface: &str) -> Self {
        self.optional.insert(interface.to_owned());
        self
    }

    /// Adds tables such as `[[collections]]` to the manifest that is made.
    #[must_use]
    pub fn extra(mut self, toml: &str) -> Self {
        self.extra.push_str(toml);
        self.extra.push('\n');
        self
    }

    /// Gives the whole manifest instead of the one that is made.
    #[must_use]
    pub fn manifest(mut self, toml: &str) -> Self {
        self.manifest = Some(toml.to_owned());
        self
    }

    /// Gives the labels' JSON.
    #[must_use]
    pub fn labels(mut self, json: &str) -> Self {
        self.labels = Some(json.to_owned());
        self
    }

    /// Embeds other WIT than the component is made from: these packages instead of those of [`Self::package`].
    #[must_use]
    pub fn documented(mut self, packages: &[&str]) -> Self {
        self.documented = Some(packages.iter().map(|text| (*text).to_owned()).collect());
        self
    }

    /// Gives a core module instead of the one that traps.
    #[must_use]
    pub fn module(mut self, bytes: Vec<u8>) -> Self {
        self.module = Some(bytes);
        self
    }

    /// Adds a custom section beside those that belong.
    #[must_use]
    pub fn section(mut self, name: &str, data: &[u8]) -> Self {
        self.sections.push((name.to_owned(), data.to_vec()));
        self
    }

    /// The component.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let (resolve, world) = self.resolve(&self.packages);
        let manifest = self.manifest.clone().unwrap_or_else(|| self.made_manifest(&resolve, world));
        let wit = match &self.documented {
            Some(packages) => {
                let (resolve, world) = self.resolve(packages);
                wit_section(&resolve, world)
            }
            None => wit_section(&resolve, world),
        };
        let mut component = self.code(&resolve, world);
        let mut append = |name: &str, data: &[u8]| {
            CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) }.append_to_component(&mut component);
        };
        append("forecourt:manifest@1", manifest.as_bytes());
        append("forecourt:wit@1", wit.as_bytes());
        if let Some(labels) = &self.labels {
            append("forecourt:labels@1", labels.as_bytes());
        }
        for (name, data) in &self.sections {
            append(name, data);
        }
        component
    }

    /// The component's schema.
    #[must_use]
    pub fn schema(&self) -> PluginSchema {
        read_component(&self.build()).unwrap_or_else(|error| panic!("fixture {}: {error}", self.name))
    }

    /// The codes and messages with which the component is refused.
    #[must_use]
    pub fn refused(&self) -> Vec<(Code, String)> {
        let error: SchemaError = match read_component(&self.build()) {
            Ok(_) => panic!("fixture {} is not refused", self.name),
            Err(error) => error,
        };
        error.problems().iter().map(|problem| (problem.code, problem.message.to_string())).collect()
    }

    fn resolve(&self, packages: &[String]) -> (Resolve, WorldId) {
        let mut resolve = Resolve::new();
        let own = format!("package forecourt-plugin:{};\n\nworld plugin {{\n{}\n}}\n", self.name, self.world);
        let mut last = None;
        for text in [COMMON, &self.kernel].into_iter().chain(packages.iter().map(String::as_str)).chain([own.as_str()])
        {
            let package = resolve.push_source("fixture.wit", text);
            last = Some(package.unwrap_or_else(|error| panic!("{error:#} in\n{text}")));
        }
        let world = last.and_then(|package| resolve.packages[package].worlds.get("plugin").copied());
        let world = world.unwrap_or_else(|| panic!("fixture {} has no world", self.name));
        (resolve, world)
    }

    fn code(&self, resolve: &Resolve, world: WorldId) -> Vec<u8> {
        let made = || dummy_module(resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
        let mut module = self.module.clone().unwrap_or_else(made);
        let component = embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
            .and_then(|()| ComponentEncoder::default().validate(true).module(&module)?.encode());
        component.unwrap_or_else(|error| panic!("fixture {}: {error:#}", self.name))
    }

    fn made_manifest(&self, resolve: &Resolve, world: WorldId) -> String {
        let world = &resolve.worlds[world];
        let names = |items: &mut dyn Iterator<Item = &WorldItem>| -> Vec<InterfaceId> {
            let interfaces = items.filter_map(|item| match item {
                WorldItem::Interface { id, .. } if !resolve.interfaces[*id].functions.is_empty() => {
                    resolve.id_of(*id)?.parse().ok()
                }
                _ => None,
            });
            interfaces.collect()
        };
        let exports: Vec<String> = names(&mut world.exports.values()).iter().map(|id| format!("\"{id}\"")).collect();
        let imports = names(&mut world.imports.values());
        let kernel = imports.iter().filter(|id| id.is_kernel()).map(|id| format!("\"{}\"", id.interface));
        let (name, version) = (&self.name, &self.version);
        let mut toml = format!(
            "[plugin]\nname = \"{name}\"\nversion = \"{version}\"\npublisher = \"forecourt\"\n\
             title = {{ en = \"{name}\", zh-CN = \"{name}\" }}\ndescription = {{ en = \"{name}\", zh-CN = \"{name}\" }}\n\
             [exports]\ninterfaces = [{}]\n[kernel]\ninterfaces = [{}]\n",
            exports.join(", "),
            kernel.collect::<Vec<_>>().join(", "),
        );
        for id in imports.iter().filter(|id| id.area().is_some()) {
            let optional = self.optional.contains(&id.to_string());
            let _ = writeln!(toml, "[[imports]]\ninterface = \"{id}\"\noptional = {optional}");
        }
        toml.push_str(&self.extra);
        toml
    }
}

/// A type of a WIT package, by the interface that declares it, such as `forecourt:repair/records@0.1.0`, and its name.
#[must_use]
pub fn type_of(package: &str, interface: &str, name: &str) -> Type {
    let (resolve, _) = Fixture::new("types", "0.1.0", "").resolve(&[package.to_owned()]);
    let interface = interface.parse().unwrap_or_else(|error| panic!("{error}"));
    crate::read::type_of(&resolve, &interface, name).unwrap_or_else(|error| panic!("{error}"))
}

/// The text of `forecourt:wit@1`: the package of `world`, and nested in it all others.
#[must_use]
pub fn wit_section(resolve: &Resolve, world: WorldId) -> String {
    let own = resolve.worlds[world].package;
    let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| Some(*id) != own).collect();
    let mut printer = WitPrinter::default();
    let printed = own.map(|own| printer.print(resolve, own, &others));
    if let Some(Err(error)) = printed {
        panic!("{error:#}");
    }
    printer.output.to_string()
}
