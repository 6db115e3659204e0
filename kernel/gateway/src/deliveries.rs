//! What was not delivered: subscriptions, parked keys, dead letters.

use axum::extract::State;
use axum::response::Response;
use forecourt_base::{PluginName, limits};
use forecourt_bus::{BusError, DeadLetter};
use forecourt_runtime::{Acting, KernelError, SubscriptionInfo};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::body::Fields;
use crate::credentials::Signed;
use crate::operate::PlacePath;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::{fields, views};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LettersQuery {
    plugin: Option<PluginName>,
    after: Option<String>,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

/// `GET …/dead-letters`
pub(crate) async fn letters(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(query): Params<LettersQuery>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "list-dead-letters").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let limit = query.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    let page = app.kernel().dead_letters(acting, &scope, query.plugin.as_ref(), query.after.as_deref(), limit).await?;
    let items: Vec<Value> = page.items.iter().map(|(id, letter)| letter_view(id, letter)).collect();
    Ok(views::json(&json!({ "items": items, "next": page.next })))
}

/// `GET …/dead-letters/{id}`
pub(crate) async fn letter(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let id = place.id()?.to_string();
    let scope = place.scope(&app, &asked, &principal, "read-dead-letter").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&letter_view(&id, &app.kernel().dead_letter(acting, &scope, &id).await?)))
}

/// `POST …/dead-letters/{id}/redrive`
pub(crate) async fn redrive(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let id = place.id()?.to_string();
    let scope = place.scope(&app, &asked, &principal, "redrive").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&letter_view(&id, &app.kernel().redrive(acting, &scope, &id).await?)))
}

/// `DELETE …/dead-letters/{id}`
pub(crate) async fn drop_letter(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let id = place.id()?.to_string();
    let scope = place.scope(&app, &asked, &principal, "drop-dead-letter").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&letter_view(&id, &app.kernel().drop_letter(acting, &scope, &id).await?)))
}

/// `GET …/subscriptions`
pub(crate) async fn subscriptions(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "list-subscriptions").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let items: Vec<Value> = app.kernel().subscriptions(acting, &scope).await?.iter().map(subscription_view).collect();
    Ok(views::json(&json!({ "items": items })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParkedQuery {
    after: Option<String>,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

/// `GET …/subscriptions/{plugin}/parked`
pub(crate) async fn parked(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(query): Params<ParkedQuery>,
) -> Result<Response, Problem> {
    let plugin = place.plugin()?;
    let scope = place.scope(&app, &asked, &principal, "list-parked-keys").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let limit = query.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    let after = query.after.map(|after| key_of(&after)).transpose()?;
    let (keys, more) = app.kernel().parked_keys(acting, &scope, plugin, after.as_deref(), limit).await?;
    let next = keys.last().filter(|_| more).map(|key| token_of(&key.key));
    let items = keys.iter().map(|key| {
        json!({
            "key": key.key,
            "failures": key.failures,
            "due": key.due.to_rfc3339(),
            "since": key.since.to_rfc3339(),
            "error": key.error,
        })
    });
    Ok(views::json(&json!({ "items": items.collect::<Vec<_>>(), "next": next })))
}

/// Where a list of keys goes on: keys are any text, tokens are not.
fn token_of(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(token: &str) -> Result<String, Problem> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let digits: Option<Vec<u32>> = token.bytes().map(digit).collect();
    let bytes = digits.filter(|digits| !digits.is_empty() && digits.len() % 2 == 0).map(|digits| {
        let pair = |pair: &[u32]| pair.iter().fold(0, |byte, digit| byte * 16 + digit);
        digits.chunks(2).filter_map(|digits| u8::try_from(pair(digits)).ok()).collect::<Vec<u8>>()
    });
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| KernelError::Events(BusError::BadCursor).into())
}

/// Which parked keys; all of a page where none is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryBody {
    key: Option<String>,
}

/// `POST …/subscriptions/{plugin}/retry`
pub(crate) async fn retry(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(RetryBody { key }): Fields<RetryBody>,
) -> Result<Response, Problem> {
    let plugin = place.plugin()?;
    let scope = place.scope(&app, &asked, &principal, "retry-parked").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let retried = app.kernel().retry_parked(acting, &scope, plugin, key.as_deref()).await?;
    Ok(views::json(&json!({ "retried": retried })))
}

fn letter_view(id: &str, letter: &DeadLetter) -> Value {
    let event = &letter.event;
    json!({
        "id": id,
        "plugin": letter.plugin,
        "reason": letter.reason,
        "error": letter.error,
        "failures": letter.failures,
        "at": letter.at.to_rfc3339(),
        "event": {
            "cursor": letter.cursor,
            "topic": event.topic,
            "key": event.key,
            "at": event.at.to_rfc3339(),
            "plugin": event.plugin,
            "by": event.by,
            "request_id": event.request_id,
            "hops": event.hops,
            "payload": event.payload,
        },
    })
}

fn subscription_view(info: &SubscriptionInfo) -> Value {
    json!({
        "plugin": info.plugin,
        "version": info.version,
        "topics": info.topics,
        "cursor": info.cursor,
        "lag": info.lag,
        "lag_more": info.lag_more,
        "parked_keys": info.parked_keys,
        "dead_letters": info.dead_letters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_keys_goes_on_behind_any_key() {
        for key in ["k", "RO-2026/17 ", "工单"] {
            assert_eq!(key_of(&token_of(key)).unwrap(), key);
        }
        for none in ["", "a", "AA", "xy", "ff", "+1"] {
            assert!(key_of(none).is_err(), "{none}");
        }
    }
}
