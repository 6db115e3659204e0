//! Customer links of a store, and calls through them.
//!
//! INVARIANT (links-alike): whatever is the matter with a link, and whatever of its operation does not exist, is one problem.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use forecourt_auth::{Link, PageRequest};
use forecourt_base::{OperationPath, StoreId, Timestamp};
use forecourt_runtime::{Acting, CallError, LinkCall, LinkRequest};
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Value, json};

use crate::app::App;
use crate::body::{Fields, JsonBody};
use crate::call::{answer, idempotency_key, store_scope};
use crate::credentials::Signed;
use crate::own::PublicId;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::{audit, fields, table, views};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    #[serde(default)]
    customer: Option<String>,
    record: String,
    operations: Vec<OperationPath>,
    #[serde(deserialize_with = "expires")]
    expires: Timestamp,
}

fn expires<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    audit::instant(deserializer).map(|instant| instant.unwrap_or(Timestamp::from_millis(0)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinksQuery {
    record: Option<String>,
    after: Option<String>,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

fn view(link: &Link) -> Value {
    json!({
        "id": link.id,
        "customer": link.customer,
        "record": link.record,
        "operations": link.operations.iter().map(|of| of.operation.to_string()).collect::<Vec<_>>(),
        "created_at": link.created.to_rfc3339(),
        "created_by": link.created_by,
        "expires": link.expires.to_rfc3339(),
        "revoked": link.revoked.map(Timestamp::to_rfc3339),
    })
}

/// `POST /v1/stores/{store}/links`
pub(crate) async fn create(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(store): Segments<StoreId>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<LinkBody>,
) -> Result<Response, Problem> {
    let scope = store_scope(&app, &asked, &principal, store, "create-link").await?;
    let LinkBody { customer, record, operations, expires } = body;
    let request = LinkRequest { customer, record, operations, expires };
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let made = app.kernel().create_link(acting, &scope, &request).await?;
    let mut told = view(&made.link);
    if let Some(told) = told.as_object_mut() {
        told.insert("path".to_owned(), format!("/l/{}", made.token).into());
    }
    Ok(views::created(&told))
}

/// `GET /v1/stores/{store}/links`
pub(crate) async fn list(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(store): Segments<StoreId>,
    Params(LinksQuery { record, after, limit }): Params<LinksQuery>,
) -> Result<Response, Problem> {
    let scope = store_scope(&app, &asked, &principal, store, "list-links").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let page = PageRequest { after, limit };
    Ok(views::page(app.kernel().links(acting, &scope, record.as_deref(), &page).await?, view))
}

/// `DELETE /v1/stores/{store}/links/{link}`
pub(crate) async fn revoke(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments((store, link)): Segments<(StoreId, PublicId)>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = store_scope(&app, &asked, &principal, store, "revoke-link").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    app.kernel().revoke_link(acting, &scope, &link.0).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /l/{token}/{area}/{interface}/{operation}`
pub(crate) async fn call(
    State(app): State<App>,
    Asked(asked): Asked,
    Segments((token, area, interface, operation)): Segments<(String, String, String, String)>,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let Value::Object(arguments) = body else {
        return Err(fields::read::<Nothing>(body).err().unwrap_or_else(|| Problem::new(&table::LINK_REFUSED)));
    };
    let call = LinkCall {
        token: &token,
        operation: OperationPath::new(&area, &interface, &operation).ok(),
        arguments,
        address: asked.address(),
        idempotency_key: idempotency_key(&headers)?,
        request_id: asked.request_id.clone(),
    };
    match app.kernel().call_by_link(call).await {
        Ok(answered) => Ok(answer(&answered, asked.language)),
        Err(error) if tells(&error) => Err(Problem::new(&table::LINK_REFUSED)),
        Err(error) => Err(error.into()),
    }
}

/// Whether an error would tell what exists, or what is the matter with the link.
fn tells(error: &CallError) -> bool {
    match error {
        CallError::Unauthenticated
        | CallError::Denied { .. }
        | CallError::UnknownOperation(_)
        | CallError::AreaNotEnabled(_) => true,
        CallError::Domain { case, .. } => matches!(case.replace('_', "-").as_str(), "not-found" | "forbidden"),
        _ => false,
    }
}
