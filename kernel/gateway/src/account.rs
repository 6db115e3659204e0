//! Signing in and out.

use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use forecourt_auth::SignIn;
use forecourt_base::GroupId;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::body::Fields;
use crate::credentials::{Signed, Token, check_origin, clear_cookie, set_cookie};
use crate::problem::Problem;
use crate::query::{Nothing, Params};
use crate::request::Asked;
use crate::views;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    #[serde(default)]
    group: Option<GroupId>,
    user: String,
    password: String,
    /// For browsers: the token goes into a cookie that no script can read, and not into the answer.
    #[serde(default)]
    cookie: bool,
}

/// `POST /v1/sessions`
pub(crate) async fn sign_in(
    State(app): State<App>,
    Asked(asked): Asked,
    Params(Nothing {}): Params<Nothing>,
    headers: HeaderMap,
    Fields(credentials): Fields<Credentials>,
) -> Result<Response, Problem> {
    let Credentials { group, user, password, cookie } = credentials;
    if cookie {
        check_origin(&headers, &app)?;
    }
    let request_id = &asked.request_id;
    let request = SignIn { group, user: &user, password: &password, address: asked.address(), request_id };
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let session = app.kernel().auth().sign_in_from(request, agent).await?;
    asked.sent_by(&session.principal);
    let expires = session.expires.to_rfc3339();
    if !cookie {
        return Ok(views::created(&json!({ "token": session.token, "expires": expires })));
    }
    let mut response = views::created(&json!({ "expires": expires }));
    response.headers_mut().insert(SET_COOKIE, set_cookie(&app, &session.token));
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetBody {
    token: String,
    password: String,
}

/// `POST /v1/password-resets`
pub(crate) async fn reset_password(
    State(app): State<App>,
    Asked(asked): Asked,
    Params(Nothing {}): Params<Nothing>,
    Fields(ResetBody { token, password }): Fields<ResetBody>,
) -> Result<Response, Problem> {
    app.kernel().auth().reset_password(&token, &password, asked.address(), &asked.request_id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /v1/sessions/current`
pub(crate) async fn current(Signed(principal): Signed, Params(Nothing {}): Params<Nothing>) -> Response {
    views::json(&views::principal(&principal))
}

/// `DELETE /v1/sessions/current`
pub(crate) async fn sign_out(
    State(app): State<App>,
    Asked(asked): Asked,
    Token(token): Token,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    app.kernel().auth().sign_out(&token, &asked.request_id).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, clear_cookie(&app))]).into_response())
}
