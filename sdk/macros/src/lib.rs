//! The macro behind `forecourt_sdk::plugin!`.
//!
//! It reads a crate's `plugin.toml`, loads the WIT folders named there, makes the plugin's world from the interfaces that the
//! manifest exports and imports, and writes the bindings, typed handles for the declared collections, the topics of events, the events of subscriptions, and
//! the three custom sections by which the kernel knows the plugin. It refuses a manifest or a label that speaks of something
//! that the WIT does not have, at compile time and with what to do about it. It does not judge conventions or types: the kernel
//! does when the plugin is published.
//!
//! Invariants:
//! - INVARIANT (rebuild-on-edit): every file that was read is also a dependency of the crate being compiled.
//! - INVARIANT (one-form): a generated type's JSON is the one that the kernel stores: snake_case names of fields and cases.

mod bindings;
mod expand;
mod labels;
mod manifest;
mod subscriptions;
mod wit;

use proc_macro::TokenStream;
use proc_macro2::Span;

/// Makes a plugin of the crate whose `plugin.toml` lies beside its `Cargo.toml`; see the documentation of `forecourt-sdk`.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    let implementor = if input.is_empty() {
        syn::Ident::new("Plugin", Span::call_site())
    } else {
        syn::parse_macro_input!(input as syn::Ident)
    };
    expand::plugin(&implementor).unwrap_or_else(compile_error).into()
}

/// Writes the SDK's own bindings of the kernel's interfaces. Not for plugins.
#[proc_macro]
pub fn kernel_bindings(_input: TokenStream) -> TokenStream {
    expand::kernel().unwrap_or_else(compile_error).into()
}

fn compile_error(message: String) -> proc_macro2::TokenStream {
    syn::Error::new(Span::call_site(), message).to_compile_error()
}
