//! Outbound requests of plugins: asked for within a call, sent once it has committed, their answers told to the plugin.
//!
//! - INVARIANT (sent-after-commit): a request is sent only when the call that asked for it has committed.
//! - INVARIANT (same-key): every attempt of a request carries the same `Idempotency-Key`, over restarts too.
//! - INVARIANT (settled-once): what comes of a request takes effect here once: its row is settled in the transaction of what the plugin does about it.
//! - INVARIANT (secret-unseen): a secret's value leaves the kernel in a header to a granted host alone; it is in no row, log, event, audit line or answer.

mod deliver;
mod manage;
mod sender;
mod settle;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use forecourt_base::{PluginName, Scope};
use forecourt_bus::outbound::{Client, Outlets};
use forecourt_registry::Module;
use tokio::sync::mpsc;

pub use manage::{OutboxEntry, OutboxFilter};
pub use sender::Sending;

use crate::secrets::SecretKey;

/// Where requests may go, and what opens the secrets in them.
#[derive(Debug, Clone, Default)]
pub struct OutboundOptions {
    /// What the deployment allows beyond https to public addresses.
    pub outlets: Outlets,
    /// What secrets are kept under; none keeps them under a key that goes with the kernel.
    pub secret_key: Option<SecretKey>,
}

/// A request that the sender is to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) scope: Scope,
    pub(crate) plugin: PluginName,
    pub(crate) id: String,
}

/// What calls, the sender and operators share.
#[derive(Debug)]
pub(crate) struct Outbound {
    client: Client,
    key: SecretKey,
    /// Requests that the sender knows, by place and plugin.
    known: Mutex<HashMap<(Scope, PluginName), usize>>,
    tell: mpsc::UnboundedSender<Item>,
    told: Mutex<Option<mpsc::UnboundedReceiver<Item>>>,
}

impl Outbound {
    pub(crate) fn new(options: OutboundOptions, key: SecretKey) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            client: Client::new(Arc::new(options.outlets)),
            key,
            known: Mutex::default(),
            tell,
            told: Mutex::new(Some(told)),
        }
    }

    pub(crate) fn outlets(&self) -> &Outlets {
        self.client.outlets()
    }

    pub(crate) fn secret_key(&self) -> &SecretKey {
        &self.key
    }

    /// Tells the sender of requests whose call has committed. Bounded by what calls may ask for.
    pub(crate) fn wake(&self, items: impl IntoIterator<Item = Item>) {
        for item in items {
            // Where nobody sends, they wait for the next start.
            let _ = self.tell.send(item);
        }
    }

    /// How many requests of the plugin the sender knows of here.
    pub(crate) fn known(&self, scope: &Scope, plugin: &PluginName) -> usize {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(scope.clone(), plugin.clone())).copied().unwrap_or(0)
    }

    fn count(&self, scope: &Scope, plugin: &PluginName, change: isize) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let count = known.entry((scope.clone(), plugin.clone())).or_default();
        *count = count.saturating_add_signed(change);
        if *count == 0 {
            known.remove(&(scope.clone(), plugin.clone()));
        }
    }

    /// How many requests the sender knows in all.
    pub(crate) fn open(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// Whether the module may send to `host`.
pub(crate) fn is_granted(module: &Module, host: &forecourt_base::Host) -> bool {
    module.grant.kernel.contains("http")
        && module
            .grant
            .http_hosts
            .iter()
            .filter_map(|pattern| pattern.parse().ok())
            .any(|pattern: forecourt_base::HostPattern| pattern.covers(host))
}
