//! Published plugins, what a group granted them, and which of them serves each area of each store.
//!
//! Every function works within its caller's transaction: nothing is kept until that commits. The crate asks nobody whether the
//! caller may do what he asks and writes no audit line (the runtime composes it with `auth`), compiles and runs no component, and
//! starts no task. Components are opened with `schema` alone.
//!
//! A component's bytes are stored once in the deployment under their sha256; all else belongs to one group.
//!
//! Invariants:
//! - INVARIANT (bound-name): every version of a plugin in a group comes from the publisher that published its name first.
//! - INVARIANT (fixed-version): a name and version of a group always mean the same bytes.
//! - INVARIANT (narrow-grant): a grant holds nothing that its plugin version did not request.
//! - INVARIANT (one-provider): in each scope an area is served by one plugin version at most: the store's own, else the group's.
//! - INVARIANT (resolved): in each scope, every required import of every module that serves there is served there too, by types
//!   that convert; an optional import is absent or converts.
//! - INVARIANT (area-order): in each scope the areas form no cycle. An optional import that only asks queries is no edge.
//! - INVARIANT (stamped): two generations of a group with one stamp are equal, those of transactions that never commit included.
#![deny(missing_docs)]

mod cache;
mod digest;
mod error;
mod generation;
mod grant;
mod info;
mod load;
#[cfg(test)]
mod properties;
mod records;
mod registry;
mod resolve;
mod switch;
#[cfg(test)]
mod testing;

pub use digest::{Digest, hex};
pub use error::RegistryError;
pub use generation::{Generation, Module};
pub use grant::{Approval, Grant, ImportApproval, ImportGrant, NarrowApproval};
pub use info::{
    Disabled, Enabled, Granted, Importer, ModuleInfo, ModuleRef, PluginInfo, Published, Publisher, VersionInfo,
};
pub use registry::Registry;
pub use resolve::{Fault, Need};
