//! The kernel over HTTP: JSON in, JSON or a problem out.
//!
//! This crate reads requests, finds out who sends them, hands them to the runtime, to authorisation or to the registry, and writes what
//! these answer. It decides nothing about rights, keeps nothing between requests but counters, and knows no business area: which operations there
//! are, and what their parameters look like, is the runtime's to say. It serves no pages.
//!
//! Invariants:
//! - INVARIANT (bounded-requests): every connection, head, body and nesting of JSON has a limit and a time within which it must have been read.
//! - INVARIANT (explained-refusals): every answer that is no success is a problem of the one table, in the reader's language; what can't be read as
//!   HTTP is told in English.
//! - INVARIANT (told-to-members): to someone outside a group, what exists in it and what does not are refused in the same words.
//! - INVARIANT (no-secrets-logged): the log has no body, query string, token or cookie.
//! - INVARIANT (links-alike): whatever is the matter with a customer link is one problem.
//! - INVARIANT (own-origin): a cookie alone moves nothing unless the browser says that the request comes from a page of this origin.
#![deny(missing_docs)]

mod account;
mod app;
mod audit;
mod body;
mod call;
mod chain;
mod credentials;
mod deliveries;
mod explained;
mod fields;
mod files;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod health;
mod jobs;
mod language;
mod links;
mod mapping;
mod members;
mod operate;
mod organisation;
mod outbox;
mod outer;
mod own;
mod problem;
mod query;
mod request;
mod roles;
mod routes;
mod secrets;
mod server;
mod stream;
mod strict;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod views;

pub use app::GatewayOptions;
pub use request::Peer;
pub use routes::{router, routes};
pub use server::{Listeners, serve};
