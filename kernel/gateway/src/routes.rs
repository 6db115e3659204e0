//! Which path and method leads to which handler.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};
use forecourt_runtime::Kernel;

use crate::app::{App, GatewayOptions};
use crate::outer::{method_not_allowed, outer, unknown_path};
use crate::{
    account, audit, call, chain, deliveries, files, health, jobs, links, members, operate, organisation, outbox, own,
    problem, roles, secrets,
};

/// The whole API over `kernel`. Each request should carry its [`Peer`](crate::Peer) among its extensions, as [`serve`](crate::serve) adds it.
pub fn router(kernel: Arc<Kernel>, options: GatewayOptions) -> Router {
    of_app(App::new(kernel, options))
}

pub(crate) fn of_app(app: App) -> Router {
    let router = table().into_iter().fold(Router::new(), |router, route| route.add_to(router));
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), outer))
        .with_state(app)
}

/// What the listener of the metrics serves: to every peer, since whoever gave it an address chose who reaches it.
pub(crate) fn of_metrics(app: App) -> Router {
    route("/metrics", [get(health::metrics_apart)])
        .add_to(Router::new())
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), outer))
        .with_state(app)
}

/// Every path of the API as a pattern, with its methods; `GET` stands for `HEAD` too. Made from the very table that the router is made from.
#[must_use]
pub fn routes() -> Vec<(String, Vec<Method>)> {
    let methods = |handlers: Vec<Handled>| handlers.into_iter().map(|(method, _)| method).collect();
    table().into_iter().map(|route| (route.path, methods(route.handlers))).collect()
}

type Handled = (Method, MethodRouter<App>);

struct Route {
    path: String,
    handlers: Vec<Handled>,
}

impl Route {
    fn add_to(self, router: Router<App>) -> Router<App> {
        self.handlers.into_iter().fold(router, |router, (_, handler)| router.route(&self.path, handler))
    }
}

fn route<const N: usize>(path: &str, handlers: [Handled; N]) -> Route {
    Route { path: path.to_owned(), handlers: handlers.into() }
}

fn get<H: Handler<T, App>, T: 'static>(handler: H) -> Handled {
    (Method::GET, routing::get(handler))
}

fn post<H: Handler<T, App>, T: 'static>(handler: H) -> Handled {
    (Method::POST, routing::post(handler))
}

fn put<H: Handler<T, App>, T: 'static>(handler: H) -> Handled {
    (Method::PUT, routing::put(handler))
}

fn delete<H: Handler<T, App>, T: 'static>(handler: H) -> Handled {
    (Method::DELETE, routing::delete(handler))
}

fn table() -> Vec<Route> {
    let mut table = Vec::new();
    table.extend(unscoped());
    table.extend(of_groups());
    table.extend(users("/v1"));
    table.extend(users("/v1/groups/{group}"));
    table.extend(places("/v1/stores/{store}"));
    table.extend(places("/v1/groups/{group}"));
    table.extend([
        route("/v1/stores/{store}/links", [get(links::list), post(links::create)]),
        route("/v1/stores/{store}/links/{link}", [delete(links::revoke)]),
        route("/l/{token}/{area}/{interface}/{operation}", [post(links::call)]),
    ]);
    table.extend(files("/v1/stores/{store}"));
    table.extend(files("/v1/groups/{group}"));
    table.extend(requests("/v1/stores/{store}"));
    table.extend(requests("/v1/groups/{group}"));
    let operation = "{area}/{interface}/{operation}";
    let in_store = [get(call::store_get), post(call::store_post)];
    table.push(route(&format!("/v1/stores/{{store}}/{operation}"), in_store));
    let in_group = [get(call::group_get), post(call::group_post)];
    table.push(route(&format!("/v1/groups/{{group}}/{operation}"), in_group));
    table
}

fn unscoped() -> [Route; 7] {
    [
        route("/healthz", [get(health::alive)]),
        route("/readyz", [get(health::ready)]),
        route("/metrics", [get(health::metrics)]),
        route("/problems/{name}", [get(problem::explain)]),
        route("/v1/sessions", [post(account::sign_in)]),
        route("/v1/password-resets", [post(account::reset_password)]),
        route("/v1/sessions/current", [get(account::current), delete(account::sign_out)]),
    ]
}

