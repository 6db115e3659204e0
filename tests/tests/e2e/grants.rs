//! A plugin uses no kernel interface that its group did not grant, though it asked for it.

use forecourt_tests::ground::GROUP;
use forecourt_tests::log::request_id;
use forecourt_tests::{Client, Ground};
use serde_json::{Value, json};

/// Each kernel interface that the guest asks for, and an operation that uses it.
fn uses() -> [(&'static str, &'static str, Value); 7] {
    [
        ("storage", "list-notes", json!({ "limit": 1 })),
        ("events", "act", json!({ "note": "n", "ending": "succeed" })),
        ("identity", "check-power", json!({})),
        ("clock", "get-facts", json!({ "interfaces": [] })),
        ("ids", "take-numbers", json!({ "series": "s", "count": 1 })),
        ("modules", "get-facts", json!({ "interfaces": ["forecourt:repair/orders"] })),
        ("log", "act", json!({ "note": "n", "ending": { "breach": "log_bytes" } })),
    ]
}

fn grant(admin: &Client, kernel: &[&str]) {
    let path = format!("/v1/groups/{GROUP}/plugins/probe/versions/0.1.0/grants");
    let topics = ["probe.noted", "probe.held", "probe.moved"];
    admin.put(&path, &json!({ "kernel": kernel, "topics": topics })).ok();
}

#[test]
fn every_interface_that_was_not_granted_is_refused_and_audited() {
    let ground = Ground::begin();
    let place = ground.place_with_guests();
    let advisor = place.user("advisor");
    let all = uses().map(|(interface, ..)| interface);
    for (missing, operation, arguments) in uses() {
        let others: Vec<&str> = all.into_iter().filter(|interface| *interface != missing).collect();
        grant(&place.admin, &others);
        let id = request_id();
        let operation = format!("probe/effects/{operation}");
        let answer = advisor.header("x-request-id", &id).call(&place.store, &operation, &arguments);
        let problem = answer.problem(403, "plugin-not-allowed");
        let expected = format!("plugin-not-granted:{missing}");
        assert!(problem["detail"].as_str().unwrap().contains(&expected), "{missing}: {problem}");
        let [line] = place.audit_of(&id).try_into().unwrap();
        let told = (&line["outcome"], &line["reason"], &line["action"], &line["records"]);
        assert_eq!(told, (&json!("denied"), &json!(expected), &json!(operation), &json!([])), "{missing}");
    }
    grant(&place.admin, &all);
    for (interface, operation, arguments) in uses().into_iter().filter(|(interface, ..)| *interface != "log") {
        let answer = advisor.call(&place.store, &format!("probe/effects/{operation}"), &arguments);
        assert_eq!(answer.status, 200, "{interface}: {answer}");
    }
    assert_eq!(place.admin.get(&format!("/v1/stores/{}/modules/probe", place.store)).status, 200);
}
