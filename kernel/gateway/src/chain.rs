//! The hash chain of a group's audit trail: its head, its check, and its export.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forecourt_auth::chain::{Flaw, Head, trail_name};
use forecourt_auth::{Acting, AuthError, Principal, Verification};
use forecourt_base::{Bilingual, GroupId, limits};
use futures::stream;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Value, json};

use crate::app::App;
use crate::credentials::Signed;
use crate::language::Language;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::{fields, views};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckQuery {
    #[serde(default, deserialize_with = "number")]
    after: u64,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
    #[serde(default, deserialize_with = "number")]
    known_seal: u64,
    known_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    #[serde(default, deserialize_with = "number")]
    after: u64,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let rule = Bilingual::fixed("must be the number of a seal", "须为封条的编号");
    String::deserialize(deserializer)?.parse().map_err(|_| fields::refusal(&rule))
}

/// `GET /v1/groups/{group}/audit/head`
pub(crate) async fn head(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    Ok(views::json(&app.kernel().auth().audit_head(acting, &group).await?))
}

/// `GET /v1/groups/{group}/audit/verification`
pub(crate) async fn verification(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(query): Params<CheckQuery>,
) -> Result<Response, Problem> {
    let CheckQuery { after, limit, known_seal, known_hash } = query;
    let known = known_hash.map(|hash| Head { trail: trail_name(Some(&group)), seal: known_seal, hash, at: None });
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let seals = limit.unwrap_or(limits::SEALS_CHECKED);
    let verified = app.kernel().auth().verify_audit(acting, &group, after, seals, known.as_ref()).await?;
    Ok(views::json(&view(&verified, asked.language)))
}

fn view(verified: &Verification, language: Language) -> Value {
    let Verification { check, more } = verified;
    let flaw = |flaw: &Flaw| {
        let problem = flaw.bilingual().text(language.tag()).to_owned();
        json!({ "seal": flaw.seal, "line": flaw.line, "code": flaw.kind.code(), "problem": problem })
    };
    json!({
        "seal": check.number(),
        "hash": check.hash(),
        "lines": check.lines(),
        "flaws": check.flaws().iter().map(flaw).collect::<Vec<_>>(),
        "more_flaws": check.more(),
        "next": more.then(|| check.number().to_string()),
    })
}

/// `GET /v1/groups/{group}/audit/export`: JSON lines, seal after seal as they are read, each by the rights that hold then.
pub(crate) async fn export(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(ExportQuery { after, limit }): Params<ExportQuery>,
) -> Result<Response, Problem> {
    let request_id = asked.request_id.clone();
    let acting = Acting { principal: &principal, request_id: &request_id };
    // What ends a request at all is answered before the first byte.
    let head = app.kernel().auth().audit_head(acting, &group).await?;
    let until = head.seal.min(limit.map_or(u64::MAX, |seals| after.saturating_add(seals as u64)));
    let reader = Reader { app, principal, request_id, group, after, until };
    let first = reader.next().await?;
    let rest = stream::unfold(first, |part| async move {
        let (text, reader) = part?;
        let next = reader.next().await;
        Some(match next {
            Ok(next) => (Ok(text), next),
            // The connection breaks off, so that nobody takes a part for the whole.
            Err(error) => {
                tracing::warn!(%error, "an export of the audit trail broke off");
                (Err(std::io::Error::other(error)), None)
            }
        })
    });
    let body = Body::from_stream(rest);
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/jsonl"))], body).into_response())
}

/// An export under way.
struct Reader {
    app: App,
    principal: Arc<Principal>,
    request_id: String,
    group: GroupId,
    after: u64,
    until: u64,
}

impl Reader {
    /// The next seal with its lines, and the reader behind it.
    async fn next(self) -> Result<Option<(Bytes, Self)>, AuthError> {
        if self.after >= self.until {
            return Ok(None);
        }
        let acting = Acting { principal: &self.principal, request_id: &self.request_id };
        let exported = self.app.kernel().auth().export_audit(acting, &self.group, self.after).await?;
        Ok(exported.map(|part| (Bytes::from(part.text), Self { after: part.seal, ..self })))
    }
}
