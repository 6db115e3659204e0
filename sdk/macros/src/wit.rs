//! WIT folders, and the world that a manifest describes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wit_parser::{InterfaceId, PackageId, PackageName, Resolve, UnresolvedPackageGroup, WorldId, WorldItem};

use crate::manifest::Manifest;

/// Interfaces of `forecourt:kernel` that plugins export, where the kernel calls them.
const HOOKS: [&str; 2] = ["subscriber", "job"];

/// The topic under which the kernel tells a plugin what came of an outbound request; its payload is a type of the SDK's.
pub(crate) const HTTP_RESPONSE: &str = "kernel.http-response";

/// The packages and the world of one crate.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) package: PackageId,
    pub(crate) id: WorldId,
    /// Every file that was read.
    pub(crate) files: Vec<PathBuf>,
}

/// Packages that are parsed and not yet resolved against one another.
pub(crate) struct Packages {
    groups: Vec<UnresolvedPackageGroup>,
    files: Vec<PathBuf>,
}

impl Packages {
    /// Reads the WIT folders, which are relative to `root`.
    pub(crate) fn read(root: &Path, folders: &[PathBuf]) -> Result<Self, String> {
        let mut groups = Vec::new();
        let mut files = Vec::new();
        for folder in folders {
            let path = root.join(folder);
            let path = path
                .canonicalize()
                .map_err(|error| format!("WIT folder `{}` of [build] wit in plugin.toml: {error}", folder.display()))?;
            let group = UnresolvedPackageGroup::parse_dir(&path).map_err(|error| format!("{error:#}"))?;
            files.extend(group.source_map.source_files().map(Path::to_path_buf));
            groups.push(group);
        }
        Ok(Self { groups, files })
    }

    /// The full name, with version, of a kernel interface such as `storage`.
    fn kernel_interface(&self, name: &str) -> Result<String, String> {
        let kernel = self
            .groups
            .iter()
            .map(|group| &group.main)
            .find(|package| is_kernel(&package.name))
            .ok_or("[build] wit in plugin.toml names no folder with package forecourt:kernel")?;
        let known: Vec<&str> = interface_names(kernel).collect();
        if known.contains(&name) {
            Ok(kernel.name.interface_id(name))
        } else {
            Err(format!(
                "[kernel] interfaces in plugin.toml: the kernel has no interface `{name}`; it has {}",
                known.join(", ")
            ))
        }
    }

    /// Interfaces without functions in the packages that the manifest exports from: `records`, `events` and the like.
    fn type_interfaces(&self, exports: &[String]) -> Vec<String> {
        let mut names = Vec::new();
        for package in self.groups.iter().map(|group| &group.main) {
            let own = |export: &String| {
                let name = format!("{}:{}/", package.name.namespace, package.name.name);
                export.starts_with(&name) && !is_kernel(&package.name)
            };
            if exports.iter().any(own) {
                let typed = package.interfaces.iter().filter(|(_, interface)| interface.functions.is_empty());
                names.extend(typed.filter_map(|(_, i)| i.name.as_deref()).map(|n| package.name.interface_id(n)));
            }
        }
        names
    }

    /// The interface with the record of a topic's payload, `forecourt:repair/events@0.1.0` of `repair.approved`.
    fn topic_interface(&self, topic: &str) -> Result<String, String> {
        let area = topic.split('.').next().unwrap_or_default();
        let mut packages = self.groups.iter().map(|group| &group.main);
        let package = packages.find(|package| package.name.namespace == "forecourt" && package.name.name == area);
        let events = package.filter(|package| interface_names(package).any(|name| name == "events"));
        events.map(|package| package.name.interface_id("events")).ok_or_else(|| {
            format!(
                "[[subscriptions]] in plugin.toml: the folders of [build] wit hold no interface `events` of area \
                 `{area}` with the record of topic `{topic}`"
            )
        })
    }

