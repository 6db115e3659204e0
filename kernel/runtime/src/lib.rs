//! Runs plugins: one call is one transaction over sandboxed WebAssembly components.
//!
//! This crate owns the engine, the kernel's host interfaces, nested calls and the limits of a call tree; it composes storage,
//! authorisation, the registry and the bus into the [`Kernel`] that the edges use. It is the only crate that names wasmtime. It knows
//! nothing of HTTP, of the command line or of any business area.
//!
//! Invariants:
//! - INVARIANT (one-transaction): all effects of a root call are committed together or not at all.
//! - INVARIANT (one-generation): a call tree never mixes plugin versions.
//! - INVARIANT (one-runner): exactly the innermost instance of a call tree holds the tree.
//! - INVARIANT (own-code): machine code is loaded only when this kernel made it.
#![deny(missing_docs)]

mod audit;
mod bindings;
mod budget;
mod call;
mod compile;
mod convert;
mod detached;
mod engine;
mod error;
pub mod floor;
mod host;
mod idempotency;
mod invoke;
mod json;
mod kernel;
mod loaded;
mod metrics;
mod nested;
mod operate;
mod record;
mod series;
mod state;
mod sweep;
mod tree;
mod verify;
mod wasi;

pub use call::{Answer, Call};
pub use compile::{Compiler, compile_child};
pub use error::{CallError, KernelError};
pub use kernel::{Kernel, KernelOptions};
pub use metrics::Metrics;
pub use operate::Acting;
pub use verify::{Finding, Verified, Verifier, VerifyError};
