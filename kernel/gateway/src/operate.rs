//! Plugins and modules, and what follows from them: the description of the API, and events.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use forecourt_auth::Principal;
use forecourt_base::{Area, GroupId, PluginName, Scope, StoreId, limits};
use forecourt_bus::Cursor;
use forecourt_registry::{Approval, NarrowApproval, RegistryError, hex};
use forecourt_runtime::Acting;
use semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::body::{ComponentBody, Fields, JsonBody};
use crate::call::store_scope;
use crate::credentials::Signed;
use crate::problem::Problem;
use crate::query::{Nothing, Params, Segments};
use crate::request::Asked;
use crate::{fields, stream, views};

/// A store of the sender's group, or a group.
#[derive(Debug, Deserialize)]
pub(crate) struct PlacePath {
    group: Option<GroupId>,
    store: Option<StoreId>,
    area: Option<Area>,
    plugin: Option<PluginName>,
    id: Option<Cursor>,
}

impl PlacePath {
    pub(crate) fn new(group: Option<GroupId>, store: Option<StoreId>) -> Self {
        Self { group, store, area: None, plugin: None, id: None }
    }

    pub(crate) async fn scope(
        &self,
        app: &App,
        asked: &Asked,
        principal: &Arc<Principal>,
        action: &str,
    ) -> Result<Scope, Problem> {
        match (&self.group, &self.store) {
            (Some(group), _) => Ok(Scope::group(group.clone())),
            (None, Some(store)) => store_scope(app, asked, principal, store.clone(), action).await,
            (None, None) => Err(Problem::new(&crate::table::UNKNOWN_PATH)),
        }
    }

    /// The plugin named in the path.
    pub(crate) fn plugin(&self) -> Result<&PluginName, Problem> {
        self.plugin.as_ref().ok_or_else(|| Problem::new(&crate::table::UNKNOWN_PATH))
    }

    /// What the path names by its place in an order.
    pub(crate) fn id(&self) -> Result<Cursor, Problem> {
        self.id.ok_or_else(|| Problem::new(&crate::table::UNKNOWN_PATH))
    }

    fn area(&self) -> Result<&Area, Problem> {
        self.area.as_ref().ok_or_else(|| Problem::new(&crate::table::UNKNOWN_PATH))
    }
}

/// `GET /v1/groups/{group}/plugins`
pub(crate) async fn plugins(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let plugins = app.kernel().plugins(acting, &group).await?;
    Ok(views::json(&json!({ "items": plugins.iter().map(views::plugin).collect::<Vec<_>>() })))
}

/// `POST /v1/groups/{group}/plugins`
pub(crate) async fn publish(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(Nothing {}): Params<Nothing>,
    ComponentBody(bytes): ComponentBody,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let published = app.kernel().publish(acting, &group, bytes).await?;
    let mut response = views::json(&published);
    if published.new {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

/// What is approved: `{"all_requested": true}`, or a narrower set.
fn approval(body: Value) -> Result<Approval, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct All {
        all_requested: bool,
    }
    if body.get("all_requested").is_none() {
        return fields::read::<NarrowApproval>(body).map(Approval::Only);
    }
    Ok(match fields::read::<All>(body)?.all_requested {
        true => Approval::AllRequested,
        false => Approval::Only(NarrowApproval::default()),
    })
}

/// `PUT /v1/groups/{group}/plugins/{name}/versions/{version}/grants`
pub(crate) async fn grant(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments((group, name, version)): Segments<(GroupId, PluginName, Version)>,
    Params(Nothing {}): Params<Nothing>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let approval = approval(body)?;
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let granted = app.kernel().grant(acting, &group, &name, &version, &approval).await?;
    let view = json!({ "grant": *granted.grant, "sha256": hex(&granted.sha256), "changed": granted.changed });
    Ok(views::json(&view))
}

/// `GET …/modules`
pub(crate) async fn modules(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "list-modules").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&json!({ "items": app.kernel().modules(acting, &scope).await? })))
}

/// `GET …/modules/{area}`
pub(crate) async fn module(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "list-modules").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let (area, modules) = (place.area()?, app.kernel().modules(acting, &scope).await?);
    let Some(module) = modules.iter().find(|module| module.area == *area) else {
        return Err(RegistryError::NotEnabled { area: area.clone(), store: scope.store }.into());
    };
    Ok(views::json(module))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModuleBody {
    plugin: PluginName,
    #[serde(deserialize_with = "fields::version")]
    version: Version,
}

/// `PUT …/modules/{area}`
pub(crate) async fn enable(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
    Fields(ModuleBody { plugin, version }): Fields<ModuleBody>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "enable").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let enabled = app.kernel().enable(acting, &scope, place.area()?, &plugin, &version).await?;
    Ok(views::json(&enabled))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisableQuery {
    #[serde(default, deserialize_with = "fields::truth")]
    force: bool,
}

/// `DELETE …/modules/{area}`
pub(crate) async fn disable(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(DisableQuery { force }): Params<DisableQuery>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "disable").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&app.kernel().disable(acting, &scope, place.area()?, force).await?))
}

/// `GET …/openapi.json`
pub(crate) async fn openapi(
    State(app): State<App>,
    asked: Asked,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "openapi").await?;
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    Ok(views::json(&app.kernel().openapi(acting, &scope, asked.0.language.tag()).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    #[serde(default)]
    topics: String,
    after: Option<String>,
    #[serde(default, deserialize_with = "fields::rows")]
    limit: Option<usize>,
}

/// `GET …/events`: a page, or a stream where that is what the client accepts.
pub(crate) async fn events(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    Signed(principal): Signed,
    Segments(place): Segments<PlacePath>,
    Params(query): Params<EventsQuery>,
) -> Result<Response, Problem> {
    let scope = place.scope(&app, &asked, &principal, "events").await?;
    if stream::wanted(&headers) {
        let topics = topics(&query);
        let after = stream::last_id(&headers).or(query.after);
        return stream::begin(&app, asked, principal, scope, topics, after).await;
    }
    let acting = Acting { principal: &principal, request_id: &asked.0.request_id };
    let topics = topics(&query);
    let limit = query.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT);
    let page = app.kernel().events(acting, &scope, &topics, query.after.as_deref(), limit).await?;
    let items: Vec<Value> = page.items.iter().map(views::event).collect();
    Ok(views::json(&json!({ "items": items, "next": page.next })))
}

fn topics(query: &EventsQuery) -> Vec<String> {
    query.topics.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_names_all_or_a_set() {
        assert_eq!(approval(json!({ "all_requested": true })).unwrap(), Approval::AllRequested);
        assert_eq!(approval(json!({ "all_requested": false })).unwrap(), Approval::Only(NarrowApproval::default()));
        assert_eq!(approval(json!({})).unwrap(), Approval::Only(NarrowApproval::default()));
        let narrow = approval(json!({ "kernel": ["storage"], "imports": { "forecourt:a/b": { "elevated": true } } }));
        let Approval::Only(narrow) = narrow.unwrap() else { panic!("a narrow approval") };
        assert!(narrow.kernel.contains("storage") && narrow.imports["forecourt:a/b"].elevated);
        let both = approval(json!({ "all_requested": true, "kernel": [] })).unwrap_err();
        assert_eq!(both.errors()[0].pointer, "/kernel");
    }
}
