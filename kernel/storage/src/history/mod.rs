//! Histories of transactions that run at once, judged by a checker that knows nothing of this crate: proves (one-state) and (serial-order) from outside.
//!
//! `FORECOURT_HISTORY_TRANSACTIONS` sets how many transactions each engine runs (10,000), `FORECOURT_SEED` repeats the choices of a run that failed.

mod client;
mod faulty;
mod planted;
mod random;
mod world;

use std::sync::Arc;

use crate::files::RealFiles;
use crate::history::random::Choices;
use crate::history::world::World;
use crate::{Engine, LogEngine, LogOptions, MemoryEngine};

const TRANSACTIONS: u64 = 10_000;
/// Clients that run transactions at once.
const CLIENTS: u64 = 16;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap()
}

/// Lets clients run until there are enough transactions.
async fn run(world: &Arc<World>, choices: &Choices) {
    let transactions = number("FORECOURT_HISTORY_TRANSACTIONS").unwrap_or(TRANSACTIONS);
    let clients = (0..CLIENTS).map(|client| {
        let (world, choices) = (Arc::clone(world), choices.branch(client));
        tokio::spawn(random::client(world, choices, transactions))
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// Judges what all clients saw. Enough of them must have come to something, and met others.
async fn judge(world: &World, choices: &Choices) {
    let seed = choices.seed();
    let history = world.finish().await;
    let outcomes = |outcome| history.transactions.iter().filter(|one| one.outcome == outcome).count();
    let (committed, aborted) =
        (outcomes(forecourt_checker::Outcome::Committed), outcomes(forecourt_checker::Outcome::Aborted));
    match forecourt_checker::check(&history) {
        Ok(summary) => {
            assert!(summary.edges > summary.counted && summary.elements > committed / 4, "seed {seed}: {summary:?}");
            assert!(committed > aborted / 4 && aborted > committed / 100, "seed {seed}: {committed} and {aborted}");
        }
        Err(anomalies) => panic!("FORECOURT_SEED={seed} (of {}): {}", anomalies.len(), anomalies[0]),
    }
}

#[test]
fn histories_of_the_engine_in_memory_are_serializable() {
    let choices = Choices::new();
    threads().block_on(async {
        let world = Arc::new(World::new(MemoryEngine::new()));
        run(&world, &choices).await;
        judge(&world, &choices).await;
    });
}

#[test]
fn histories_of_the_engine_on_disk_are_serializable_and_kept() {
    let choices = Choices::new();
    let folder = tempfile::tempdir().unwrap();
    let open = async || -> Arc<dyn Engine> {
        LogEngine::open(folder.path(), Arc::new(RealFiles), LogOptions::default()).await.unwrap()
    };
    threads().block_on(async {
        let mut world = Arc::new(World::new(open().await));
        run(&world, &choices).await;
        let kept = Arc::get_mut(&mut world).unwrap();
        kept.engine.close().await.unwrap();
        // Dropped first, because the folder is for one engine.
        kept.engine = MemoryEngine::new();
        kept.engine = open().await;
        judge(&world, &choices).await;
    });
}
