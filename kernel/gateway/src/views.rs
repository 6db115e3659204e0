//! Answers' JSON where it differs from what is stored.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use forecourt_auth::audit::{AuditEntry, Outcome};
use forecourt_auth::{ApiKey, Group, Page, Principal, SessionInfo, Store, User};
use forecourt_base::Timestamp;
use forecourt_registry::PluginInfo;
use serde::Serialize;
use serde_json::{Value, json};

use crate::problem::Problem;

/// An answer of JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// An answer of JSON about something that was made.
pub(crate) fn created<T: Serialize>(value: &T) -> Response {
    let mut response = json(value);
    *response.status_mut() = StatusCode::CREATED;
    response
}

/// A page of a list.
pub(crate) fn page<T>(page: Page<T>, view: impl Fn(&T) -> Value) -> Response {
    json(&json!({ "items": page.items.iter().map(view).collect::<Vec<_>>(), "next": page.next }))
}

pub(crate) fn group(group: &Group) -> Value {
    json!({ "id": group.id, "name": group.name, "names": group.names, "created_at": group.created_at.to_rfc3339() })
}

pub(crate) fn store(store: &Store) -> Value {
    json!({
        "id": store.id,
        "name": store.name,
        "names": store.names,
        "time_zone": store.time_zone,
        "created_at": store.created_at.to_rfc3339(),
    })
}

pub(crate) fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "roles": user.roles,
        "departments": user.departments,
        "enabled": user.enabled,
        "service": user.service,
        "created_at": user.created_at.to_rfc3339(),
    })
}

/// A user's session.
pub(crate) fn session(session: &SessionInfo) -> Value {
    json!({
        "id": session.id,
        "created_at": session.created.to_rfc3339(),
        "expires": session.expires.to_rfc3339(),
        "address": session.address,
        "agent": session.agent,
        "last_used": session.last_used.map(Timestamp::to_rfc3339),
        "current": session.current,
    })
}

/// An API key without its secret.
pub(crate) fn api_key(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "roles": key.roles,
        "created_at": key.created.to_rfc3339(),
        "expires": key.expires.map(Timestamp::to_rfc3339),
        "last_used": key.last_used.map(Timestamp::to_rfc3339),
    })
}

/// Who is signed in.
pub(crate) fn principal(principal: &Principal) -> Value {
    let roles = principal.roles.iter().map(|(role, store)| json!({ "role": role, "store": store }));
    json!({
        "group": principal.group,
        "user": principal.user,
        "name": principal.name,
        "roles": roles.collect::<Vec<_>>(),
        "departments": principal.departments,
        "api_key": principal.api_key,
    })
}

/// A plugin, the times of its publications as text.
pub(crate) fn plugin(plugin: &PluginInfo) -> Value {
    let mut view = json!(plugin);
    if let Some(versions) = view.get_mut("versions").and_then(Value::as_array_mut) {
        for (version, info) in versions.iter_mut().zip(&plugin.versions) {
            if let Some(published) = version.get_mut("published") {
                *published = info.published.to_rfc3339().into();
            }
        }
    }
    view
}

pub(crate) fn audit_entry(entry: &AuditEntry) -> Value {
    let (outcome, reason) = match &entry.outcome {
        Outcome::Done => ("done", None),
        Outcome::Failed(case) => ("failed", Some(case)),
        Outcome::Denied(reason) => ("denied", Some(reason)),
    };
    json!({
        "at": entry.at.to_rfc3339(),
        "user": entry.actor.as_ref().map(|actor| &actor.user),
        "origin": entry.actor.as_ref().map(|actor| &actor.origin),
        "api_key": entry.actor.as_ref().and_then(|actor| actor.api_key.as_ref()),
        "store": entry.scope.as_ref().and_then(|scope| scope.store.as_ref()),
        "action": entry.action,
        "outcome": outcome,
        "reason": reason,
        "request_id": entry.request_id,
        "chain": entry.chain,
        "records": entry.records,
        "note": entry.note,
        "count": entry.repeated.as_ref().map_or(1, |repeated| repeated.count),
        "until": entry.repeated.as_ref().map(|repeated| repeated.until.to_rfc3339()),
        "further_requests": entry.repeated.as_ref().map_or(&[][..], |repeated| &repeated.requests),
    })
}

pub(crate) fn event(placed: &forecourt_bus::Placed) -> Value {
    let event = &placed.event;
    json!({
        "cursor": placed.cursor,
        "topic": event.topic,
        "key": event.key,
        "at": event.at.to_rfc3339(),
        "plugin": event.plugin,
        "by": event.by,
        "request_id": event.request_id,
        "payload": event.payload,
    })
}
