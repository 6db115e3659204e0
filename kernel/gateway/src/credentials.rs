//! Who sends a request: a bearer token, or a browser's cookie.
//!
//! INVARIANT (own-origin): browsers add cookies unasked, so a cookie counts on a method that changes something only where the browser says, by
//! `Origin`, that a page of this origin sends the request. Tokens in `Authorization` are never sent unasked.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use forecourt_auth::Principal;
use forecourt_base::limits;

use crate::app::App;
use crate::problem::Problem;
use crate::request::{Asked, header_value};
use crate::table;

/// The sender of a request, signed in.
#[derive(Debug)]
pub(crate) struct Signed(pub(crate) Arc<Principal>);

/// The token that a request shows.
pub(crate) struct Token(pub(crate) String);

impl FromRequestParts<App> for Token {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(AUTHORIZATION).iter();
        if let Some(authorization) = given.next() {
            // Of two it would be anybody's guess which one counts.
            let token = authorization.to_str().ok().filter(|_| given.next().is_none()).and_then(bearer);
            return token.map(Self).ok_or_else(|| Problem::new(&table::UNAUTHENTICATED).token_refused());
        }
        let token = cookie(&parts.headers, name(app)).ok_or_else(|| Problem::new(&table::UNAUTHENTICATED))?;
        if !parts.method.is_safe() {
            check_origin(&parts.headers, app)?;
        }
        Ok(Self(token))
    }
}

impl FromRequestParts<App> for Signed {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Token(token) = Token::from_request_parts(parts, app).await?;
        let asked = parts.extensions.get::<Asked>();
        let address = asked.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Asked(asked)| asked.address());
        let principal = app.kernel().auth().authenticate_from(&token, address).await?;
        if let Some(Asked(asked)) = asked {
            asked.sent_by(&principal);
        }
        Ok(Self(principal))
    }
}

fn bearer(authorization: &str) -> Option<String> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// With `Secure`, browsers keep a name with this prefix to this very host.
fn name(app: &App) -> &'static str {
    if app.options().secure { "__Host-forecourt" } else { "forecourt" }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
}

/// Whether the browser names this origin, or one that the operator named.
pub(crate) fn check_origin(headers: &HeaderMap, app: &App) -> Result<(), Problem> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_ascii_lowercase);
    let origin = headers.get(ORIGIN).and_then(text);
    let host = headers.get(HOST).and_then(text);
    let own = |origin: &str| {
        let bare = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://").filter(|_| !app.options().secure));
        bare.is_some() && bare == host.as_deref()
    };
    match origin {
        Some(origin)
            if own(&origin) || app.options().origins.iter().any(|named| named.eq_ignore_ascii_case(&origin)) =>
        {
            Ok(())
        }
        _ => Err(Problem::new(&table::FOREIGN_ORIGIN)),
    }
}

/// The `Set-Cookie` of a new session.
pub(crate) fn set_cookie(app: &App, token: &str) -> HeaderValue {
    header_value(&format!("{}={token}; {}; Max-Age={}", name(app), attributes(app), limits::SESSION_H * 3_600))
}

/// The `Set-Cookie` of a session that has ended.
pub(crate) fn clear_cookie(app: &App) -> HeaderValue {
    header_value(&format!("{}=; {}; Max-Age=0", name(app), attributes(app)))
}

fn attributes(app: &App) -> &'static str {
    if app.options().secure { "Path=/; HttpOnly; SameSite=Strict; Secure" } else { "Path=/; HttpOnly; SameSite=Strict" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_tokens_are_read_whatever_the_case_of_the_scheme() {
        assert_eq!(bearer("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(bearer("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("xforecourt=1; other=2"));
        headers.append(COOKIE, HeaderValue::from_static("a=b;forecourt=to=ken"));
        assert_eq!(cookie(&headers, "forecourt").as_deref(), Some("to=ken"));
        assert_eq!(cookie(&headers, "__Host-forecourt"), None);
    }
}
