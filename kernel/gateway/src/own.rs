//! What belongs to one user: sessions, API keys, and the reset of the password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forecourt_auth::{Acting, Assignment, NewApiKey};
use forecourt_base::{GroupId, Timestamp, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::audit::instant;
use crate::body::Fields;
use crate::credentials::Signed;
use crate::mapping::named_in_body;
use crate::members::UserPath;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::views;

/// What a session, an API key or a link is called in lists: 16 hexadecimal digits.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PublicId(pub(crate) String);

impl TryFrom<String> for PublicId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if id.len() == 16 && id.bytes().all(digit) { Ok(Self(id)) } else { Err("is no id") }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct SessionPath {
    group: Option<GroupId>,
    user: UserId,
    session: PublicId,
}

#[derive(Debug, Deserialize)]
pub(crate) struct KeyPath {
    group: Option<GroupId>,
    user: UserId,
    key: PublicId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyBody {
    name: String,
    /// The most that the key may have of the user's roles; those that the user has now when not given.
    #[serde(default)]
    roles: Option<Vec<Assignment>>,
    #[serde(default, deserialize_with = "instant")]
    expires: Option<Timestamp>,
}

/// `GET …/users/{user}/sessions`
pub(crate) async fn sessions(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let sessions = app.kernel().auth().sessions(acting, group.as_ref(), &user).await?;
    Ok(views::json(&json!({ "items": sessions.iter().map(views::session).collect::<Vec<Value>>() })))
}

/// `DELETE …/users/{user}/sessions/{session}`
pub(crate) async fn end_session(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(SessionPath { group, user, session }): Segments<SessionPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    app.kernel().auth().revoke_session(acting, group.as_ref(), &user, &session.0).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET …/users/{user}/keys`
pub(crate) async fn keys(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let keys = app.kernel().auth().api_keys(acting, group.as_ref(), &user).await?;
    Ok(views::json(&json!({ "items": keys.iter().map(views::api_key).collect::<Vec<Value>>() })))
}

/// `POST …/users/{user}/keys`
pub(crate) async fn create_key(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(KeyBody { name, roles, expires }): Fields<KeyBody>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let new = NewApiKey { name, roles, expires };
    let made = app.kernel().auth().create_api_key(acting, group.as_ref(), &user, &new).await.map_err(named_in_body)?;
    let mut view = views::api_key(&made.key);
    if let Some(view) = view.as_object_mut() {
        view.insert("secret".to_owned(), made.secret.into());
    }
    Ok(views::created(&view))
}

/// `DELETE …/users/{user}/keys/{key}`
pub(crate) async fn revoke_key(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(KeyPath { group, user, key }): Segments<KeyPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    app.kernel().auth().revoke_api_key(acting, group.as_ref(), &user, &key.0).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST …/users/{user}/password-reset`
pub(crate) async fn issue_reset(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(UserPath { group, user }): Segments<UserPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let reset = app.kernel().auth().issue_password_reset(acting, group.as_ref(), &user).await?;
    Ok(views::created(&json!({ "token": reset.token, "expires": reset.expires.to_rfc3339() })))
}
