//! The bindings of a world, with serde attributes on every type.

use proc_macro2::TokenStream;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};
use wit_parser::{InterfaceId, Resolve, Type, TypeDef, TypeDefKind};

use crate::wit::World;

/// How the generated code reaches the SDK.
pub(crate) struct Paths {
    /// The path of the SDK's crate.
    pub(crate) sdk: &'static str,
    /// Whether the kernel's interfaces are the SDK's rather than generated anew.
    pub(crate) share_kernel: bool,
}

/// Generates the bindings of `world`.
pub(crate) fn generate(world: &mut World, paths: &Paths) -> Result<TokenStream, String> {
    let sdk = paths.sdk;
    let mut opts = Opts {
        generate_all: true,
        generate_unused_types: true,
        runtime_path: Some(format!("{sdk}::private::rt")),
        bitflags_path: Some(format!("{sdk}::private::rt::bitflags")),
        additional_derive_attributes: vec![
            "PartialEq".to_owned(),
            format!("{sdk}::serde::Serialize"),
            format!("{sdk}::serde::Deserialize"),
        ],
        ..Opts::default()
    };
    let hooks: Vec<_> = world.hooks().map(|(id, _)| id).collect();
    let mut seen: Vec<InterfaceId> = Vec::new();
    for id in world.interfaces() {
        let Some((namespace, package, name)) = world.path(id) else { continue };
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let shared = namespace == "forecourt" && (package == "kernel" || package == "common");
        if shared && paths.share_kernel && !hooks.contains(&id) {
            let full = world.resolve.id_of(id).unwrap_or_default();
            let module = format!("{sdk}::private::wit::forecourt::{}::{}", ident(package), ident(name));
            opts.with.push((full, WithOption::Path(module)));
        } else {
            attributes(&world.resolve, id, sdk, &mut opts);
        }
    }
    let mut files = Files::default();
    let generated = opts.build().generate(&mut world.resolve, world.id, &mut files);
    generated.map_err(|error| format!("{error:#}"))?;
    let (_, source) = files.iter().next().ok_or("the binding generator wrote nothing")?;
    let source = std::str::from_utf8(source).map_err(|error| error.to_string())?;
    source.parse().map_err(|error| format!("the binding generator wrote what is not Rust: {error}"))
}

/// A WIT name as the generator writes it in paths.
pub(crate) fn ident(name: &str) -> String {
    wit_bindgen_rust::to_rust_ident(name)
}

/// A WIT type's name as the generator writes it.
pub(crate) fn camel(name: &str) -> String {
    // The generator keeps `Guest` for its own trait.
    if name == "guest" {
        return "Guest_".to_owned();
    }
    name.split('-')
        .map(|word| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default())
        .collect()
}

/// A WIT name in the JSON form.
pub(crate) fn snake(name: &str) -> String {
    name.replace('-', "_").to_lowercase()
}

fn attributes(resolve: &Resolve, interface: InterfaceId, sdk: &str, opts: &mut Opts) {
    let Some(full) = resolve.id_of(interface) else { return };
    let types = resolve.interfaces.get(interface).into_iter().flat_map(|interface| &interface.types);
    for (name, id) in types {
        let Some(definition) = resolve.types.get(*id) else { continue };
        let members = members(resolve, definition);
        if members.is_empty() {
            continue;
        }
        let selector = format!("{full}/{name}");
        opts.additional_type_attributes.push((selector.clone(), format!("#[serde(crate = \"{sdk}::serde\")]")));
        for (member, optional) in members {
            let mut attribute = format!("#[serde(rename = \"{}\"", snake(member));
            if optional {
                attribute.push_str(", default, skip_serializing_if = \"Option::is_none\"");
            }
            attribute.push_str(")]");
            opts.additional_member_attributes.push((format!("{selector}.{member}"), attribute));
        }
    }
}

/// Fields or cases of a type, and whether each may be absent.
fn members<'a>(resolve: &Resolve, definition: &'a TypeDef) -> Vec<(&'a str, bool)> {
    match &definition.kind {
        TypeDefKind::Record(record) => {
            record.fields.iter().map(|field| (field.name.as_str(), is_option(resolve, &field.ty))).collect()
        }
        TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (case.name.as_str(), false)).collect(),
        TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| (case.name.as_str(), false)).collect(),
        _ => Vec::new(),
    }
}

fn is_option(resolve: &Resolve, ty: &Type) -> bool {
    let mut ty = *ty;
    while let Type::Id(id) = ty {
        match resolve.types.get(id).map(|definition| &definition.kind) {
            Some(TypeDefKind::Option(_)) => return true,
            Some(TypeDefKind::Type(target)) => ty = *target,
            _ => return false,
        }
    }
    false
}
