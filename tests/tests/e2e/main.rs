//! The kernel as a whole: the built program, driven over HTTP and by its command line.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a test's own words fails the test"
)]

mod access;
mod audit;
mod bad_arguments;
mod bad_input;
mod clockwork;
mod commands;
mod commits;
mod deliveries;
mod deliveries_in_time;
mod edges;
mod files;
mod floor;
mod fuzz;
mod grants;
mod guarded;
mod history;
mod hostile;
mod jobs;
mod kill;
mod kill_events;
mod links;
mod observed;
mod outbound;
mod overload;
mod promised;
mod races;
mod repair;
mod requests;
mod schema;
mod supply;
mod suspended;
mod tour;
mod transactions;
mod verified;
