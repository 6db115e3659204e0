//! The audit trail of a store or group.

use axum::extract::State;
use axum::response::Response;
use forecourt_auth::audit::{AuditFilter, OutcomeKind};
use forecourt_auth::{Acting, PageRequest};
use forecourt_base::{Bilingual, Timestamp, UserId};
use serde::Deserialize;
use serde::de::Deserializer;

use crate::app::App;
use crate::credentials::Signed;
use crate::operate::PlacePath;
use crate::problem::Problem;
use crate::query::{Params, Segments};
use crate::request::Asked;
use crate::{fields, views};

const ACTION: &str = "read-audit";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    action: Option<String>,
    #[serde(default, deserialize_with = "principal")]
    user: Option<UserId>,
    outcome: Option<OutcomeName>,
    #[serde(default, deserialize_with = "instant")]
    from: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant")]
    until: Option<Timestamp>,
    after: Option<String>,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeName {
    Done,
    Failed,
    Denied,
}

/// A user, a plugin or a link.
fn principal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UserId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    UserId::principal(&text).map(Some).map_err(|error| fields::refusal(&error.bilingual()))
}

pub(crate) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.parse::<jiff::Timestamp>() {
        Ok(instant) => Ok(Some(Timestamp::from_millis(instant.as_millisecond()))),
        Err(_) => Err(fields::refusal(&Bilingual::fixed(
            "must be an instant such as `2026-01-10T08:30:00Z`",
            "须为 `2026-01-10T08:30:00Z` 之类的时刻",
        ))),
    }
}

/// `GET …/audit`
pub(crate) async fn page(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, ACTION).await?;
    let AuditQuery { action, user, outcome, from, until, after, limit } = query;
    let outcome = outcome.map(|outcome| match outcome {
        OutcomeName::Done => OutcomeKind::Done,
        OutcomeName::Failed => OutcomeKind::Failed,
        OutcomeName::Denied => OutcomeKind::Denied,
    });
    let filter = AuditFilter { action, user, outcome, from, until };
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let page = app.kernel().auth().audit_page(acting, Some(&scope), &filter, &PageRequest { after, limit }).await?;
    Ok(views::page(page, views::audit_entry))
}
