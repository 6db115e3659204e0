//! A customer without an account, and the one record that a link opens.

use forecourt_base::{Clock, SystemClock, limits};
use forecourt_tests::log::{audit_of, request_id};
use forecourt_tests::workshop::{Order, Workshop};
use forecourt_tests::{Answer, Client, ground};
use serde_json::{Value, json};

use crate::deliveries::until;
use crate::repair::{PART, state};

const APPROVE: &str = "repair/orders/approve";
const GET: &str = "repair/orders/get-order";

/// An instant so many seconds from now.
fn in_seconds(seconds: i64) -> String {
    SystemClock.now().plus_millis(seconds * 1_000).to_rfc3339()
}

fn asked(shop: &Workshop, who: &Client, order: &Order, more: Value) -> Answer {
    let mut body = json!({ "record": order.id, "operations": [GET, APPROVE], "expires": in_seconds(3_600) });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    who.post(&format!("/v1/stores/{}/links", shop.store), &body)
}

/// A link to an order: its id and its path.
fn link(shop: &Workshop, order: &Order, more: Value) -> (String, String) {
    let made = asked(shop, &shop.advisor, order, more).ok();
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("path"))
}

fn call(path: &str, operation: &str, arguments: Value) -> Answer {
    ground().server.client().post(&format!("{path}/{operation}"), &arguments)
}

fn refusal(answer: Answer) -> Value {
    let mut body = answer.problem(404, "link-refused");
    body["request_id"] = Value::Null;
    body
}

#[test]
fn a_customer_approves_a_quote_through_a_link() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    shop.stock(PART, 3);
    let mut order = shop.awaiting_approval(&[(PART, 1)]);
    let (id, path) = link(&shop, &order, json!({}));
    let seen = call(&path, GET, json!({})).ok();
    assert_eq!((state(&seen["order"]), &seen["order"]["id"]), ("awaiting_approval", &json!(order.id)));
    let mut arguments = shop.approval(&order, "refuse");
    arguments["expected_version"] = seen["order"]["version"].clone();
    let request = request_id();
    let customer = ground().server.client().header("x-request-id", &request);
    let approved = customer.post(&format!("{path}/{APPROVE}"), &arguments).ok();
    assert_eq!((state(&approved), shop.level(PART)), ("approved", [3_000, 1_000, 2_000]));
    order.version = approved["version"].clone();

    let by = format!("link:{id}");
    for line in shop.view(&shop.advisor, &order)["order"]["lines"].as_array().unwrap() {
        let proof = &line["authorisation"];
        assert_eq!(
            (&proof["method"], &proof["evidence"], &proof["recorded_by"]),
            (&json!("link"), &json!(by), &json!(by))
        );
    }
    let [line] = place.audit_of(&request).try_into().unwrap();
    assert_eq!((&line["user"], &line["origin"], &line["outcome"]), (&json!(by), &json!("link"), &json!("done")));
    let made = place.admin.all(&format!("/v1/stores/{}/audit?limit=200&action=create-link", shop.store));
    assert!(
        made[0]["note"].as_str().unwrap().starts_with(&by) && made[0]["user"] == place.user_name("advisor"),
        "{made:?}"
    );
    // Nobody else says that it was the link.
    let other = shop.awaiting_approval(&[(PART, 1)]);
    let mut claimed = shop.approval(&other, "refuse");
    claimed["decision"]["method"] = json!("link");
    let problem = shop.ask(&shop.advisor, &other, "approve", claimed).problem(422, "operation-refused");
    assert_eq!(problem["error"], json!({ "invalid": { "field": "method", "rule": "not-by-link" } }));
    let token = path.strip_prefix("/l/").unwrap();
    assert!(ground().folder.logged(token).is_empty(), "INVARIANT (no-secrets-logged)");
}

