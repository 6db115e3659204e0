//! What the end-to-end tests stand on: the built program, servers of it in folders of their own, a client, and guests.
//!
//! Nothing here but the floors of `bench` knows what the kernel is made of: it is driven as people drive it, by its command line and over HTTP.
//! Nothing waits by sleeping: a server is ready when it says so, and whatever else must be awaited is awaited by an answer, asked for again
//! after a [`pause`] where it comes by itself.
//!
//! `FORECOURT_KILL_ROUNDS` sets how often the kernel is killed (50), `FORECOURT_HISTORY_TRANSACTIONS` how many requests the
//! judge of histories sees (2,000), `FORECOURT_SEED` repeats the choices of a random test that failed.
//!
//! Invariants:
//! - INVARIANT (no-orphans): a server ends when its handle is dropped, and also when the tests' process ends without dropping it.
//! - INVARIANT (own-places): tests that run at once share a server only in stores that are each their own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test that asked for it"
)]

pub mod bench;
pub mod client;
pub mod ground;
pub mod guests;
pub mod log;
pub mod mutation;
pub mod outside;
pub mod random;
pub mod server;
pub mod tree;
pub mod workshop;

pub use client::{Answer, Client};
pub use ground::{Ground, Place, ground};
pub use server::{Folder, Server};

/// The pause between two looks at what comes by itself, so that looking leaves the processor to it.
pub fn pause() {
    std::thread::park_timeout(std::time::Duration::from_millis(20));
}
