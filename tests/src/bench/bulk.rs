//! Many records at once, written past the kernel into a folder that it does not run on, in the rows that it would have written.

use std::path::Path;
use std::sync::Arc;

use forecourt_base::{StoreId, SystemClock};
use forecourt_schema::{Collection, check_at};
use forecourt_storage::{Engine, IndexEntry, Mode, Space, Transaction};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bench::native::Native;
use crate::bench::requests::bay;

/// Records of one transaction.
const RECORDS: u64 = 1_000;
/// Transactions that are committed at once.
const TRANSACTIONS: usize = 16;

/// Cards of one store, by their numbers from the first to before the second.
#[derive(Debug, Clone)]
pub struct Cards {
    /// The store.
    pub store: String,
    /// The first card's number.
    pub from: u64,
    /// The number before which they end.
    pub to: u64,
}

/// Writes cards with their index entries, checked as the kernel checks them.
pub async fn write(data: &Path, stores: &[Cards]) {
    let native = Native::open(data).await;
    let mut running = JoinSet::new();
    for cards in stores {
        for from in (cards.from..cards.to).step_by(RECORDS as usize) {
            let (native, part) =
                (Arc::clone(&native), Cards { from, to: cards.to.min(from + RECORDS), ..cards.clone() });
            if running.len() >= TRANSACTIONS {
                running.join_next().await.unwrap().unwrap();
            }
            running.spawn(async move { commit(&native, &part).await });
        }
    }
    while let Some(committed) = running.join_next().await {
        committed.unwrap();
    }
    native.engine().close().await.unwrap();
}

async fn commit(native: &Native, cards: &Cards) {
    use forecourt_base::Clock;
    let scope = Native::scope();
    let store = StoreId::new(cards.store.as_str()).unwrap();
    let space = Space::new(Some(&scope.group), Some(&store), "jobs", "cards", 0).unwrap();
    let mut collections = native.jobs().schema.collections.iter();
    let declared: &Collection = collections.find(|declared| *declared.name == *"cards").unwrap();
    let engine: &Arc<dyn Engine> = native.engine();
    let mut tx = Transaction::begin(engine, Some(scope.group), Mode::ReadWrite).unwrap();
    for number in cards.from..cards.to {
        let id = format!("card-{number:04}");
        let card = json!({
            "id": id, "title": "更换机油和机油滤清器", "bay": bay(number), "price": 9_900, "version": 1, "by": "advisor",
        });
        check_at(&declared.record, &card, SystemClock.now()).unwrap();
        let entries = declared.entries(&card).into_iter().map(|(index, values)| IndexEntry { index, values });
        tx.put(&space, id.as_bytes(), card.to_string(), entries.collect()).await.unwrap();
    }
    tx.commit().await.unwrap();
}