    /// Resolves the packages together with the plugin's world.
    pub(crate) fn world(self, manifest: &Manifest) -> Result<World, String> {
        let mut text = format!("package forecourt-plugin:{};\nworld plugin {{\n", manifest.plugin.name);
        for name in &manifest.kernel.interfaces {
            let _ = writeln!(text, "  import {};", self.kernel_interface(name)?);
        }
        for name in self.type_interfaces(&manifest.exports.interfaces) {
            let _ = writeln!(text, "  import {name};");
        }
        let known = self.type_interfaces(&manifest.exports.interfaces);
        let told: BTreeSet<String> = manifest
            .subscribed()
            .into_iter()
            .filter(|topic| *topic != HTTP_RESPONSE)
            .map(|topic| self.topic_interface(topic))
            .collect::<Result<_, _>>()?;
        for name in told.iter().filter(|name| !known.contains(name)) {
            let _ = writeln!(text, "  import {name};");
        }
        for import in &manifest.imports {
            let _ = writeln!(text, "  import {};", import.interface);
        }
        for name in &manifest.exports.interfaces {
            let _ = writeln!(text, "  export {name};");
        }
        text.push_str("}\n");
        self.resolve(&text, "plugin")
    }

    /// Resolves the packages together with a world that imports all interfaces of the kernel but those that plugins export.
    pub(crate) fn kernel_world(self) -> Result<World, String> {
        let kernel = self.groups.iter().map(|group| &group.main).find(|package| package.name.name == "kernel");
        let kernel = kernel.ok_or("the kernel's WIT folder holds no package forecourt:kernel")?;
        let mut text = "package forecourt-sdk:kernel;\nworld kernel {\n".to_owned();
        for name in interface_names(kernel).filter(|name| !HOOKS.contains(name)) {
            let _ = writeln!(text, "  import {};", kernel.name.interface_id(name));
        }
        text.push_str("}\n");
        self.resolve(&text, "kernel")
    }

    fn resolve(self, world_text: &str, name: &str) -> Result<World, String> {
        let parsed = UnresolvedPackageGroup::parse("plugin.toml.wit", world_text);
        let main = parsed.map_err(|(sources, error)| {
            let shown = error.render(&sources);
            format!("an interface in plugin.toml is not written `namespace:package/interface@version`: {shown}")
        })?;
        let mut resolve = Resolve::default();
        let package = resolve.push_groups(main, self.groups).map_err(|error| {
            let hint = "is every package among the folders of [build] wit in plugin.toml?";
            format!("{}\n{hint}", error.render(&resolve.source_map))
        })?;
        let id = resolve.select_world(&[package], Some(name)).map_err(|error| format!("{error:#}"))?;
        Ok(World { resolve, package, id, files: self.files })
    }
}

fn is_kernel(name: &PackageName) -> bool {
    name.namespace == "forecourt" && name.name == "kernel"
}

fn interface_names(package: &wit_parser::UnresolvedPackage) -> impl Iterator<Item = &str> {
    package.interfaces.iter().filter_map(|(_, interface)| interface.name.as_deref())
}

