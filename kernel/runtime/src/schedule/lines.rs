//! Which cron lines are enabled where.

use std::collections::HashMap;

use forecourt_auth::Policy;
use forecourt_base::{GroupId, PluginName, Scope, StoreId};
use forecourt_registry::{Generation, Module};
use forecourt_schema::{CronRequest, ScopeRequest};
use jiff::tz::TimeZone;

use super::Item;

/// The zone of a group, which has no clocks of its own.
const GROUP_ZONE: &str = "Asia/Shanghai";

/// The time zone of a store, or of a group as a whole.
///
/// # Errors
/// The zone's name where it is none, with what is wrong.
pub(crate) fn zone(policy: &Policy, store: Option<&StoreId>) -> Result<TimeZone, String> {
    let store = store.and_then(|store| policy.store(store));
    let name = store.map_or(GROUP_ZONE, |store| store.time_zone.as_str());
    TimeZone::get(name).map_err(|error| format!("time zone `{name}`: {error}"))
}

/// The lines that a plugin version has in a scope: those of stores in a store, those of the group in the group as a whole.
fn of_module<'a>(module: &'a Module, scope: &Scope) -> impl Iterator<Item = &'a CronRequest> + use<'a> {
    let wanted = if scope.store.is_some() { ScopeRequest::Store } else { ScopeRequest::Group };
    module.schema.manifest.cron.iter().filter(move |line| line.scope == wanted)
}

/// A plugin's line of this name in a scope, where the plugin is at work there.
pub(super) fn find(generation: &Generation, scope: &Scope, plugin: &PluginName, name: &str) -> Option<CronRequest> {
    let module = generation.active(scope.store.as_ref(), plugin)?;
    of_module(module, scope).find(|line| line.name == name).cloned()
}

/// All lines of a group, in each scope where their plugin is at work.
pub(super) fn of_group<'a>(
    group: &GroupId,
    stores: impl Iterator<Item = &'a StoreId>,
    generation: &Generation,
) -> HashMap<Item, CronRequest> {
    let mut lines = HashMap::new();
    let scopes = stores.map(|store| Scope::store(group.clone(), store.clone()));
    for scope in scopes.chain([Scope::group(group.clone())]) {
        for module in generation.at_work(scope.store.as_ref()) {
            for line in of_module(&module, &scope) {
                lines.insert(Item::Cron(scope.clone(), module.plugin.clone(), line.name.clone()), line.clone());
            }
        }
    }
    lines
}
