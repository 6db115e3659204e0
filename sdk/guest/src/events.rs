//! Telling other plugins what happened.

use serde::Serialize;

use crate::KernelError;
use crate::private::wit::forecourt::kernel::events;

/// The payload of a topic. `plugin!` implements it for the record of each topic in `[events] publishes`.
pub trait Event: Serialize {
    /// The topic, `<area>.<record-name>`.
    const TOPIC: &'static str;
}

/// Publishes an event of this store, delivered after the call has committed. Events with equal `key` are delivered in order: use
/// the id of the record that they speak of.
///
/// # Errors
/// [`KernelError`] where the kernel refuses it.
pub fn publish<E: Event>(key: &str, payload: &E) -> Result<(), KernelError> {
    Ok(events::publish(E::TOPIC, key, &serde_json::to_string(payload)?)?)
}

/// Publishes an event to another store of the group.
///
/// # Errors
/// [`KernelError`] where the kernel refuses it or the group has no such store.
pub fn publish_to<E: Event>(store: &str, key: &str, payload: &E) -> Result<(), KernelError> {
    Ok(events::publish_to(store, E::TOPIC, key, &serde_json::to_string(payload)?)?)
}
