//! Groups and stores.

use axum::extract::State;
use axum::response::Response;
use forecourt_auth::{Acting, AuthError, FirstAdmin, Names, NewGroup, NewStore, Page, PageRequest, Principal, Store};
use forecourt_base::{GroupId, StoreId, UserId};
use forecourt_storage::{Mode, Transaction};
use serde::Deserialize;

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
pub(crate) struct GroupBody {
    id: GroupId,
    name: String,
    #[serde(default)]
    names: Names,
    admin: AdminBody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminBody {
    user: UserId,
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoreBody {
    id: StoreId,
    name: String,
    #[serde(default)]
    names: Names,
    #[serde(default)]
    time_zone: Option<String>,
}

/// `POST /v1/groups`
pub(crate) async fn create_group(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<GroupBody>,
) -> Result<Response, Problem> {
    let AdminBody { user, name, password } = body.admin;
    let new = NewGroup { id: body.id, name: body.name, names: body.names };
    let admin = FirstAdmin { user, name, password };
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let created = app.kernel().auth().create_group(acting, &new, &admin).await.map_err(|error| match error {
        AuthError::Invalid { field: "password", rule } => AuthError::Invalid { field: "admin/password", rule },
        other => other,
    })?;
    Ok(views::created(&views::group(&created)))
}

/// `GET /v1/groups`
pub(crate) async fn list_groups(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let groups = app.kernel().auth().list_groups(acting, &page.into()).await?;
    Ok(views::page(groups, views::group))
}

/// `POST /v1/groups/{group}/stores`
pub(crate) async fn create_store(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(Nothing {}): Params<Nothing>,
    Fields(body): Fields<StoreBody>,
) -> Result<Response, Problem> {
    let StoreBody { id, name, names, time_zone } = body;
    let acting = Acting { principal: &principal, request_id: &asked.request_id };
    let new = NewStore { id, name, names, time_zone };
    let created = app.kernel().auth().create_store(acting, &group, &new).await?;
    app.kernel().layout_changed(&group).await;
    Ok(views::created(&views::store(&created)))
}

/// `GET /v1/groups/{group}/stores`: all of them for those with a role for the whole group, for others the stores where they have one.
pub(crate) async fn list_stores(
    State(app): State<App>,
    Asked(asked): Asked,
    Signed(principal): Signed,
    Segments(group): Segments<GroupId>,
    Params(page): Params<PageQuery>,
) -> Result<Response, Problem> {
    let own = principal.group.as_ref() == Some(&group);
    let stores = if own && principal.roles.iter().all(|(_, store)| store.is_some()) {
        PageRequest::from(page).is_whole()?;
        Page { items: own_stores(&app, &principal, &group).await?, next: None }
    } else {
        let acting = Acting { principal: &principal, request_id: &asked.request_id };
        app.kernel().auth().list_stores(acting, &group, &page.into()).await?
    };
    Ok(views::page(stores, views::store))
}

async fn own_stores(app: &App, principal: &Principal, group: &GroupId) -> Result<Vec<Store>, Problem> {
    let auth = app.kernel().auth();
    loop {
        let mut transaction = Transaction::begin(app.kernel().storage(), Some(group.clone()), Mode::ReadOnly)?;
        let read = async {
            auth.reauthenticate(&mut transaction, principal).await?;
            auth.policy(&mut transaction, group).await
        };
        match read.await {
            Err(error) if error.is_retryable() => tokio::task::yield_now().await,
            policy => {
                let policy = policy?;
                let mut ids: Vec<&StoreId> = principal.roles.iter().filter_map(|(_, store)| store.as_ref()).collect();
                ids.sort_unstable();
                ids.dedup();
                return Ok(ids.into_iter().filter_map(|id| policy.store(id)).cloned().collect());
            }
        }
    }
}
