//! Outbound requests of a store or group, for its operators.

use axum::extract::State;
use axum::response::Response;
use forecourt_base::{GroupId, PluginName, StoreId, limits};
use forecourt_bus::outbound::State as RequestState;
use forecourt_runtime::{Acting, OutboxFilter};
use forecourt_schema::{FieldError, Rule};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::credentials::Signed;
use crate::operate::PlacePath;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::{fields, table, views};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboxQuery {
    state: Option<RequestState>,
    plugin: Option<PluginName>,
    after: Option<String>,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

/// A request of a place.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestPath {
    group: Option<GroupId>,
    store: Option<StoreId>,
    id: String,
}

/// Whether a text has the form of a request's id.
fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl RequestPath {
    /// The place and the id; what has not the form of an id leads nowhere.
    fn split(self) -> Result<(PlacePath, String), Problem> {
        let Self { group, store, id } = self;
        if is_id(&id) { Ok((PlacePath::new(group, store), id)) } else { Err(Problem::new(&table::UNKNOWN_PATH)) }
    }
}

/// `GET …/outbox`
pub(crate) async fn list(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(query): Params<OutboxQuery>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "list-outbox").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let OutboxQuery { state, plugin, after, limit } = query;
    if after.as_deref().is_some_and(|after| !is_id(after)) {
        let rule = Rule {
            code: "invalid",
            en: "is not where a page of this list ended".into(),
            zh: "不是本列表某页的结尾".into(),
        };
        return Err(Problem::field(FieldError { pointer: "/after".to_owned(), rule }));
    }
    let filter = OutboxFilter { state, plugin };
    let limit = limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    let (items, next) = app.kernel().outbox(acting, &scope, &filter, after.as_deref(), limit).await?;
    Ok(views::json(&json!({ "items": items, "next": next })))
}

/// `POST …/outbox/{id}/retry`
pub(crate) async fn retry(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<RequestPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let (place, id) = path.split()?;
    let scope = place.scope(&app, &asked, &principal, "retry-outbound").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&app.kernel().retry_outbound(acting, &scope, &id).await?))
}

/// `DELETE …/outbox/{id}`
pub(crate) async fn give_up(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<RequestPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let (place, id) = path.split()?;
    let scope = place.scope(&app, &asked, &principal, "drop-outbound").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&app.kernel().drop_outbound(acting, &scope, &id).await?))
}
