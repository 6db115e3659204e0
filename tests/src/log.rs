//! What a request left in the audit and among the events.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::client::Client;

/// A request id that no other request of this run has.
pub fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("e2e-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A refusal may be told by the row of an earlier one alike.
fn of_request(items: Vec<Value>, request_id: &str) -> Vec<Value> {
    let further =
        |item: &Value| item["further_requests"].as_array().is_some_and(|ids| ids.iter().any(|id| id == request_id));
    items.into_iter().filter(|item| item["request_id"] == request_id || further(item)).collect()
}

/// The audit's lines of a request, in a place such as `/v1/stores/bj01`.
pub fn audit_of(admin: &Client, place: &str, request_id: &str) -> Vec<Value> {
    of_request(admin.all(&format!("{place}/audit?limit=200")), request_id)
}

/// The events of a request in a store.
pub fn events_of(admin: &Client, store: &str, request_id: &str) -> Vec<Value> {
    of_request(admin.all(&format!("/v1/stores/{store}/events?limit=200")), request_id)
}
