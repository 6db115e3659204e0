//! The code that the macros leave behind.

use std::path::{Path, PathBuf};

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Type, TypeDefKind};

use crate::bindings::{self, Paths};
use crate::labels::{self, Labelled, Labels};
use crate::manifest::{self, Manifest};
use crate::subscriptions;
use crate::wit::{Packages, World};

fn crate_root() -> Result<PathBuf, String> {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).ok_or_else(|| "build plugins with cargo".to_owned())
}

/// The expansion of `kernel_bindings!()`.
pub(crate) fn kernel() -> Result<TokenStream, String> {
    let folders = ["../../wit/common", "../../wit/kernel"].map(PathBuf::from);
    let mut world = Packages::read(&crate_root()?, &folders)?.kernel_world()?;
    let bindings = bindings::generate(&mut world, &Paths { sdk: "crate", share_kernel: false })?;
    let files = dependencies(&world.files);
    Ok(quote!(#bindings #files))
}

/// The expansion of `plugin!(implementor)`.
pub(crate) fn plugin(implementor: &syn::Ident) -> Result<TokenStream, String> {
    let root = crate_root()?;
    let (manifest_path, manifest) = manifest::read(&root)?;
    let mut world = Packages::read(&root, &manifest.build.wit)?.world(&manifest)?;
    let labels = labels::read(&root, &manifest.build.labels, &Labelled::of(&world))?;
    let text = world.text()?;
    let areas = areas(&world);
    let errors = errors(&world);
    let guests = guests(&world);
    let collections = collections(&manifest, &world)?;
    let events = events(&manifest, &world)?;
    let subscriptions = subscriptions::expand(implementor, &manifest, &world)?;
    let bindings = bindings::generate(&mut world, &Paths { sdk: "::forecourt_sdk", share_kernel: true })?;
    let metadata = metadata(&manifest_path, &labels, &text);
    let files = dependencies(world.files.iter().chain(&labels.files));
    Ok(quote! {
        /// The plugin's side of its WIT: types, imported operations, and a trait `Guest` for each exported interface.
        #[allow(
            unsafe_code, missing_docs, unreachable_pub, unused_qualifications, dead_code, unused_imports, clippy::all,
            clippy::allow_attributes_without_reason, clippy::indexing_slicing, clippy::unwrap_used, clippy::panic,
            reason = "written by the binding generator"
        )]
        pub mod wit {
            #bindings
            #areas
            #events
            #errors
        }
        #collections
        #subscriptions
        #metadata
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, unreachable_pub, reason = "the component's exports, written by the binding generator")]
        mod exported {
            use super::#implementor;
            super::wit::export!(#implementor with_types_in super::wit);
        }
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn exports_all<T: #(#guests)+*>() {}
            exports_all::<#implementor>();
        };
        #files
    })
}

