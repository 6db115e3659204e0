//! Jobs of a store or group.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use forecourt_base::{Bilingual, GroupId, PluginName, Scope, StoreId, limits};
use forecourt_bus::jobs::{Job, JobState};
use forecourt_runtime::{Acting, JobStart};
use forecourt_schema::{FieldError, Rule};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::body::Fields;
use crate::call::store_scope;
use crate::credentials::Signed;
use crate::fields::PageQuery;
use crate::operate::PlacePath;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::{table, views};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartBody {
    plugin: PluginName,
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// A job of a store of the sender's group, or of a group.
#[derive(Debug, Deserialize)]
pub(crate) struct JobPath {
    group: Option<GroupId>,
    store: Option<StoreId>,
    job: JobId,
}

impl JobPath {
    async fn scope(
        &self,
        app: &App,
        asked: &Asked,
        principal: &std::sync::Arc<forecourt_auth::Principal>,
        action: &str,
    ) -> Result<Scope, Problem> {
        match (&self.group, &self.store) {
            (Some(group), _) => Ok(Scope::group(group.clone())),
            (None, Some(store)) => store_scope(app, asked, principal, store.clone(), action).await,
            (None, None) => Err(Problem::new(&table::UNKNOWN_PATH)),
        }
    }
}

/// `POST …/jobs`
pub(crate) async fn start(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(StartBody { plugin, name, arguments }): Fields<StartBody>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "start-job").await?;
    let arguments = RawValue::from_string(Value::Object(arguments).to_string());
    let arguments = arguments.map_err(|error| Problem::internal(&error))?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let job =
        app.kernel().start_job(acting, &scope, &JobStart { plugin, name, arguments, trace: asked.0.trace }).await?;
    let mut response = views::json(&view(&job));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// `GET …/jobs`
pub(crate) async fn list(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(PageQuery { after, limit }): Params<PageQuery>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "list-jobs").await?;
    check_token(after.as_deref())?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let limit = limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    let page = app.kernel().list_jobs(acting, &scope, after.as_deref(), limit).await?;
    Ok(views::json(&json!({ "items": page.items.iter().map(view).collect::<Vec<_>>(), "next": page.next })))
}

/// `GET …/jobs/{job}`
pub(crate) async fn show(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<JobPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = path.scope(&app, &asked, &principal, "show-job").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&view(&app.kernel().job(acting, &scope, &path.job.0).await?)))
}

/// `POST …/jobs/{job}/cancel`
pub(crate) async fn cancel(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<JobPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = path.scope(&app, &asked, &principal, "cancel-job").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&view(&app.kernel().cancel_job(acting, &scope, &path.job.0).await?)))
}

/// `POST …/jobs/{job}/resume`
pub(crate) async fn resume(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(path): Segments<JobPath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = path.scope(&app, &asked, &principal, "resume-job").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&view(&app.kernel().resume_job(acting, &scope, &path.job.0).await?)))
}

/// The id of a job: a UUID. What is none leads nowhere.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct JobId(String);

impl TryFrom<String> for JobId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let lengths = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        if lengths && text.split('-').all(digits) { Ok(Self(text)) } else { Err("not the id of a job") }
    }
}

/// A page's token is the id of the last job that was looked at.
fn check_token(after: Option<&str>) -> Result<(), Problem> {
    if after.is_none_or(|after| JobId::try_from(after.to_owned()).is_ok()) {
        return Ok(());
    }
    let Bilingual { en, zh } = Bilingual::fixed("is not the `next` of a page", "不是上一页的 `next`");
    Err(Problem::field(FieldError { pointer: "/after".to_owned(), rule: Rule { code: "invalid", en, zh } }))
}

fn view(job: &Job) -> Value {
    let running = job.state == JobState::Running;
    json!({
        "id": job.id,
        "plugin": job.plugin,
        "name": job.name,
        "arguments": job.arguments,
        "state": job.state,
        "progress": job.progress,
        "steps": job.steps,
        "failures": job.failures,
        "reason": job.reason,
        "started_by": job.by,
        "started_at": job.started.to_rfc3339(),
        "changed_at": job.changed.to_rfc3339(),
        "next_step_at": running.then(|| job.due.to_rfc3339()),
        "request_id": job.request_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_behind_the_id_of_a_job_alone() {
        assert!(check_token(None).is_ok());
        assert!(check_token(Some("019c2d3e-7a10-7abc-8def-0123456789ab")).is_ok());
        for bad in ["", "x", "019C2D3E-7A10-7ABC-8DEF-0123456789AB", "019c2d3e7a107abc8def0123456789ab"] {
            assert_eq!(check_token(Some(bad)).unwrap_err().errors()[0].pointer, "/after", "{bad}");
        }
    }
}
