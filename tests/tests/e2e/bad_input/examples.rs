//! A good request for every route, from which the bad ones are made.

use forecourt_tests::ground::GROUP;
use forecourt_tests::server::PASSWORD;
use forecourt_tests::{Answer, Client};
use serde_json::{Value, json};

use super::cases::Case;
use super::world::{World, tomorrow};

/// What a route takes as its body.
#[derive(Debug, Clone)]
pub(super) enum Body {
    None,
    /// JSON, with the names of those of its fields that must be there.
    Json(Value, &'static [&'static str]),
    Component(Vec<u8>),
    /// A file's content, of any type.
    File(&'static [u8]),
}

/// The content of the file that is there.
pub(super) const FILE: &[u8] = b"%PDF-1.7 a file";
/// What it is called.
pub(super) const FILE_NAME: &str = "89d62b4a276fe85f792c6c4439f7d0526f4b7f8b06977b86f1a89106dfb6d8ff";

/// A good request.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    /// The values of the route's `{…}`, in their order.
    pub(super) segments: Vec<String>,
    pub(super) who: Client,
    /// Whether it needs somebody who has signed in.
    pub(super) signed: bool,
    pub(super) body: Body,
    /// The names that its query string may have; none where it takes any.
    pub(super) query: Option<&'static [&'static str]>,
    /// What must be in the query string.
    pub(super) given: &'static str,
    /// The status of its answer.
    pub(super) status: u16,
}

