//! What was not delivered: subscriptions with their lag, parked keys, dead letters; and what is done about it.

use forecourt_auth::AdminRight;
use forecourt_base::{PluginName, Scope, limits};
use forecourt_bus::{BusError, Cursor, DeadLetter, DeadPage, Event, ParkedKey};
use forecourt_storage::Transaction;
use semver::Version;

use super::Acting;
use super::work::Work;
use crate::KernelError;
use crate::kernel::Kernel;

/// A subscription as it stands.
#[derive(Debug, Clone)]
pub struct SubscriptionInfo {
    /// The plugin.
    pub plugin: PluginName,
    /// Its version at work here; none where it is not, and its subscription only keeps its place.
    pub version: Option<Version>,
    /// The topics.
    pub topics: Vec<String>,
    /// Up to where it was told.
    pub cursor: Cursor,
    /// Events behind that place that it asks for, as far as was counted.
    pub lag: usize,
    /// Whether there may be more than were counted.
    pub lag_more: bool,
    /// How many keys are parked.
    pub parked_keys: u64,
    /// How many dead letters it has.
    pub dead_letters: u64,
}

/// Events counted for a lag.
const LAG_ROWS: usize = limits::SUBSCRIPTION_PASSED;

impl Kernel {
    /// The subscriptions of a scope. For operators, group admins, and a store's manager in his store, as all that follows.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right.
    pub async fn subscriptions(&self, by: Acting<'_>, scope: &Scope) -> Result<Vec<SubscriptionInfo>, KernelError> {
        self.looking(by, AdminRight::Deliver, scope, "list-subscriptions", Subscriptions(scope)).await
    }

    /// The parked keys of a subscription by name, behind `after`; whether there are more.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Events` for an unknown subscription.
    pub async fn parked_keys(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        plugin: &PluginName,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ParkedKey>, bool), KernelError> {
        let work = ParkedKeys { scope, plugin, after, limit };
        self.looking(by, AdminRight::Deliver, scope, "list-parked-keys", work).await
    }

    /// Has parked keys tried at once, in place of when they are due: one, or as many as a page holds; how many.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Events` for an unknown subscription or a key that is not parked.
    pub async fn retry_parked(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        plugin: &PluginName,
        key: Option<&str>,
    ) -> Result<usize, KernelError> {
        let work = Retry { scope, plugin, key };
        let retried = self.acting_with(by, AdminRight::Deliver, scope, "retry-parked", work).await?;
        self.dispatcher().nudge(scope, plugin);
        Ok(retried)
    }

    /// Dead letters of a scope, of one plugin or of all, the oldest first.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Events` for an `after` that was not given out.
    pub async fn dead_letters(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        plugin: Option<&PluginName>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<DeadPage, KernelError> {
        let work = DeadLetters { scope, plugin, after, limit };
        self.looking(by, AdminRight::Deliver, scope, "list-dead-letters", work).await
    }

    /// One dead letter.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right; `Events` for an unknown one.
    pub async fn dead_letter(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<DeadLetter, KernelError> {
        self.looking(by, AdminRight::Deliver, scope, "read-dead-letter", Letter { scope, id }).await
    }

    /// Hands a dead letter to its plugin again, with all its tries.
    ///
    /// # Errors
    /// As [`Kernel::dead_letter`].
    pub async fn redrive(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<DeadLetter, KernelError> {
        let redrive = Settle { scope, id, redrive: true };
        let letter = self.acting_with(by, AdminRight::Deliver, scope, "redrive", redrive).await?;
        self.dispatcher().nudge(scope, &letter.plugin);
        Ok(letter)
    }

    /// Drops a dead letter for good.
    ///
    /// # Errors
    /// As [`Kernel::dead_letter`].
    pub async fn drop_letter(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<DeadLetter, KernelError> {
        let settle = Settle { scope, id, redrive: false };
        let letter = self.acting_with(by, AdminRight::Deliver, scope, "drop-dead-letter", settle).await?;
        self.dispatcher().nudge(scope, &letter.plugin);
        Ok(letter)
    }
}

struct Subscriptions<'a>(&'a Scope);

impl Work for Subscriptions<'_> {
    type Output = Vec<SubscriptionInfo>;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        let scope = self.0;
        let generation = kernel.registry().generation(transaction, &scope.group).await?;
        let mut all = forecourt_bus::subscriptions(transaction, scope).await?;
        for module in generation.at_work(scope.store.as_ref()) {
            let known = all.iter().any(|(plugin, _)| *plugin == module.plugin);
            if !known && !module.grant.subscriptions.is_empty() {
                all.push((module.plugin.clone(), Default::default()));
            }
        }
        let mut infos = Vec::with_capacity(all.len());
        for (plugin, row) in all {
            let module = generation.active(scope.store.as_ref(), &plugin);
            let asked = module.map(|module| module.grant.subscriptions.clone());
            let topics = asked.unwrap_or_else(|| row.topics.keys().cloned().collect());
            let wanted = |event: &Event, cursor| {
                topics.contains(&event.topic) && row.wants(&event.topic, cursor) && event.is_for(&plugin)
            };
            let ahead = forecourt_bus::ahead(transaction, scope, row.cursor, LAG_ROWS, LAG_ROWS, wanted).await?;
            infos.push(SubscriptionInfo {
                version: module.map(|module| module.version.clone()),
                topics: topics.into_iter().collect(),
                cursor: row.cursor,
                lag: ahead.items.len(),
                lag_more: ahead.more,
                parked_keys: row.parked,
                dead_letters: row.dead,
                plugin,
            });
        }
        infos.sort_by(|a, b| a.plugin.cmp(&b.plugin));
        Ok(infos)
    }
}

struct ParkedKeys<'a> {
    scope: &'a Scope,
    plugin: &'a PluginName,
    after: Option<&'a str>,
    limit: usize,
}