impl World {
    /// The interfaces that the world imports, then those it exports.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = InterfaceId> + '_ {
        let world = self.resolve.worlds.get(self.id);
        let items = world.into_iter().flat_map(|world| world.imports.values().chain(world.exports.values()));
        items.filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        })
    }

    /// The interfaces that the world exports.
    pub(crate) fn exports(&self) -> impl Iterator<Item = InterfaceId> + '_ {
        let world = self.resolve.worlds.get(self.id);
        world.into_iter().flat_map(|world| world.exports.values()).filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        })
    }

    /// The interfaces of `forecourt:kernel` that the world exports.
    pub(crate) fn hooks(&self) -> impl Iterator<Item = (InterfaceId, &str)> + '_ {
        self.exports().filter_map(|id| match self.path(id)? {
            ("forecourt", "kernel", name) => Some((id, name)),
            _ => None,
        })
    }

    /// `namespace`, `package`, `interface` of an interface that stands in a package.
    pub(crate) fn path(&self, id: InterfaceId) -> Option<(&str, &str, &str)> {
        let interface = self.resolve.interfaces.get(id)?;
        let package = self.resolve.packages.get(interface.package?)?;
        Some((&package.name.namespace, &package.name.name, interface.name.as_deref()?))
    }

    /// The world and every package it needs as one WIT text, documentation included.
    ///
    /// The binary form keeps the documentation of one package only, so the text is what travels with the component.
    pub(crate) fn text(&self) -> Result<String, String> {
        let mut packages = Vec::new();
        for id in self.interfaces() {
            let package = self.resolve.interfaces.get(id).and_then(|interface| interface.package);
            packages.extend(package.filter(|package| *package != self.package));
        }
        packages.sort();
        packages.dedup();
        let mut printer = wit_component::WitPrinter::default();
        printer.print(&self.resolve, self.package, &packages).map_err(|error| format!("{error:#}"))?;
        Ok(printer.output.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: &str = "
        /// The package.
        package forecourt:tyres@0.1.0;
        interface events {
            /// A tyre was mounted.
            record mounted { id: string }
        }
        interface records {
            /// A tyre.
            record tyre { id: string }
        }
        interface store {
            use records.{tyre};
            /// Why not.
            variant error { other(string) }
            /// One tyre.
            get-tyre: func(id: string) -> result<tyre, error>;
        }";
    const KERNEL: &str = "package forecourt:kernel@0.1.0; interface clock { now: func() -> string; } \
        interface subscriber { handle: func(); }";

    fn packages() -> Packages {
        let parse = |text| UnresolvedPackageGroup::parse("test.wit", text).ok().unwrap();
        Packages { groups: vec![parse(AREA), parse(KERNEL)], files: Vec::new() }
    }

    fn manifest(tables: &str) -> Manifest {
        toml::from_str(&format!("[plugin]\nname = 'tyres'\n[build]\nwit = []\n{tables}")).unwrap()
    }

    fn refused(tables: &str) -> String {
        packages().world(&manifest(tables)).err().unwrap()
    }

    #[test]
    fn the_world_has_what_the_manifest_names_and_the_areas_types() {
        let tables = "[exports]\ninterfaces = ['forecourt:tyres/store@0.1.0']\n[kernel]\ninterfaces = ['clock']";
        let world = packages().world(&manifest(tables)).unwrap();
        let names: Vec<_> = world.interfaces().filter_map(|id| world.path(id)).map(|(_, _, name)| name).collect();
        assert_eq!(names, ["clock", "events", "records", "store"]);
        assert_eq!(world.exports().count(), 1);
    }

    #[test]
    fn the_text_keeps_all_documentation_and_is_wit_again() {
        let tables = "[exports]\ninterfaces = ['forecourt:tyres/store@0.1.0']\n[kernel]\ninterfaces = ['clock']";
        let text = packages().world(&manifest(tables)).unwrap().text().unwrap();
        for documented in ["/// A tyre.", "/// One tyre.", "/// Why not.", "package forecourt:kernel@0.1.0"] {
            assert!(text.contains(documented), "{documented}\n{text}");
        }
        let group = UnresolvedPackageGroup::parse("forecourt:wit@1", &text).ok().unwrap();
        let mut resolve = Resolve::default();
        let main = resolve.push_group(group).unwrap();
        assert!(resolve.select_world(&[main], Some("plugin")).is_ok());
    }

    #[test]
    fn subscriptions_bring_in_the_payloads_of_their_topics() {
        let tables = "[exports]\ninterfaces = ['forecourt:kernel/subscriber@0.1.0']\n\
            [[subscriptions]]\ntopics = ['tyres.mounted']";
        let world = packages().world(&manifest(tables)).unwrap();
        let names: Vec<_> = world.interfaces().filter_map(|id| world.path(id)).map(|(_, _, name)| name).collect();
        assert_eq!(names, ["events", "subscriber"]);
        assert_eq!(world.hooks().count(), 1);
        let unknown = refused(&tables.replace("tyres.mounted", "wheels.mounted"));
        assert!(unknown.contains("no interface `events` of area `wheels`"), "{unknown}");
    }

    #[test]
    fn a_manifest_that_names_what_is_not_there_says_so() {
        let unknown = refused("[kernel]\ninterfaces = ['teleport']");
        assert_eq!(
            unknown,
            "[kernel] interfaces in plugin.toml: the kernel has no interface `teleport`; it has clock, subscriber"
        );
        let elsewhere = refused("[[imports]]\ninterface = 'forecourt:wheels/store@0.1.0'");
        assert!(elsewhere.contains("is every package among the folders of [build] wit"), "{elsewhere}");
        let unversioned = refused("[exports]\ninterfaces = ['tyres store']");
        assert!(unversioned.contains("namespace:package/interface@version"), "{unversioned}");
    }
}