impl Example {
    /// The names of the route's variable segments.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// The path with these values for the variable segments.
    pub(super) fn path_of(&self, segments: &[String]) -> String {
        let mut values = segments.iter();
        let parts = self.route.split('/').map(|part| match part.starts_with('{') {
            true => values.next().unwrap().as_str(),
            false => part,
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// The path with its query string.
    pub(super) fn path(&self) -> String {
        let path = self.path_of(&self.segments);
        if self.given.is_empty() { path } else { format!("{path}?{}", self.given) }
    }

    /// The request, to be made wrong.
    pub(super) fn case(&self) -> Case {
        let (content_type, body) = match &self.body {
            Body::None => (None, Vec::new()),
            Body::Json(body, _) => (Some("application/json"), body.to_string().into_bytes()),
            Body::Component(bytes) => (Some("application/wasm"), bytes.clone()),
            Body::File(content) => (Some("application/pdf"), content.to_vec()),
        };
        Case { who: self.who.clone(), method: self.method, path: self.path(), content_type, body }
    }

    pub(super) fn send(&self) -> Answer {
        self.case().send("en")
    }

    fn body(mut self, body: Value, required: &'static [&'static str]) -> Self {
        self.body = Body::Json(body, required);
        self
    }

    fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = Some(names);
        self
    }

    fn answers(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

fn example(method: &'static str, route: &'static str, who: &Client, segments: &[&str]) -> Example {
    Example {
        method,
        route,
        segments: segments.iter().map(|segment| (*segment).to_owned()).collect(),
        who: who.clone(),
        signed: true,
        body: Body::None,
        query: Some(&[]),
        given: "",
        status: 200,
    }
}

const PAGE: &[&str] = &["after", "limit"];

/// Every route's example. Those that take something away come last.
pub(super) fn of(world: &World) -> Vec<Example> {
    let mut all = unscoped(world);
    all.extend(of_groups(world));
    all.extend(of_access(world));
    all.extend(of_users(world));
    all.extend(of_deployment(world));
    all.extend(of_stores(world));
    all.extend(of_deliveries(world, ROUTES_IN_STORE, &world.store, &world.letters[0]));
    all.extend(of_deliveries(world, ROUTES_IN_GROUP, GROUP, &world.letters[1]));
    all.extend(of_jobs(world));
    all.extend(of_places(world));
    all
}

/// Roles, API keys, sessions, links and the seals of the trail.
fn of_access(world: &World) -> Vec<Example> {
    let (admin, store, access) = (&world.admin, world.store.as_str(), &world.access);
    let link =
        json!({ "customer": "c1", "record": "linked", "operations": ["probe/effects/act"], "expires": tomorrow() });
    let open = Example {
        signed: false,
        ..example(
            "POST",
            "/l/{token}/{area}/{interface}/{operation}",
            &world.nobody(),
            &[&access.link_token, "probe", "effects", "act"],
        )
    };
    let verification: &[&str] = &["after", "limit", "known_seal", "known_hash"];
    let mut all = vec![
        example("GET", "/v1/groups/{group}/audit/head", admin, &[GROUP]),
        example("GET", "/v1/groups/{group}/audit/verification", admin, &[GROUP]).query(verification),
        example("GET", "/v1/groups/{group}/audit/export", admin, &[GROUP]).query(PAGE),
        example("GET", "/v1/groups/{group}/roles/{role}", admin, &[GROUP, "tech"]),
        example("GET", "/v1/groups/{group}/roles/{role}/holders", admin, &[GROUP, "tech"]).query(PAGE),
        example("DELETE", "/v1/groups/{group}/roles/{role}", admin, &[GROUP, "valet"]).answers(204),
        open.body(json!({ "ending": "succeed" }), &["ending"]),
        example("GET", "/v1/stores/{store}/links", admin, &[store]).query(&["record", "after", "limit"]),
        example("POST", "/v1/stores/{store}/links", admin, &[store])
            .body(link, &["record", "operations", "expires"])
            .answers(201),
        example("DELETE", "/v1/stores/{store}/links/{link}", admin, &[store, &access.link]).answers(204),
    ];
    let group: &[&str] = &[GROUP];
    all.extend(of_owners(ROUTES_OF_USERS, admin, group, ["mei.lin", "till"], (&access.sessions[0], &access.keys[0])));
    let ids = (access.sessions[1].as_str(), access.keys[1].as_str());
    all.extend(of_owners(ROUTES_OF_DEPLOYMENT, &world.root, &[], ["deputy", "robot"], ids));
    all
}

/// What belongs to one user of a group.
const ROUTES_OF_USERS: [&str; 5] = [
    "/v1/groups/{group}/users/{user}/sessions",
    "/v1/groups/{group}/users/{user}/sessions/{session}",
    "/v1/groups/{group}/users/{user}/keys",
    "/v1/groups/{group}/users/{user}/keys/{key}",
    "/v1/groups/{group}/users/{user}/password-reset",
];
/// The same of the deployment.
const ROUTES_OF_DEPLOYMENT: [&str; 5] = [
    "/v1/users/{user}/sessions",
    "/v1/users/{user}/sessions/{session}",
    "/v1/users/{user}/keys",
    "/v1/users/{user}/keys/{key}",
    "/v1/users/{user}/password-reset",
];

fn of_owners(
    routes: [&'static str; 5],
    who: &Client,
    group: &[&str],
    [person, program]: [&str; 2],
    (session, key): (&str, &str),
) -> Vec<Example> {
    let [sessions, one_session, keys, one_key, reset] = routes;
    fn path<'a>(group: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
        [group, rest].concat()
    }
    let new = json!({ "name": "second", "roles": [], "expires": "2999-01-01T00:00:00Z" });
    vec![
        example("GET", sessions, who, &path(group, &[person])),
        example("DELETE", one_session, who, &path(group, &[person, session])).answers(204),
        example("GET", keys, who, &path(group, &[program])),
        example("POST", keys, who, &path(group, &[program])).body(new, &["name"]).answers(201),
        example("DELETE", one_key, who, &path(group, &[program, key])).answers(204),
        example("POST", reset, who, &path(group, &[person])).answers(201),
    ]
}

/// Jobs, begun and then cancelled. A job that is resumed fails, but not at once.
fn of_jobs(world: &World) -> Vec<Example> {
    let (admin, store) = (&world.admin, world.store.as_str());
    let [here, whole] = world.jobs.each_ref();
    let body = json!({ "plugin": "types", "name": "count" });
    let required = &["plugin", "name"];
    vec![
        example("GET", "/v1/stores/{store}/jobs", admin, &[store]).query(PAGE),
        example("POST", "/v1/stores/{store}/jobs", admin, &[store]).body(body.clone(), required).answers(201),
        example("GET", "/v1/stores/{store}/jobs/{job}", admin, &[store, here]),
        example("POST", "/v1/stores/{store}/jobs/{job}/resume", admin, &[store, here]),
        example("POST", "/v1/stores/{store}/jobs/{job}/cancel", admin, &[store, here]),
        example("GET", "/v1/groups/{group}/jobs", admin, &[GROUP]).query(PAGE),
        example("POST", "/v1/groups/{group}/jobs", admin, &[GROUP]).body(body, required).answers(201),
        example("GET", "/v1/groups/{group}/jobs/{job}", admin, &[GROUP, whole]),
        example("POST", "/v1/groups/{group}/jobs/{job}/resume", admin, &[GROUP, whole]),
        example("POST", "/v1/groups/{group}/jobs/{job}/cancel", admin, &[GROUP, whole]),
    ]
}

fn unscoped(world: &World) -> Vec<Example> {
    let nobody = world.nobody();
    let open = |method, route, segments: &[&str]| Example {
        signed: false,
        query: None,
        ..example(method, route, &nobody, segments)
    };
    let reset = json!({ "token": world.access.reset, "password": "another road 43" });
    let sign_in = json!({ "group": GROUP, "user": "li.wei", "password": PASSWORD, "cookie": false });
    vec![
        open("GET", "/healthz", &[]),
        open("GET", "/readyz", &[]),
        open("GET", "/metrics", &[]),
        open("GET", "/problems/{name}", &["stale"]),
        open("POST", "/v1/sessions", &[]).query(&[]).body(sign_in, &["user", "password"]).answers(201),
        example("GET", "/v1/sessions/current", &world.advisor, &[]),
        example("DELETE", "/v1/sessions/current", &world.spare, &[]).answers(204),
        open("POST", "/v1/password-resets", &[]).query(&[]).body(reset, &["token", "password"]).answers(204),
    ]
}

fn of_groups(world: &World) -> Vec<Example> {
    let (admin, root) = (&world.admin, &world.root);
    let chief = json!({ "user": "chief", "name": "Chief", "password": PASSWORD });
    let group = json!({ "id": "third", "name": "第三集团", "names": { "en": "Third" }, "admin": chief });
    let store =
        json!({ "id": "sh01", "name": "上海一店", "names": { "en": "Shanghai" }, "time_zone": "Asia/Shanghai" });
    let grants = json!({ "grants": [{ "area": "probe", "kind": "query" }], "powers": ["repair.reopen"] });
    let publish = Example {
        body: Body::Component(world.types.clone()),
        ..example("POST", "/v1/groups/{group}/plugins", admin, &[GROUP])
    };
    vec![
        example("GET", "/v1/groups", root, &[]).query(PAGE),
        example("POST", "/v1/groups", root, &[]).body(group, &["id", "name", "admin"]).answers(201),
        example("GET", "/v1/groups/{group}/stores", admin, &[GROUP]).query(PAGE),
        example("POST", "/v1/groups/{group}/stores", admin, &[GROUP]).body(store, &["id", "name"]).answers(201),
        example("GET", "/v1/groups/{group}/roles", admin, &[GROUP]).query(PAGE),
        example("POST", "/v1/groups/{group}/roles", admin, &[GROUP])
            .body(json!({ "name": "washer", "names": { "zh-CN": "洗车工" } }), &["name"])
            .answers(201),
        example("PUT", "/v1/groups/{group}/roles/{role}/grants", admin, &[GROUP, "tech"]).body(grants, &["grants"]),
        example("GET", "/v1/groups/{group}/plugins", admin, &[GROUP]),
        example("GET", "/v1/groups/{group}/plugins/{name}/secrets", admin, &[GROUP, "caller"]),
        example("PUT", "/v1/groups/{group}/plugins/{name}/secrets/{secret}", admin, &[GROUP, "caller", "other-token"])
            .body(json!({ "value": "dusty-road-43" }), &["value"])
            .answers(201),
        example(
            "DELETE",
            "/v1/groups/{group}/plugins/{name}/secrets/{secret}",
            admin,
            &[GROUP, "caller", "outside-token"],
        )
        .answers(204),
        publish,
        example(
            "PUT",
            "/v1/groups/{group}/plugins/{name}/versions/{version}/grants",
            admin,
            &[GROUP, "types", "0.1.0"],
        )
        .body(json!({ "all_requested": true }), &[]),
    ]
}

fn of_users(world: &World) -> Vec<Example> {
    let admin = &world.admin;
    let roles = json!([{ "role": "advisor", "store": world.store }]);
    let user =
        json!({ "id": "zhao.min", "name": "赵敏", "password": PASSWORD, "roles": roles, "departments": ["workshop"] });
    vec![
        example("GET", "/v1/groups/{group}/users", admin, &[GROUP]).query(PAGE),
        example("POST", "/v1/groups/{group}/users", admin, &[GROUP])
            .body(user, &["id", "name", "password"])
            .answers(201),
        example("GET", "/v1/groups/{group}/users/{user}", admin, &[GROUP, "li.wei"]),
        example("PUT", "/v1/groups/{group}/users/{user}/roles", admin, &[GROUP, "li.wei"])
            .body(json!({ "roles": roles, "departments": [] }), &["roles"]),
        example("PUT", "/v1/groups/{group}/users/{user}/password", admin, &[GROUP, "li.wei"])
            .body(json!({ "password": "another road 43" }), &["password"])
            .answers(204),
        example("PUT", "/v1/groups/{group}/users/{user}/enabled", admin, &[GROUP, "li.wei"])
            .body(json!({ "enabled": false }), &["enabled"]),
        example("DELETE", "/v1/groups/{group}/users/{user}/sessions", admin, &[GROUP, "li.wei"]),
    ]
}

fn of_deployment(world: &World) -> Vec<Example> {
    let root = &world.root;
    let chief = json!([{ "role": "deployment-admin" }]);
    let user = json!({ "id": "third", "name": "Third", "password": PASSWORD, "roles": chief });
    vec![
        example("GET", "/v1/users", root, &[]).query(PAGE),
        example("POST", "/v1/users", root, &[]).body(user, &["id", "name", "password"]).answers(201),
        example("GET", "/v1/users/{user}", root, &["deputy"]),
        example("PUT", "/v1/users/{user}/roles", root, &["deputy"]).body(json!({ "roles": chief }), &["roles"]),
        example("PUT", "/v1/users/{user}/password", root, &["deputy"])
            .body(json!({ "password": "another road 43" }), &["password"])
            .answers(204),
        example("PUT", "/v1/users/{user}/enabled", root, &["deputy"]).body(json!({ "enabled": false }), &["enabled"]),
        example("DELETE", "/v1/users/{user}/sessions", root, &["deputy"]),
    ]
}

/// Operations. Those of `types` trap once they are reached.
fn of_stores(world: &World) -> Vec<Example> {
    let (admin, store) = (&world.admin, world.store.as_str());
    let in_store = "/v1/stores/{store}/{area}/{interface}/{operation}";
    let in_group = "/v1/groups/{group}/{area}/{interface}/{operation}";
    let act = json!({ "note": "second", "ending": "succeed" });
    let plain = Example {
        given: "count=1&sure=true",
        query: None,
        ..example("GET", in_group, admin, &[GROUP, "types", "all", "check-plain"])
    };
    let notes = Example {
        given: "limit=5",
        query: None,
        ..example("GET", in_store, admin, &[store, "probe", "effects", "list-notes"])
    };
    let required = &["numbers", "papers", "amounts", "colour", "wishes", "form", "counts", "pair", "letter"];
    vec![
        notes,
        example("POST", in_store, admin, &[store, "probe", "effects", "act"]).body(act, &["note", "ending"]),
        plain.answers(500),
        example("POST", in_group, admin, &[GROUP, "types", "all", "send"]).body(everything(), required).answers(500),
    ]
}

/// Good arguments for the operation that takes every type.
pub(super) fn everything() -> Value {
    json!({
        "numbers": { "a": 255, "b": -128, "c": 65_535, "d": -32_768, "e": 4_294_967_295_u32, "f": -2_147_483_648, "g": "18446744073709551615", "h": "-9223372036854775808", "i": 0.5, "j": -1e300 },
        "papers": {
            "vin": "LZZTEST14TA000001", "plate": "京A12345", "mobile": "13801230001", "id": "11010519491231002X", "code": "91350100M000100Y43",
            "day": "2026-02-28", "at": "2026-02-28T08:00:00Z", "user": "li.wei", "customer": "c1", "file": FILE_NAME, "note": "说明",
        },
        "amounts": { "money": -1, "percent": 10_000, "mileage": 0 },
        "colour": "dark_green", "wishes": ["fast"], "form": { "named": { "name": "x", "age": 7 } },
        "counts": [0, 65_535], "pair": ["x", true], "letter": "京", "maybe": null,
    })
}

/// The routes of what was not delivered, in a store.
const ROUTES_IN_STORE: [&str; 6] = [
    "/v1/stores/{store}/subscriptions",
    "/v1/stores/{store}/subscriptions/{plugin}/parked",
    "/v1/stores/{store}/subscriptions/{plugin}/retry",
    "/v1/stores/{store}/dead-letters",
    "/v1/stores/{store}/dead-letters/{id}",
    "/v1/stores/{store}/dead-letters/{id}/redrive",
];
/// The same in a group.
const ROUTES_IN_GROUP: [&str; 6] = [
    "/v1/groups/{group}/subscriptions",
    "/v1/groups/{group}/subscriptions/{plugin}/parked",
    "/v1/groups/{group}/subscriptions/{plugin}/retry",
    "/v1/groups/{group}/dead-letters",
    "/v1/groups/{group}/dead-letters/{id}",
    "/v1/groups/{group}/dead-letters/{id}/redrive",
];

fn of_deliveries(world: &World, routes: [&'static str; 6], place: &str, letters: &[String]) -> Vec<Example> {
    let (admin, [subscriptions, parked, retry, dead, letter, redrive]) = (&world.admin, routes);
    vec![
        example("GET", subscriptions, admin, &[place]),
        example("GET", parked, admin, &[place, "tally"]).query(PAGE),
        example("POST", retry, admin, &[place, "tally"]).body(json!({ "key": null }), &[]),
        example("GET", dead, admin, &[place]).query(&["plugin", "after", "limit"]),
        example("GET", letter, admin, &[place, &letters[0]]),
        example("POST", redrive, admin, &[place, &letters[1]]),
        example("DELETE", letter, admin, &[place, &letters[2]]),
    ]
}

fn of_places(world: &World) -> Vec<Example> {
    let (admin, store) = (&world.admin, world.store.as_str());
    let audit: &[&str] = &["action", "user", "outcome", "from", "until", "after", "limit"];
    let events: &[&str] = &["topics", "after", "limit"];
    let outbox: &[&str] = &["state", "plugin", "after", "limit"];
    let module = |plugin| json!({ "plugin": plugin, "version": "0.1.0" });
    let required = &["plugin", "version"];
    let file = |example: Example| Example { body: Body::File(FILE), ..example };
    vec![
        example("GET", "/v1/stores/{store}/outbox", admin, &[store]).query(outbox),
        example("POST", "/v1/stores/{store}/outbox/{id}/retry", admin, &[store, &world.request]),
        example("DELETE", "/v1/stores/{store}/outbox/{id}", admin, &[store, &world.request]),
        example("GET", "/v1/groups/{group}/outbox", admin, &[GROUP]).query(outbox),
        example("POST", "/v1/groups/{group}/outbox/{id}/retry", admin, &[GROUP, &world.request]).answers(404),
        example("DELETE", "/v1/groups/{group}/outbox/{id}", admin, &[GROUP, &world.request]).answers(404),
        file(example("POST", "/v1/stores/{store}/files", admin, &[store])),
        file(example("PUT", "/v1/stores/{store}/files/{sha256}", admin, &[store, FILE_NAME])),
        example("GET", "/v1/stores/{store}/files/{sha256}", admin, &[store, FILE_NAME]),
        file(example("POST", "/v1/groups/{group}/files", admin, &[GROUP])),
        file(example("PUT", "/v1/groups/{group}/files/{sha256}", admin, &[GROUP, FILE_NAME])),
        example("GET", "/v1/groups/{group}/files/{sha256}", admin, &[GROUP, FILE_NAME]),
        example("GET", "/v1/stores/{store}/openapi.json", admin, &[store]),
        example("GET", "/v1/stores/{store}/events", admin, &[store]).query(events),
        example("GET", "/v1/stores/{store}/audit", admin, &[store]).query(audit),
        example("GET", "/v1/stores/{store}/modules", admin, &[store]),
        example("GET", "/v1/stores/{store}/modules/{area}", admin, &[store, "probe"]),
        example("PUT", "/v1/stores/{store}/modules/{area}", admin, &[store, "probe"]).body(module("probe"), required),
        example("DELETE", "/v1/stores/{store}/modules/{area}", admin, &[store, "relay"]).query(&["force"]),
        example("GET", "/v1/groups/{group}/openapi.json", admin, &[GROUP]),
        example("GET", "/v1/groups/{group}/events", admin, &[GROUP]).query(events),
        example("GET", "/v1/groups/{group}/audit", admin, &[GROUP]).query(audit),
        example("GET", "/v1/groups/{group}/modules", admin, &[GROUP]),
        example("GET", "/v1/groups/{group}/modules/{area}", admin, &[GROUP, "types"]),
        example("PUT", "/v1/groups/{group}/modules/{area}", admin, &[GROUP, "types"]).body(module("types"), required),
        example("DELETE", "/v1/groups/{group}/modules/{area}", admin, &[GROUP, "types"]).query(&["force"]),
    ]
}
