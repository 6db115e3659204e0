//! What guests `jobs` and `desk` do, in Rust.

use axum::http::StatusCode;
use forecourt_auth::audit::Nested;
use forecourt_base::Timestamp;
use forecourt_bus::{Event, append};
use forecourt_registry::Module;
use forecourt_schema::check_at;
use forecourt_storage::{IndexEntry, Space, StorageError, Transaction};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Native;
use super::call::Call;
use super::records::{Card, Change, Changed, GetCard, PutCard, Receive, Visit};
use super::refusal::Refusal;

/// An operation under way.
pub(super) struct Work<'a> {
    pub(super) native: &'a Native,
    pub(super) call: &'a Call,
    pub(super) started: Timestamp,
    /// What one area asked of the other.
    pub(super) nested: Vec<Nested>,
}

impl Work<'_> {
    pub(super) async fn perform(&mut self, tx: &mut Transaction, arguments: Value) -> Result<Value, Refusal> {
        let operation = &self.call.operation;
        match (operation.area.as_str(), operation.interface.as_str(), operation.operation.as_str()) {
            ("jobs", "cards", "put-card") => {
                let PutCard { change } = serde_json::from_value(arguments)?;
                Ok(serde_json::to_value(self.put_card(tx, change).await?)?)
            }
            ("jobs", "cards", "get-card") => {
                let GetCard { card } = serde_json::from_value(arguments)?;
                let found: Option<Card> =
                    tx.get_json(&self.space(&self.native.jobs, "cards")?, card.as_bytes()).await?;
                let found = found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, card))?;
                Ok(serde_json::to_value(found)?)
            }
            ("desk", "visits", "receive") => {
                let Receive { visit, change } = serde_json::from_value(arguments)?;
                Ok(serde_json::to_value(self.receive(tx, visit, change).await?)?)
            }
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, operation)),
        }
    }

    async fn put_card(&self, tx: &mut Transaction, change: Change) -> Result<Card, Refusal> {
        let Change { id, title, bay, price } = change;
        let module = &self.native.jobs;
        let found: Option<Card> = tx.get_json(&self.space(module, "cards")?, id.as_bytes()).await?;
        let version = found.map_or(1, |card| card.version + 1);
        let card = Card { id, title, bay, price, version, by: self.user() };
        self.put(tx, module, "cards", &card.id, &card).await?;
        self.publish(tx, module, "jobs.changed", &card.id, &Changed { card: &card.id, version }).await?;
        Ok(card)
    }

    async fn receive(&mut self, tx: &mut Transaction, id: String, change: Change) -> Result<Visit, Refusal> {
        let savepoint = tx.savepoint();
        let card = match self.put_card(tx, change).await {
            Ok(card) => card,
            Err(refusal) => {
                tx.rollback_to(&savepoint);
                return Err(refusal);
            }
        };
        let (operation, caller) = ("jobs/cards/put-card".to_owned(), "desk".to_owned());
        self.nested.push(Nested { operation, caller, elevated: true });
        let visit = Visit { id, card: card.id, version: card.version, by: self.user() };
        self.put(tx, &self.native.desk, "visits", &visit.id, &visit).await?;
        Ok(visit)
    }

    fn user(&self) -> String {
        self.call.principal.user.to_string()
    }

    fn space(&self, module: &Module, collection: &str) -> Result<Space, StorageError> {
        let scope = &self.call.scope;
        Space::new(Some(&scope.group), scope.store.as_ref(), module.plugin.as_str(), collection, 0)
    }

    /// Checks a record against its declared type and writes it with its index entries.
    async fn put<T: Serialize>(
        &self,
        tx: &mut Transaction,
        module: &Module,
        collection: &str,
        key: &str,
        record: &T,
    ) -> Result<(), Refusal> {
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, collection);
        let mut declared = module.schema.collections.iter();
        let declared = declared.find(|declared| *declared.name == *collection).ok_or_else(unknown)?;
        let value = serde_json::to_value(record)?;
        check_at(&declared.record, &value, self.started).map_err(|fields| Refusal::fields(&fields))?;
        let entries = declared.entries(&value).into_iter().map(|(index, values)| IndexEntry { index, values });
        let (space, text) = (self.space(module, collection)?, serde_json::to_vec(record)?);
        Ok(tx.put(&space, key.as_bytes(), text, entries.collect()).await?)
    }

    async fn publish<T: Serialize + Sync>(
        &self,
        tx: &mut Transaction,
        module: &Module,
        topic: &str,
        key: &str,
        payload: &T,
    ) -> Result<(), Refusal> {
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, topic);
        let declared = module.schema.topics.iter().find(|declared| *declared.name == *topic).ok_or_else(unknown)?;
        let checked = check_at(&declared.payload, &serde_json::to_value(payload)?, self.started);
        checked.map_err(|fields| Refusal::fields(&fields))?;
        let event = Event {
            topic: topic.to_owned(),
            key: key.to_owned(),
            at: self.started,
            plugin: module.plugin.clone(),
            by: self.user(),
            request_id: self.call.request_id.clone(),
            hops: 0,
            trace: None,
            payload: RawValue::from_string(serde_json::to_string(payload)?)?,
        };
        Ok(append(tx, &self.call.scope, &event).await?)
    }
}
