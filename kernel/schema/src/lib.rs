//! What a component says of itself, as the rest of the kernel uses it.
//!
//! This crate reads a component's WIT, docs, labels and manifest into a model of areas, operations, types, collections and topics; checks
//! and normalises JSON values against types; tells whether a value of one type can be given where another is expected; and describes
//! enabled operations as OpenAPI. It does no input or output, runs no component, keeps no state and knows nothing of stores, users or grants.
//!
//! Invariants:
//! - INVARIANT (verified-wit): docs and types are taken from the embedded WIT only after its operations were found equal, in names and
//!   shapes, to the real imports and exports of the component.
//! - INVARIANT (bounded-types): every type in a [`PluginSchema`] is bounded in depth and in its size as a tree.
//! - INVARIANT (mapped-operations): every key of a manifest's `[roles]` names one exported operation.
//! - INVARIANT (canonical-forms): `normalise` answers values that `check` accepts, and leaves those that `check` accepts as they are, but for 64-bit
//!   integers, which may be numbers or text, and absent options, which may be null or not there.
#![deny(missing_docs)]

mod check;
mod collection;
mod difference;
mod error;
mod file_refs;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod ids;
pub mod limits;
mod manifest;
mod model;
mod normalise;
mod openapi;
mod page_token;
mod read;
mod rule;
mod said;
pub mod semantic;
mod text_index;
mod types;

pub use check::{check, check_at};
pub use collection::{Collection, CollectionScope, Index, IndexField, IndexKind, ScalarKind};
pub use difference::{
    CallConversion, CaseConversion, CaseTarget, Conversion, Difference, FieldConversion, call_conversion, difference,
    interface_difference,
};
pub use error::{Code, Problem, SchemaError};
pub use file_refs::{FileRef, file_refs};
pub use ids::{InterfaceId, InterfaceIdError};
pub use manifest::{
    About, Build, CollectionRequest, CronRequest, Events, Exports, HttpRequest, ImportRequest, IndexRequest, JOBS,
    JobRequest, KernelRequest, KindRequest, LinkRequest, Manifest, Power, ScopeRequest, StartRequest,
    SubscriptionRequest, Text,
};
pub use model::{Import, Interface, Labels, Operation, OperationKind, PluginSchema, Topic};
pub use normalise::{NormalisedValue, normalise, normalise_at, normalise_params};
pub use openapi::openapi;
pub use page_token::refused_page_token;
pub use read::read_component;
pub use rule::{FieldError, Rule, Warning};
pub use said::{bilingual, rule_of};
pub use semantic::Semantic;
pub use text_index::search_fragment;
pub use types::{Alias, Case, Enum, Field, Flags, Record, ResultType, Type, Variant, json_name};
