//! The audit trail of a store or group.

use axum::extract::State;
use axum::response::Response;
use forecourt_auth::audit::{self, AuditEntry, AuditFilter, OutcomeKind};
use forecourt_auth::{Acting, AdminRight, AuthError, Page, PageRequest};
use forecourt_base::{Bilingual, Scope, Timestamp, UserId};
use forecourt_storage::{Mode, Transaction};
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

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
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
    let read = loop {
        match read(&app, acting, &scope, &filter, &PageRequest { after: after.clone(), limit }).await {
            Err(error) if error.is_retryable() => tokio::task::yield_now().await,
            read => break read,
        }
    };
    if let Err(error @ AuthError::Denied { .. }) = &read {
        app.kernel().auth().audit_refusal(acting, Some(&scope), ACTION, error).await?;
    }
    Ok(views::page(read?, views::audit_entry))
}

async fn read(
    app: &App,
    acting: Acting<'_>,
    scope: &Scope,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditEntry>, AuthError> {
    let kernel = app.kernel();
    let mut transaction = Transaction::begin(kernel.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
    kernel.auth().authorise(&mut transaction, acting.principal, AdminRight::ReadAudit, scope).await?;
    audit::page(&mut transaction, Some(scope), filter, page).await
}
