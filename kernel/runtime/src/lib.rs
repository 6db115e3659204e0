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
//! - INVARIANT (turns-only-while-running): a long call tree is polled only with a turn in hand, and holds it no longer than one poll.
//! - INVARIANT (no-permit-while-waiting): a root call that waits for a place of its plugin's holds no permit of the kernel's.
//! - INVARIANT (bytes-first): a file is written down when its bytes are on disk, and its bytes are removed when it is struck out.
//! - INVARIANT (named-stays): whatever record names a file, the file is there.
//! - INVARIANT (sent-after-commit), INVARIANT (same-key), INVARIANT (settled-once): an outbound request is sent when its call has committed, always under one key, and takes
//!   effect here once.
//! - INVARIANT (secret-unseen): a secret leaves the kernel in a header to a granted host alone.
//! - INVARIANT (one-look): of each scope's timers and each cron line one look lies ahead at most.
//! - INVARIANT (own-code): machine code is loaded only when this kernel made it.
#![deny(missing_docs)]

mod admission;
mod audit;
mod bindings;
mod breaker;
mod budget;
mod call;
mod compile;
mod convert;
mod detached;
mod dispatch;
mod engine;
mod error;
mod fault;
mod files;
pub mod floor;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod hook;
mod host;
mod idempotency;
mod invoke;
mod jobs;
mod json;
mod kernel;
mod ledger;
mod links;
mod loaded;
mod metrics;
mod nested;
mod operate;
mod outbound;
mod record;
mod schedule;
mod secrets;
mod series;
mod state;
mod suspension;
mod sweep;
mod trace;
mod tree;
mod turns;
mod values;
mod verify;
mod wake;
mod wasi;

pub use call::{Answer, Call};
pub use compile::{Compiler, compile_child};
pub use error::{CallError, JobRefused, KernelError};
pub use files::{Collected, Download, FileError, FileInfo, FileUsage, FilesOptions, OpenFile, Upload};
pub use kernel::{Kernel, KernelOptions};
pub use links::{LinkCall, LinkRequest};
pub use metrics::Metrics;
pub use operate::{Acting, JobStart, SubscriptionInfo};
pub use outbound::{OutboundOptions, OutboxEntry, OutboxFilter, Sending};
pub use secrets::{SecretError, SecretInfo, SecretKey};
pub use trace::{Span, SpanKind, SpanSink};
pub use verify::{Finding, Verified, Verifier, VerifyError};
