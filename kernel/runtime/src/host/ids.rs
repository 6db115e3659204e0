//! Numbers and identifiers.

use forecourt_base::{limits, uuid_v7_from};
use forecourt_storage::Space;
use serde::{Deserialize, Serialize};

use crate::bindings::forecourt::kernel::ids;
use crate::error::Abort;
use crate::series::SeriesKey;
use crate::state::CallState;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Gapless {
    last: u64,
}

impl CallState {
    fn series_key(&mut self, series: String) -> Result<SeriesKey, Abort> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if series.is_empty() || series.len() > 64 || !series.bytes().all(good) {
            return Err(self.misuse("a number series is named by 1 to 64 of a-z, 0-9, `-`"));
        }
        let plugin = self.module.plugin.to_string();
        let tree = self.tree()?;
        Ok(SeriesKey { scope: tree.origin.scope.clone(), plugin, series })
    }
}

impl ids::Host for CallState {
    async fn number(&mut self, series: String) -> wasmtime::Result<u64> {
        self.enter("ids")?;
        let key = self.series_key(series)?;
        let tree = self.tree()?;
        if tree.numbers.series() >= limits::TREE_SERIES && !tree.numbers.has(&key) {
            return Err(Abort::Limit("TREE_SERIES").into());
        }
        Ok(tree.numbers.next(tree.kernel.series(), key).await.map_err(Abort::Storage)?)
    }

    async fn gapless(&mut self, series: String) -> wasmtime::Result<u64> {
        self.enter("ids")?;
        let key = self.series_key(series)?;
        let space = Space::new(Some(&key.scope.group), key.scope.store.as_ref(), "@gapless", &key.plugin, 0)
            .map_err(Abort::Storage)?;
        let tree = self.tree()?;
        let count = async {
            let counter: Option<Gapless> = tree.transaction.get_json(&space, key.series.as_bytes()).await?;
            let last = counter.unwrap_or_default().last + 1;
            tree.transaction.put_json(&space, key.series.as_bytes(), &Gapless { last }, Vec::new()).await?;
            Ok(last)
        };
        let number = count.await.map_err(Abort::Storage)?;
        tree.check_storage()?;
        Ok(number)
    }

    async fn unique(&mut self) -> wasmtime::Result<String> {
        let tree = self.enter("ids")?;
        let (high, low) = (tree.next_random(), tree.next_random());
        Ok(uuid_v7_from(tree.origin.started, high, low))
    }
}
