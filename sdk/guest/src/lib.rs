//! What a plugin of Forecourt is written with.
//!
//! A plugin is a crate with a `plugin.toml` beside its `Cargo.toml`, built for `wasm32-wasip2`. `forecourt_sdk::plugin!(MyPlugin)`
//! in the crate's root reads the manifest and writes
//! - `wit`: the types and traits of the exported and imported WIT interfaces, grouped by area (`wit::parts::stock`), each type with
//!   serde in the JSON form that the kernel stores;
//! - `collections`: a typed handle for each declared collection and index ([`Collection`], [`Index`]);
//! - [`Event`] for the payload of each declared topic;
//! - `subscriptions`: the events that the plugin is told of as one typed enum, and the trait `Subscriber` to handle them;
//! - `metadata`, and the component's custom sections: manifest, labels, documented WIT.
//!
//! The author writes `impl wit::parts::stock::Guest for MyPlugin` and no `unsafe`. A plugin that is told of events writes besides
//!
//! ```text
//! impl subscriptions::Subscriber for MyPlugin {
//!     fn handle(event: subscriptions::Event, told: &subscriptions::Told) -> Result<(), subscriptions::Error> {
//!         match event {
//!             subscriptions::Event::RepairApproved(approved) => Ok(POINTS.put(&approved.order, &points(&approved))?),
//!         }
//!     }
//! }
//! ```
//!
//! This crate does no I/O: everything goes to the kernel, inside the transaction of the running call. There is nothing to commit
//! and nothing to clean up: a call that fails leaves nothing.
//!
//! What every area needs and no user asks for by name is here once: state machines ([`machine`]), rounding
//! ([`money`]) and checks of fields ([`check`]).
#![deny(missing_docs)]

pub mod check;
pub mod clock;
mod collection;
mod error;
pub mod events;
pub mod files;
pub mod http;
pub mod identity;
pub mod ids;
pub mod jobs;
pub mod log;
pub mod machine;
pub mod modules;
pub mod money;
mod range;
pub mod timers;

pub use collection::{Collection, Page};
pub use error::{KernelError, StorageError};
pub use events::Event;
pub use forecourt_sdk_macros::plugin;
pub use range::{Index, Query};
pub use {serde, serde_json};

/// Semantic types (`forecourt:common/types`): aliases by which the kernel knows what a value is.
pub mod common {
    pub use crate::private::wit::forecourt::common::types::*;
}

/// What generated code needs; no part of the SDK's promise.
#[doc(hidden)]
pub mod private {
    pub use wit_bindgen::rt;

    /// The kernel's interfaces, generated once so that their types are the same in the SDK and in plugins.
    #[allow(
        unsafe_code,
        missing_docs,
        unreachable_pub,
        dead_code,
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::panic,
        reason = "written by the binding generator"
    )]
    pub mod wit {
        forecourt_sdk_macros::kernel_bindings!();
    }
}
