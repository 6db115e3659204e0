//! Secrets of plugins: stored and removed by the group's admins, and never shown.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forecourt_base::{GroupId, PluginName};
use forecourt_runtime::Acting;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::body::Fields;
use crate::credentials::Signed;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::views;

/// A secret's value. INVARIANT (secret-unseen): it prints nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretBody {
    value: String,
}

/// `GET /v1/groups/{group}/plugins/{name}/secrets`
pub(crate) async fn list(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, plugin)): Segments<(GroupId, PluginName)>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    Ok(views::json(&json!({ "items": app.kernel().secrets(acting, &group, &plugin).await? })))
}

/// `PUT /v1/groups/{group}/plugins/{name}/secrets/{secret}`
pub(crate) async fn set(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, plugin, secret)): Segments<(GroupId, PluginName, String)>,
    Params(Nothing {}): Params<Nothing>,
    Fields(SecretBody { value }): Fields<SecretBody>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let new = app.kernel().set_secret(acting, &group, &plugin, &secret, &value).await?;
    let mut response = views::json(&json!({ "name": secret, "new": new }));
    if new {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

/// `DELETE /v1/groups/{group}/plugins/{name}/secrets/{secret}`
pub(crate) async fn remove(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, plugin, secret)): Segments<(GroupId, PluginName, String)>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    app.kernel().remove_secret(acting, &group, &plugin, &secret).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
