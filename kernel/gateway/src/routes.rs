//! Which path and method leads to which handler.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use forecourt_runtime::Kernel;

use crate::app::{App, GatewayOptions};
use crate::outer::{method_not_allowed, outer, unknown_path};
use crate::{account, audit, call, health, members, operate, organisation, problem, roles};

/// The whole API over `kernel`. Each request should carry its [`Peer`](crate::Peer) among its extensions, as [`serve`](crate::serve) adds it.
pub fn router(kernel: Arc<Kernel>, options: GatewayOptions) -> Router {
    of_app(App::new(kernel, options))
}

pub(crate) fn of_app(app: App) -> Router {
    Router::new()
        .merge(unscoped())
        .merge(of_groups())
        .merge(users("/v1"))
        .merge(users("/v1/groups/{group}"))
        .merge(places("/v1/stores/{store}"))
        .merge(places("/v1/groups/{group}"))
        .route("/v1/stores/{store}/{area}/{interface}/{operation}", get(call::store_get).post(call::store_post))
        .route("/v1/groups/{group}/{area}/{interface}/{operation}", get(call::group_get).post(call::group_post))
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), outer))
        .with_state(app)
}

fn unscoped() -> Router<App> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/problems/{name}", get(problem::explain))
        .route("/v1/sessions", post(account::sign_in))
        .route("/v1/sessions/current", get(account::current).delete(account::sign_out))
}

fn of_groups() -> Router<App> {
    let grants = "/v1/groups/{group}/plugins/{name}/versions/{version}/grants";
    Router::new()
        .route("/v1/groups", get(organisation::list_groups).post(organisation::create_group))
        .route("/v1/groups/{group}/stores", get(organisation::list_stores).post(organisation::create_store))
        .route("/v1/groups/{group}/roles", get(roles::list).post(roles::create))
        .route("/v1/groups/{group}/roles/{role}/grants", put(roles::set_grants))
        .route("/v1/groups/{group}/plugins", get(operate::plugins).post(operate::publish))
        .route(grants, put(operate::grant))
}

/// Users of a group, or of the deployment.
fn users(prefix: &str) -> Router<App> {
    let path = |rest: &str| format!("{prefix}/users{rest}");
    Router::new()
        .route(&path(""), get(members::list).post(members::create))
        .route(&path("/{user}"), get(members::show))
        .route(&path("/{user}/roles"), put(members::set_roles))
        .route(&path("/{user}/password"), put(members::set_password))
        .route(&path("/{user}/enabled"), put(members::set_enabled))
        .route(&path("/{user}/sessions"), delete(members::end_sessions))
}

/// What stores and groups have alike.
fn places(prefix: &str) -> Router<App> {
    let path = |rest: &str| format!("{prefix}{rest}");
    let module = get(operate::module).put(operate::enable).delete(operate::disable);
    Router::new()
        .route(&path("/openapi.json"), get(operate::openapi))
        .route(&path("/events"), get(operate::events))
        .route(&path("/audit"), get(audit::page))
        .route(&path("/modules"), get(operate::modules))
        .route(&path("/modules/{area}"), module)
}