#[test]
fn whatever_is_the_matter_with_a_link_is_one_answer() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    let order = shop.awaiting_approval(&[]);
    let other = shop.awaiting_approval(&[]);
    let (id, path) = link(&shop, &order, json!({ "operations": [GET] }));
    call(&path, GET, json!({})).ok();
    let guessed = format!("/l/{}", "A".repeat(43));
    let expected = refusal(call(&guessed, GET, json!({})));

    let alike = [
        ("no token's form", call("/l/x", GET, json!({}))),
        ("wrong operation", call(&path, APPROVE, shop.approval(&order, "refuse"))),
        ("no operation", call(&path, "repair/orders/get-nothing", json!({}))),
        ("no area", call(&path, "nothing/at/all", json!({}))),
        ("no name", call(&path, "NO/NAME/AT-ALL", json!({}))),
        ("another record", call(&path, GET, json!({ "order": other.id }))),
        ("its own record", call(&path, GET, json!({ "order": order.id }))),
        (
            "no such record",
            call(&link(&shop, &order, json!({ "record": "none", "operations": [GET] })).1, GET, json!({})),
        ),
        (
            "another customer",
            call(&link(&shop, &order, json!({ "customer": "c-9", "operations": [GET] })).1, GET, json!({})),
        ),
    ];
    for (what, answer) in alike {
        assert_eq!(refusal(answer), expected, "{what}");
    }
    assert_eq!(shop.advisor.delete(&format!("/v1/stores/{}/links/{id}", shop.store)).status, 204);
    assert_eq!(refusal(call(&path, GET, json!({}))), expected, "revoked");

    let soon = SystemClock.now().plus_millis(3_000);
    let (_, path) = link(&shop, &order, json!({ "operations": [GET], "expires": in_seconds(2) }));
    let expires = until("the link expires", || match SystemClock.now() >= soon {
        true => Ok(call(&path, GET, json!({}))),
        // Not through the link, whose calls are counted.
        false => Err(ground().server.client().get("/healthz").to_string()),
    });
    assert_eq!(refusal(expires), expected, "expired");

    let (id, path) = link(&shop, &order, json!({ "operations": [GET] }));
    let served = (0..limits::LINK_CALLS).take_while(|_| call(&path, GET, json!({})).status == 200).count();
    assert_eq!(served, limits::LINK_CALLS_ADDRESS);
    assert_eq!(refusal(call(&path, GET, json!({}))), expected, "flooded");
    // The store's own people are told which.
    let rows = place.admin.all(&format!("/v1/stores/{}/audit?limit=200&outcome=denied&user=link:{id}", shop.store));
    assert_eq!(rows[0]["reason"], "throttled", "{rows:?}");
    // What is wrong with other arguments is told to who has the link.
    let (_, path) = link(&shop, &order, json!({}));
    call(&path, APPROVE, json!({ "expected_version": "x" })).problem(400, "invalid-fields");
}

#[test]
fn links_are_made_and_revoked_by_those_with_the_power() {
    let (place, elsewhere) = (ground().place(), ground().place());
    let (shop, there) = (Workshop::open(&place), Workshop::open(&elsewhere));
    let order = shop.awaiting_approval(&[]);
    asked(&shop, &shop.tech, &order, json!({})).problem(403, "forbidden");
    asked(&shop, &there.advisor, &order, json!({})).problem(403, "forbidden");
    asked(&shop, &ground().server.client(), &order, json!({})).problem(401, "unauthenticated");
    for (field, wrong) in [
        ("/operations", json!({ "operations": ["repair/orders/cancel"] })),
        ("/operations", json!({ "operations": ["parts/stock/get-level"] })),
        ("/operations", json!({ "operations": [] })),
        ("/expires", json!({ "expires": in_seconds(-1) })),
        ("/expires", json!({ "expires": in_seconds(100 * 24 * 3_600) })),
        ("/record", json!({ "record": "no id" })),
    ] {
        let problem = asked(&shop, &shop.advisor, &order, wrong).problem(400, "invalid-fields");
        assert_eq!(problem["errors"][0]["pointer"], field);
    }
    let (id, path) = link(&shop, &order, json!({}));
    let links = format!("/v1/stores/{}/links", shop.store);
    let list = |who: &Client| who.all(&format!("{links}?limit=10&record={}", order.id));
    assert_eq!(
        (list(&shop.advisor)[0]["id"].clone(), list(&shop.advisor)[0]["path"].clone()),
        (json!(id), Value::Null)
    );
    assert!(list(&shop.tech).is_empty(), "who could not have made it does not see it");
    there.advisor.get(&links).problem(403, "forbidden");
    shop.tech.delete(&format!("{links}/{id}")).problem(403, "forbidden");
    shop.advisor.delete(&format!("{links}/0123456789abcdef")).problem(404, "unknown-resource");
    call(&path, GET, json!({})).ok();
    assert_eq!(place.admin.delete(&format!("{links}/{id}")).status, 204);
    assert!(list(&shop.advisor)[0]["revoked"].is_string());
    refusal(call(&path, GET, json!({})));

    // A link is no session.
    let (_, path) = link(&shop, &order, json!({}));
    let bearer = ground().server.client().with_token(path.strip_prefix("/l/").unwrap());
    bearer.get("/v1/sessions/current").problem(401, "unauthenticated");
    // What the area's operation no longer serves is closed.
    place.admin.delete(&format!("/v1/stores/{}/modules/repair", shop.store)).ok();
    refusal(call(&path, GET, json!({})));
    let lines = audit_of(&place.admin, &format!("/v1/stores/{}", shop.store), "none");
    assert!(lines.is_empty());
}
