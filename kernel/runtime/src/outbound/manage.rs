//! The outbox as operators see it: listed, tried again at once, given up.

use forecourt_auth::{AdminRight, AuthError};
use forecourt_base::{PluginName, Scope, limits};
use forecourt_bus::outbound::{Outgoing, State, get, host_of, page, put, remove};
use forecourt_storage::{Mode, Transaction};
use serde::Serialize;

use super::Item;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::operate::{Acting, Work};

/// Which requests are asked for. Every given field must fit.
#[derive(Debug, Clone, Default)]
pub struct OutboxFilter {
    /// Where they stand.
    pub state: Option<State>,
    /// Whose they are.
    pub plugin: Option<PluginName>,
}

/// A request as operators see it: neither its body nor its query, which may hold what is personal.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxEntry {
    /// Its id, which is its `Idempotency-Key`.
    pub id: String,
    /// The plugin that asked for it.
    pub plugin: PluginName,
    /// Where it stands: `queued`, `answered`, `failed`, `undelivered`.
    pub state: State,
    /// The method.
    pub method: String,
    /// The host, and the port where it is not the scheme's own.
    pub host: String,
    /// When it was asked for, as RFC 3339.
    pub at: String,
    /// By whom.
    pub by: String,
    /// The request that began the call.
    pub request_id: String,
    /// How often it was sent, or tried to be.
    pub attempts: u32,
    /// How often its plugin was told in vain.
    pub deliveries: u32,
    /// When it is next dealt with, as RFC 3339; none where it is kept for people alone.
    pub next_at: Option<String>,
    /// Why the last attempt failed.
    pub last_failure: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
}

impl OutboxEntry {
    fn new(id: String, outgoing: Outgoing) -> Self {
        let Outgoing {
            plugin,
            by,
            request_id,
            at,
            method,
            url,
            state,
            attempts,
            deliveries,
            next_at,
            last_failure,
            answered,
            ..
        } = outgoing;
        Self {
            id,
            plugin,
            state,
            method,
            host: host_of(&url).map_or_else(String::new, |host| host.to_string()),
            at: at.to_rfc3339(),
            by,
            request_id,
            attempts,
            deliveries,
            next_at: state.is_open().then(|| next_at.to_rfc3339()),
            last_failure,
            status: answered.and_then(|answered| answered.status),
        }
    }
}

struct List<'a> {
    scope: &'a Scope,
    filter: &'a OutboxFilter,
    after: Option<&'a str>,
    limit: usize,
}

impl Work for List<'_> {
    type Output = (Vec<OutboxEntry>, Option<String>);

    async fn run(&self, _: &Kernel, transaction: &mut Transaction) -> Result<Self::Output, KernelError> {
        let mut after = self.after.map(str::to_owned);
        let mut found = Vec::new();
        loop {
            let (requests, next) = page(transaction, self.scope, after.as_deref()).await?;
            let fits = |outgoing: &Outgoing| {
                self.filter.state.is_none_or(|state| outgoing.state == state)
                    && self.filter.plugin.as_ref().is_none_or(|plugin| outgoing.plugin == *plugin)
            };
            let last = requests.len();
            for (number, (id, outgoing)) in requests.into_iter().enumerate() {
                if !fits(&outgoing) {
                    continue;
                }
                found.push(OutboxEntry::new(id.clone(), outgoing));
                if found.len() == self.limit {
                    let more = next.is_some() || number + 1 < last;
                    return Ok((found, more.then_some(id)));
                }
            }
            match next {
                None => return Ok((found, None)),
                next => after = next,
            }
        }
    }
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Retry,
    Drop,
}

struct Do<'a> {
    scope: &'a Scope,
    id: &'a str,
    deed: Deed,
}

impl Work for Do<'_> {
    type Output = OutboxEntry;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<OutboxEntry, KernelError> {
        let Self { scope, id, deed } = *self;
        let unknown = || AuthError::Unknown { what: "outbound request", id: id.to_owned() };
        let mut outgoing = get(transaction, scope, id).await?.ok_or_else(unknown)?;
        if deed == Deed::Drop {
            remove(transaction, scope, id).await?;
            return Ok(OutboxEntry::new(id.to_owned(), outgoing));
        }
        outgoing.next_at = kernel.clock().now();
        match outgoing.state {
            State::Queued | State::Answered => {}
            State::Failed => (outgoing.state, outgoing.attempts, outgoing.answered) = (State::Queued, 0, None),
            State::Undelivered => (outgoing.state, outgoing.deliveries) = (State::Answered, 0),
        }
        put(transaction, scope, id, &outgoing).await?;
        Ok(OutboxEntry::new(id.to_owned(), outgoing))
    }

    fn note(&self, done: &OutboxEntry) -> String {
        format!("{} of {}", self.id, done.plugin)
    }
}

impl Kernel {
    /// The outbound requests of a scope that are not done with, in the order in which they were asked for, and the id behind which the next page begins.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate.
    pub async fn outbox(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        filter: &OutboxFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<OutboxEntry>, Option<String>), KernelError> {
        let limit = limit.clamp(1, limits::PAGE_ROWS);
        self.looking(by, AdminRight::Operate, scope, "list-outbox", List { scope, filter, after, limit }).await
    }

    /// Has a request dealt with at once: sent again, after it failed for good with all its attempts before it, or told to its plugin again.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate, or where there is no such request.
    pub async fn retry_outbound(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<OutboxEntry, KernelError> {
        let entry = self.acting(by, scope, "retry-outbound", Do { scope, id, deed: Deed::Retry }).await?;
        self.outbound().wake([Item { scope: scope.clone(), plugin: entry.plugin.clone(), id: id.to_owned() }]);
        Ok(entry)
    }

    /// Gives a request up: it is not sent again, and its plugin is not told.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` without the right to operate, or where there is no such request.
    pub async fn drop_outbound(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<OutboxEntry, KernelError> {
        let entry = self.acting(by, scope, "drop-outbound", Do { scope, id, deed: Deed::Drop }).await?;
        self.outbound().wake([Item { scope: scope.clone(), plugin: entry.plugin.clone(), id: id.to_owned() }]);
        Ok(entry)
    }

    /// Removes the requests of a scope that were kept for people for [`limits::OUTBOX_KEPT_D`]: how many.
    pub(crate) async fn sweep_outbox(&self, scope: &Scope) -> Result<u64, KernelError> {
        let kept_ms = i64::try_from(limits::OUTBOX_KEPT_D * 86_400_000).unwrap_or(i64::MAX);
        let (mut removed, mut after) = (0, None::<String>);
        loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadWrite)?;
            let (requests, next) = match page(&mut transaction, scope, after.as_deref()).await {
                Err(error) if error.is_retryable() => continue,
                page => page?,
            };
            let now = self.clock().now();
            let old = |outgoing: &Outgoing| !outgoing.state.is_open() && outgoing.next_at.plus_millis(kept_ms) < now;
            let ids: Vec<String> =
                requests.into_iter().filter(|(_, outgoing)| old(outgoing)).map(|(id, _)| id).collect();
            if !ids.is_empty() {
                for id in &ids {
                    remove(&mut transaction, scope, id).await?;
                }
                match transaction.commit().await {
                    Err(error) if error.is_retryable() => continue,
                    committed => drop(committed?),
                }
                removed += ids.len() as u64;
            }
            match next {
                None => return Ok(removed),
                next => after = next,
            }
        }
    }
}
