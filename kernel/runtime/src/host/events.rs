//! Events: rows of the transaction, stamped with its commit position.

use forecourt_base::{Scope, StoreId, Timestamp, limits};
use forecourt_bus::{Event, append};
use serde_json::value::RawValue;

use crate::bindings::forecourt::kernel::events;
use crate::error::Abort;
use crate::state::CallState;

impl CallState {
    async fn publish_event(
        &mut self,
        store: Option<String>,
        topic: String,
        key: String,
        payload: String,
    ) -> Result<Result<(), events::Error>, Abort> {
        self.enter("events")?.budget.event()?;
        if payload.len() > limits::EVENT_PAYLOAD_BYTES {
            return Ok(Err(events::Error::TooLarge(limits::EVENT_PAYLOAD_BYTES as u64)));
        }
        if key.len() > limits::EVENT_KEY_BYTES {
            let rule = format!("its key is longer than {} bytes", limits::EVENT_KEY_BYTES);
            return Ok(Err(events::Error::Invalid(rule)));
        }
        let granted = self.module.grant.topics.contains(&topic);
        let Some(declared) = self.module.schema.topics.iter().find(|declared| granted && *declared.name == *topic)
        else {
            return Ok(Err(events::Error::NotDeclared(topic)));
        };
        let declared = declared.clone();
        let now = self.tree()?.origin.started;
        if let Err(rule) = check_payload(&declared.payload, &payload, now) {
            return Ok(Err(events::Error::Invalid(rule)));
        }
        let plugin = self.module.plugin.clone();
        let tree = self.tree()?;
        let scope = match store {
            None => tree.origin.scope.clone(),
            Some(store) => {
                let Ok(store) = StoreId::new(store) else { return Ok(Err(events::Error::UnknownStore)) };
                let group = tree.origin.scope.group.clone();
                if tree.policy.store(&store).is_none() {
                    return Ok(Err(events::Error::UnknownStore));
                }
                Scope::store(group, store)
            }
        };
        let hops = tree.hops;
        tree.published.push((scope.clone(), topic.clone()));
        let event = Event {
            topic,
            key,
            hops,
            trace: tree.trace(),
            at: tree.origin.started,
            plugin,
            by: tree.origin.principal.user.to_string(),
            request_id: tree.origin.request_id.to_string(),
            payload: RawValue::from_string(payload).map_err(|error| Abort::Internal(error.to_string()))?,
        };
        match append(&mut tree.transaction, &scope, &event).await {
            Ok(()) => {}
            Err(forecourt_storage::StorageError::ReadOnly) => return Ok(Err(events::Error::ReadOnly)),
            Err(error) => return Err(error.into()),
        }
        tree.check_storage()?;
        Ok(Ok(()))
    }
}

fn check_payload(ty: &forecourt_schema::Type, payload: &str, now: Timestamp) -> Result<(), String> {
    let value: serde_json::Value = serde_json::from_str(payload).map_err(|error| error.to_string())?;
    forecourt_schema::check_at(ty, &value, now)
        .map_err(|errors| errors.first().map_or_else(String::new, ToString::to_string))
}

impl events::Host for CallState {
    async fn publish(
        &mut self,
        topic: String,
        key: String,
        payload: String,
    ) -> wasmtime::Result<Result<(), events::Error>> {
        Ok(self.publish_event(None, topic, key, payload).await?)
    }

    async fn publish_to(
        &mut self,
        store: String,
        topic: String,
        key: String,
        payload: String,
    ) -> wasmtime::Result<Result<(), events::Error>> {
        Ok(self.publish_event(Some(store), topic, key, payload).await?)
    }
}
