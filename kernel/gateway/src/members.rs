//! Users of a group; under `/v1/users` those of the deployment.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forecourt_auth::{Acting, Assignment, NewServiceUser, NewUser, PasswordChange};
use forecourt_base::{GroupId, UserId};
use forecourt_schema::{FieldError, Rule};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::body::Fields;
use crate::credentials::Signed;
use crate::fields::PageQuery;
use crate::mapping::named_in_body;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::views;

#[derive(Debug, Deserialize)]
pub(crate) struct UsersPath {
    group: Option<GroupId>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct UserPath {
    pub(crate) group: Option<GroupId>,
    pub(crate) user: UserId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserBody {
    id: UserId,
    name: String,
    #[serde(default)]
    password: Option<String>,
    /// A program, which has API keys and no password.
    #[serde(default)]
    service: bool,
    #[serde(default)]
    roles: Vec<Assignment>,
    #[serde(default)]
    departments: Vec<String>,
}

/// The password of a new user: persons need one, programs have none.
fn password_of(password: Option<String>, service: bool) -> Result<Option<String>, Problem> {
    let rule = |code, en: &'static str, zh: &'static str| {
        let rule = Rule { code, en: en.into(), zh: zh.into() };
        Problem::field(FieldError { pointer: "/password".to_owned(), rule })
    };
    match (password, service) {
        (Some(_), true) => Err(rule(
            "invalid",
            "has no place: a service user signs in with API keys alone",
            "不应填写：服务用户只能使用 API 密钥",
        )),
        (None, false) => Err(rule("missing", "is required", "必填")),
        (password, _) => Ok(password),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesBody {
    roles: Vec<Assignment>,
    #[serde(default)]
    departments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordBody {
    #[serde(default)]
    current: Option<String>,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnabledBody {
    enabled: bool,
}

/// `POST …/users`
pub(crate) async fn create(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UsersPath { group }): Segments<UsersPath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<UserBody>,
) -> Result<Response, Problem> {
    let UserBody { id, name, password, service, roles, departments } = body;
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let (auth, group) = (app.kernel().auth(), group.as_ref());
    let created = match password_of(password, service)? {
        Some(password) => {
            let new = NewUser { id, name, password, roles, departments };
            auth.create_user(acting, group, &new).await
        }
        None => {
            let new = NewServiceUser { id, name, roles, departments };
            auth.create_service_user(acting, group, &new).await
        }
    };
    let created = created.map_err(named_in_body)?;
    Ok(views::created(&views::user(&created)))
}

/// `GET …/users`
pub(crate) async fn list(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UsersPath { group }): Segments<UsersPath>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let users = app.kernel().auth().list_users(acting, group.as_ref(), &page.into()).await?;
    Ok(views::page(users, views::user))
}

/// `GET …/users/{user}`
pub(crate) async fn show(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let user = app.kernel().auth().user(acting, group.as_ref(), &user).await?;
    Ok(views::json(&views::user(&user)))
}

/// `PUT …/users/{user}/roles`
pub(crate) async fn set_roles(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<RolesBody>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let assigned = app.kernel().auth().assign_roles(acting, group.as_ref(), &user, &body.roles, &body.departments);
    Ok(views::json(&views::user(&assigned.await.map_err(named_in_body)?)))
}

/// `PUT …/users/{user}/password`
pub(crate) async fn set_password(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<PasswordBody>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let change = PasswordChange { user: &user, current: body.current.as_deref(), new: &body.password };
    app.kernel().auth().set_password(acting, group.as_ref(), &change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `PUT …/users/{user}/enabled`
pub(crate) async fn set_enabled(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<EnabledBody>,
) -> Result<Response, Problem> {
    let auth = app.kernel().auth();
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let user = match body.enabled {
        true => auth.enable_user(acting, group.as_ref(), &user).await?,
        false => auth.disable_user(acting, group.as_ref(), &user).await?,
    };
    Ok(views::json(&views::user(&user)))
}

/// `DELETE …/users/{user}/sessions`
pub(crate) async fn end_sessions(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let ended = app.kernel().auth().revoke_sessions(acting, group.as_ref(), &user).await?;
    Ok(views::json(&json!({ "ended": ended })))
}