fn of_groups() -> [Route; 13] {
    let grants = "/v1/groups/{group}/plugins/{name}/versions/{version}/grants";
    [
        route("/v1/groups", [get(organisation::list_groups), post(organisation::create_group)]),
        route("/v1/groups/{group}/stores", [get(organisation::list_stores), post(organisation::create_store)]),
        route("/v1/groups/{group}/roles", [get(roles::list), post(roles::create)]),
        route("/v1/groups/{group}/roles/{role}", [get(roles::show), delete(roles::remove)]),
        route("/v1/groups/{group}/roles/{role}/holders", [get(roles::holders)]),
        route("/v1/groups/{group}/roles/{role}/grants", [put(roles::set_grants)]),
        route("/v1/groups/{group}/plugins", [get(operate::plugins), post(operate::publish)]),
        route(grants, [put(operate::grant)]),
        route("/v1/groups/{group}/audit/head", [get(chain::head)]),
        route("/v1/groups/{group}/audit/verification", [get(chain::verification)]),
        route("/v1/groups/{group}/audit/export", [get(chain::export)]),
        route("/v1/groups/{group}/plugins/{name}/secrets", [get(secrets::list)]),
        route("/v1/groups/{group}/plugins/{name}/secrets/{secret}", [put(secrets::set), delete(secrets::remove)]),
    ]
}

/// Users of a group, or of the deployment.
fn users(prefix: &str) -> [Route; 10] {
    let path = |rest: &str| format!("{prefix}/users{rest}");
    [
        route(&path(""), [get(members::list), post(members::create)]),
        route(&path("/{user}"), [get(members::show)]),
        route(&path("/{user}/roles"), [put(members::set_roles)]),
        route(&path("/{user}/password"), [put(members::set_password)]),
        route(&path("/{user}/enabled"), [put(members::set_enabled)]),
        route(&path("/{user}/password-reset"), [post(own::issue_reset)]),
        route(&path("/{user}/sessions"), [get(own::sessions), delete(members::end_sessions)]),
        route(&path("/{user}/sessions/{session}"), [delete(own::end_session)]),
        route(&path("/{user}/keys"), [get(own::keys), post(own::create_key)]),
        route(&path("/{user}/keys/{key}"), [delete(own::revoke_key)]),
    ]
}

/// What stores and groups have alike.
fn places(prefix: &str) -> [Route; 15] {
    let path = |rest: &str| format!("{prefix}{rest}");
    let module = [get(operate::module), put(operate::enable), delete(operate::disable)];
    [
        route(&path("/openapi.json"), [get(operate::openapi)]),
        route(&path("/events"), [get(operate::events)]),
        route(&path("/audit"), [get(audit::page)]),
        route(&path("/jobs"), [get(jobs::list), post(jobs::start)]),
        route(&path("/jobs/{job}"), [get(jobs::show)]),
        route(&path("/jobs/{job}/cancel"), [post(jobs::cancel)]),
        route(&path("/jobs/{job}/resume"), [post(jobs::resume)]),
        route(&path("/modules"), [get(operate::modules)]),
        route(&path("/modules/{area}"), module),
        route(&path("/subscriptions"), [get(deliveries::subscriptions)]),
        route(&path("/subscriptions/{plugin}/parked"), [get(deliveries::parked)]),
        route(&path("/subscriptions/{plugin}/retry"), [post(deliveries::retry)]),
        route(&path("/dead-letters"), [get(deliveries::letters)]),
        route(&path("/dead-letters/{id}"), [get(deliveries::letter), delete(deliveries::drop_letter)]),
        route(&path("/dead-letters/{id}/redrive"), [post(deliveries::redrive)]),
    ]
}

/// Files of a store, or of a group as a whole.
fn files(prefix: &str) -> [Route; 2] {
    let path = |rest: &str| format!("{prefix}/files{rest}");
    [route(&path(""), [post(files::add)]), route(&path("/{sha256}"), [get(files::get), put(files::put)])]
}

/// Outbound requests of a store, or of a group as a whole.
fn requests(prefix: &str) -> [Route; 3] {
    let path = |rest: &str| format!("{prefix}/outbox{rest}");
    [
        route(&path(""), [get(outbox::list)]),
        route(&path("/{id}"), [delete(outbox::give_up)]),
        route(&path("/{id}/retry"), [post(outbox::retry)]),
    ]
}
