//! Roles of a group and their grants.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forecourt_auth::{Acting, Grant, Names};
use forecourt_base::{GroupId, RoleName};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::body::Fields;
use crate::credentials::Signed;
use crate::fields::PageQuery;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::views;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleBody {
    name: RoleName,
    #[serde(default)]
    names: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantsBody {
    grants: Vec<Grant>,
    #[serde(default)]
    powers: Vec<String>,
}

/// `GET /v1/groups/{group}/roles`
pub(crate) async fn list(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let roles = app.kernel().auth().list_roles(acting, &group, &page.into()).await?;
    Ok(views::page(roles, |role| json!(role)))
}

/// `POST /v1/groups/{group}/roles`
pub(crate) async fn create(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<RoleBody>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let role = app.kernel().auth().create_role(acting, &group, &body.name, &body.names).await?;
    Ok(views::created(&role))
}

/// `PUT /v1/groups/{group}/roles/{role}/grants`
pub(crate) async fn set_grants(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, role)): Segments<(GroupId, RoleName)>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<GrantsBody>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let role = app.kernel().auth().set_role_grants(acting, &group, &role, &body.grants, &body.powers).await?;
    Ok(views::json(&role))
}

/// `GET /v1/groups/{group}/roles/{role}`
pub(crate) async fn show(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, role)): Segments<(GroupId, RoleName)>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    Ok(views::json(&app.kernel().auth().role(acting, &group, &role).await?))
}

/// `GET /v1/groups/{group}/roles/{role}/holders`
pub(crate) async fn holders(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, role)): Segments<(GroupId, RoleName)>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let users = app.kernel().auth().role_holders(acting, &group, &role, &page.into()).await?;
    Ok(views::page(users, views::user))
}

/// `DELETE /v1/groups/{group}/roles/{role}`
pub(crate) async fn remove(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, role)): Segments<(GroupId, RoleName)>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    app.kernel().auth().delete_role(acting, &group, &role).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
