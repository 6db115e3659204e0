//! A plugin that keeps failing is suspended where it fails, until a call of it succeeds again.

use forecourt_base::limits;
use forecourt_tests::client::unless_suspended;
use forecourt_tests::log::request_id;
use forecourt_tests::{Answer, Client, ground};
use serde_json::{Value, json};

fn act(caller: &Client, store: &str, ending: &str) -> Answer {
    caller.call(store, "probe/effects/act", &json!({ "note": "n", "ending": ending }))
}

/// Makes the plugin fail as often as it takes.
fn fail(caller: &Client, store: &str) {
    for _ in 0..limits::BREAKER_FAILURES {
        act(caller, store, "trap").problem(500, "trap");
    }
}

fn suspended(answer: Answer) {
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{answer}");
    let problem = answer.problem(503, "plugin-suspended");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`probe`")), "{problem}");
}

#[test]
fn a_plugin_that_keeps_trapping_is_suspended_and_tried_again() {
    let (place, other) = (ground().place_with_guests(), ground().place_with_guests());
    let (advisor, stranger) = (place.user("advisor"), other.user("advisor"));
    fail(&advisor, &place.store);
    let id = request_id();
    suspended(act(&advisor.header("x-request-id", &id), &place.store, "succeed"));
    assert_eq!(place.audit_of(&id), Vec::<Value>::new(), "a refusal costs no write");
    let gauge = |suspended: u8| {
        let text = advisor.get("/metrics").ok();
        let subject = format!("scope=\"g/{}\",plugin=\"probe\",version=\"0.1.0\"}} {suspended}", place.store);
        text.as_str().is_some_and(|text| text.contains(&subject))
    };
    assert!(gauge(1));
    // Whoever calls it hears whose fault it is, and is itself served on, as the plugin is elsewhere.
    let trip = json!({ "trip": "t", "slot": "a", "place": "here", "ending": "succeed" });
    suspended(advisor.call(&place.store, "relay/trips/travel", &trip));
    advisor.call(&place.store, "relay/trips/list-trips", &json!({})).ok();
    act(&stranger, &other.store, "succeed").ok();

    unless_suspended(|| act(&advisor, &place.store, "succeed")).ok();
    act(&advisor, &place.store, "succeed").ok();
    assert!(!gauge(1));
}

#[test]
fn a_plugin_that_is_enabled_again_begins_anew() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    fail(&advisor, &place.store);
    suspended(act(&advisor, &place.store, "succeed"));
    place.enable("probe", "probe", "0.1.0").ok();
    act(&advisor, &place.store, "succeed").ok();
}

#[test]
fn refusals_and_failures_between_successes_suspend_nobody() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    for _ in 0..2 * limits::BREAKER_FAILURES {
        act(&advisor, &place.store, "fail").problem(422, "operation-refused");
    }
    for _ in 0..2 {
        for _ in 1..limits::BREAKER_FAILURES {
            act(&advisor, &place.store, "trap").problem(500, "trap");
        }
        act(&advisor, &place.store, "succeed").ok();
    }
}

#[test]
fn a_callee_s_traps_are_not_held_against_its_caller() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let trip = json!({ "trip": "t", "slot": "a", "place": "nested", "ending": "trap" });
    for _ in 0..limits::BREAKER_FAILURES {
        let problem = advisor.call(&place.store, "relay/trips/travel", &trip).problem(500, "trap");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`probe`")), "{problem}");
    }
    advisor.call(&place.store, "relay/trips/list-trips", &json!({})).ok();
}