impl Work for ParkedKeys<'_> {
    type Output = (Vec<ParkedKey>, bool);

    async fn run(&self, _: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        let Self { scope, plugin, after, limit } = self;
        if forecourt_bus::subscription(transaction, scope, plugin).await?.is_none() {
            return Err(BusError::Unknown { what: "subscription", id: plugin.to_string() }.into());
        }
        Ok(forecourt_bus::parked_keys(transaction, scope, plugin, *after, *limit).await?)
    }
}

struct Retry<'a> {
    scope: &'a Scope,
    plugin: &'a PluginName,
    key: Option<&'a str>,
}

impl Work for Retry<'_> {
    type Output = usize;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<usize, KernelError> {
        let Self { scope, plugin, key } = self;
        let row = forecourt_bus::subscription(transaction, scope, plugin).await?;
        let row = row.ok_or_else(|| BusError::Unknown { what: "subscription", id: plugin.to_string() })?;
        let keys = match key {
            None => forecourt_bus::next_due(transaction, scope, plugin, limits::PAGE_ROWS).await?,
            Some(key) => {
                let parked = forecourt_bus::parked(transaction, scope, plugin, key).await?;
                vec![parked.ok_or_else(|| BusError::Unknown { what: "parked key", id: (*key).to_owned() })?]
            }
        };
        let now = kernel.clock().now();
        for before in keys.iter().filter(|key| key.due > now) {
            let after = ParkedKey { due: now, ..before.clone() };
            forecourt_bus::set_parked(transaction, scope, plugin, Some(before), Some(&after)).await?;
        }
        if !keys.is_empty() {
            forecourt_bus::write_subscription(transaction, scope, plugin, row).await?;
        }
        Ok(keys.len())
    }

    fn note(&self, done: &usize) -> String {
        format!("{}: {done} keys", self.plugin)
    }
}

struct DeadLetters<'a> {
    scope: &'a Scope,
    plugin: Option<&'a PluginName>,
    after: Option<&'a str>,
    limit: usize,
}

impl Work for DeadLetters<'_> {
    type Output = DeadPage;

    async fn run(&self, _: &Kernel, transaction: &mut Transaction) -> Result<DeadPage, KernelError> {
        let Self { scope, plugin, after, limit } = self;
        Ok(forecourt_bus::dead_letters(transaction, scope, *plugin, *after, *limit).await?)
    }
}

struct Letter<'a> {
    scope: &'a Scope,
    id: &'a str,
}

impl Work for Letter<'_> {
    type Output = DeadLetter;

    async fn run(&self, _: &Kernel, transaction: &mut Transaction) -> Result<DeadLetter, KernelError> {
        find(transaction, self.scope, self.id).await
    }
}

async fn find(transaction: &mut Transaction, scope: &Scope, id: &str) -> Result<DeadLetter, KernelError> {
    let letter = forecourt_bus::dead_letter(transaction, scope, id).await?;
    Ok(letter.ok_or_else(|| BusError::Unknown { what: "dead letter", id: id.to_owned() })?)
}

struct Settle<'a> {
    scope: &'a Scope,
    id: &'a str,
    redrive: bool,
}

impl Work for Settle<'_> {
    type Output = DeadLetter;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<DeadLetter, KernelError> {
        let Self { scope, id, redrive } = self;
        let letter = find(transaction, scope, id).await?;
        if *redrive {
            forecourt_bus::redrive(transaction, scope, id, &letter, kernel.clock().now()).await?;
        } else {
            forecourt_bus::unbury(transaction, scope, id, &letter.plugin).await?;
        }
        Ok(letter)
    }

    fn note(&self, done: &DeadLetter) -> String {
        format!("{} of {}, event {}", self.id, done.plugin, done.cursor)
    }
}