/// INVARIANT (rebuild-on-edit): naming the files in `include_bytes!` makes them dependencies.
fn dependencies<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> TokenStream {
    let includes = files.into_iter().map(|file| {
        let file = file.display().to_string();
        quote!(
            const _: &[u8] = include_bytes!(#file);
        )
    });
    quote!(#(#includes)*)
}

/// The custom sections, and the same texts for tests on the development machine.
fn metadata(manifest_path: &Path, labels: &Labels, wit: &str) -> TokenStream {
    let manifest_path = manifest_path.display().to_string();
    let json = &labels.json;
    let unlabelled = &labels.unlabelled;
    // Public, so that the compiler keeps them; without `#[used]`, which would put them into linear memory too.
    let section = |item: &str, name: &str, text: &str| {
        let item = format_ident!("{item}");
        let length = text.len();
        let bytes = Literal::byte_string(text.as_bytes());
        quote! {
            #[cfg(target_arch = "wasm32")]
            #[doc(hidden)]
            #[unsafe(link_section = #name)]
            pub static #item: [u8; #length] = *#bytes;
        }
    };
    let labels_section = section("LABELS_SECTION", "forecourt:labels@1", json);
    let wit_section = section("WIT_SECTION", "forecourt:wit@1", wit);
    quote! {
        /// What the component carries about itself.
        #[allow(unsafe_code, reason = "a link section is the only way into a component's custom sections")]
        pub mod metadata {
            /// `plugin.toml`.
            pub const MANIFEST: &str = include_str!(#manifest_path);
            /// The labels of all languages as JSON.
            pub const LABELS: &str = #json;
            /// The world and its packages as WIT.
            pub const WIT: &str = #wit;
            /// Language and id of every operation, parameter, field and case that has no label.
            pub const UNLABELLED: &[&str] = &[#(#unlabelled),*];

            #[cfg(target_arch = "wasm32")]
            #[doc(hidden)]
            #[unsafe(link_section = "forecourt:manifest@1")]
            pub static MANIFEST_SECTION: [u8; MANIFEST.len()] = *include_bytes!(#manifest_path);
            #labels_section
            #wit_section
        }
    }
}

/// One module per area, whose interfaces stand side by side whether imported or exported.
fn areas(world: &World) -> TokenStream {
    let exported: Vec<_> = world.exports().collect();
    let mut modules: Vec<(String, Vec<TokenStream>)> = Vec::new();
    for id in world.interfaces() {
        let Some((namespace, package, name)) = world.path(id) else { continue };
        let shared = namespace == "forecourt" && (package == "kernel" || package == "common");
        if shared && !exported.contains(&id) {
            continue;
        }
        let (outer, area, interface) = (bindings::ident(namespace), bindings::ident(package), bindings::ident(name));
        let [outer, area_ident, interface] = [outer, area.clone(), interface].map(|name| format_ident!("{name}"));
        let path = if exported.contains(&id) {
            quote!(pub use super::exports::#outer::#area_ident::#interface;)
        } else {
            quote!(pub use super::#outer::#area_ident::#interface;)
        };
        match modules.iter_mut().find(|(known, _)| *known == area) {
            Some((_, uses)) => uses.push(path),
            None => modules.push((area, vec![path])),
        }
    }
    let modules = modules.into_iter().map(|(area, uses)| {
        let area = format_ident!("{area}");
        quote!(pub mod #area { #(#uses)* })
    });
    quote!(#(#modules)*)
}

/// The traits of the exported interfaces. Off WebAssembly nothing calls them, and a native linker may refuse their symbols, so
/// there it is only checked that the implementor has them all.
fn guests(world: &World) -> Vec<TokenStream> {
    let mut guests = Vec::new();
    for (_, package, name) in world.exports().filter_map(|id| world.path(id)) {
        let [area, interface] = [package, name].map(|name| format_ident!("{}", bindings::ident(name)));
        guests.push(quote!(wit::#area::#interface::Guest));
    }
    guests
}

/// `?` on the SDK's storage and event errors in operations: every exported error variant that ends in `other(string)` takes them.
fn errors(world: &World) -> TokenStream {
    let mut impls = TokenStream::new();
    for id in world.exports() {
        let Some((_, package, name)) = world.path(id) else { continue };
        let (area, interface) =
            (format_ident!("{}", bindings::ident(package)), format_ident!("{}", bindings::ident(name)));
        let types = world.resolve.interfaces.get(id).into_iter().flat_map(|interface| &interface.types);
        for (type_name, id) in types {
            let Some(TypeDefKind::Variant(variant)) = world.resolve.types.get(*id).map(|ty| &ty.kind) else { continue };
            let last = variant.cases.last();
            if last.is_some_and(|case| case.name == "other" && case.ty == Some(Type::String)) {
                let ty = format_ident!("{}", bindings::camel(type_name));
                impls.extend(quote! {
                    impl From<::forecourt_sdk::KernelError> for #area::#interface::#ty {
                        fn from(error: ::forecourt_sdk::KernelError) -> Self {
                            Self::Other(error.logged())
                        }
                    }
                });
            }
        }
    }
    impls
}

fn collections(manifest: &Manifest, world: &World) -> Result<TokenStream, String> {
    let mut items = TokenStream::new();
    for collection in &manifest.collections {
        let name = &collection.name;
        let record = record_path(world, &collection.record).ok_or_else(|| {
            format!("[[collections]] `{name}` in plugin.toml: there is no record `{}`", collection.record)
        })?;
        let constant = format_ident!("{}", bindings::snake(name).to_uppercase());
        let module = format_ident!("{}", bindings::ident(name));
        let indexes = collection.indexes.iter().map(|index| {
            let (constant, name) = (format_ident!("{}", bindings::snake(&index.name).to_uppercase()), &index.name);
            let doc = format!("The index `{name}`.");
            quote! { #[doc = #doc] pub const #constant: ::forecourt_sdk::Index<super::super::#record> = ::forecourt_sdk::Index::new(#name); }
        });
        let (doc, module_doc) = (format!("The collection `{name}`."), format!("Indexes of the collection `{name}`."));
        items.extend(quote! {
            #[doc = #doc]
            pub const #constant: ::forecourt_sdk::Collection<super::#record> = ::forecourt_sdk::Collection::new(#name);
            #[doc = #module_doc]
            pub mod #module { #(#indexes)* }
        });
    }
    Ok(quote! {
        /// The collections that the manifest declares.
        #[allow(dead_code, reason = "a manifest may declare an index that no code asks for yet")]
        pub mod collections { #items }
    })
}

/// The Rust path, from the crate's root, of `forecourt:parts/records@0.1.0#part`.
fn record_path(world: &World, record: &str) -> Option<TokenStream> {
    let (interface, name) = record.split_once('#')?;
    let id = world.interfaces().find(|id| world.resolve.id_of(*id).as_deref() == Some(interface))?;
    let types = &world.resolve.interfaces.get(id)?.types;
    let definition = world.resolve.types.get(*types.get(name)?)?;
    let TypeDefKind::Record(_) = definition.kind else { return None };
    let (_, package, interface) = world.path(id)?;
    let [area, interface] = [package, interface].map(|name| format_ident!("{}", bindings::ident(name)));
    let ty = format_ident!("{}", bindings::camel(name));
    Some(quote!(wit::#area::#interface::#ty))
}

fn events(manifest: &Manifest, world: &World) -> Result<TokenStream, String> {
    let mut impls = TokenStream::new();
    for topic in &manifest.events.publishes {
        let missing =
            || format!("[events] publishes in plugin.toml: no interface `events` has the record of topic `{topic}`");
        let (area, name) = topic.split_once('.').ok_or_else(missing)?;
        let id =
            world.interfaces().find(|id| matches!(world.path(*id), Some((_, package, "events")) if package == area));
        let interface = id.and_then(|id| world.resolve.interfaces.get(id)).ok_or_else(missing)?;
        interface.types.get(name).ok_or_else(missing)?;
        let area = format_ident!("{}", bindings::ident(area));
        let ty = format_ident!("{}", bindings::camel(name));
        impls.extend(quote! {
            impl ::forecourt_sdk::Event for #area::events::#ty {
                const TOPIC: &'static str = #topic;
            }
        });
    }
    Ok(impls)
}
