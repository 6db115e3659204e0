//! Transactions across plugins: whatever ends a call after its nested effects, nothing of it stays but one line of the audit.

use forecourt_tests::client::unless_late;
use forecourt_tests::log::request_id;
use forecourt_tests::{Answer, Client, Place, ground};
use serde_json::{Value, json};

/// An ending, and what the caller hears: status, problem, and the limit where one was breached.
struct Cause {
    ending: Value,
    status: u16,
    problem: &'static str,
    limit: Option<&'static str>,
}

fn cause(ending: Value, status: u16, problem: &'static str) -> Cause {
    Cause { ending, status, problem, limit: None }
}

fn breach(limit: &str, name: &'static str) -> Cause {
    Cause { ending: json!({ "breach": limit }), status: 500, problem: "limit-exceeded", limit: Some(name) }
}

fn causes() -> Vec<Cause> {
    vec![
        cause(json!("fail"), 422, "operation-refused"),
        cause(json!("trap"), 500, "trap"),
        cause(json!({ "breach": "wall" }), 504, "timeout"),
        breach("processor", "TREE_CPU_MS"),
        breach("memory", "INSTANCE_MEMORY_BYTES"),
        breach("stack", "GUEST_STACK_BYTES"),
        breach("writes", "TREE_WRITES"),
        breach("write_bytes", "TREE_WRITE_BYTES"),
        breach("read_rows", "TREE_READ_ROWS"),
        breach("read_bytes", "TREE_READ_BYTES"),
        breach("events", "TREE_EVENTS"),
        breach("log_bytes", "TREE_LOG_BYTES"),
        breach("series", "TREE_SERIES"),
        breach("hostcall_fuel", "HOSTCALL_FUEL"),
        breach("index_entries", "RECORD_INDEX_ENTRIES"),
    ]
}

/// How many records of each collection there are.
fn records(caller: &Client, store: &str) -> [usize; 4] {
    let lists = [
        ("relay/trips/list-trips", json!({})),
        ("probe/holds/list-holds", json!({})),
        ("probe/holds/list-wishes", json!({})),
    ];
    let [trips, holds, wishes] = lists.map(|(operation, arguments)| caller.list(store, operation, &arguments).len());
    [trips, holds, wishes, caller.list(store, "probe/effects/list-notes", &json!({ "limit": 200 })).len()]
}

/// The one line of the audit, which names no record.
fn only_line(place: &Place<'_>, request_id: &str, told: &str) -> Value {
    let lines = place.audit_of(request_id);
    let [line] = lines.as_slice() else { panic!("{told}: {lines:#?}") };
    line.clone()
}

fn check_nothing_stayed(place: &Place<'_>, caller: &Client, request_id: &str, told: &str) -> Value {
    assert_eq!(records(caller, &place.store), [0; 4], "{told}");
    assert_eq!(place.events_of(request_id), Vec::<Value>::new(), "{told}");
    let line = only_line(place, request_id, told);
    assert_eq!((&line["outcome"], &line["records"]), (&json!("failed"), &json!([])), "{told}: {line}");
    line
}

fn heard(answer: Answer, cause: &Cause, told: &str) -> Value {
    let problem = answer.problem(cause.status, cause.problem);
    assert_eq!(problem["limit"].as_str(), cause.limit, "{told}: {problem}");
    problem
}

#[test]
fn a_call_that_fails_after_its_nested_effects_leaves_its_audit_line_alone() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    for where_ in ["here", "nested"] {
        for cause in causes() {
            let told = format!("{} {where_}", cause.ending);
            let arguments = json!({ "trip": "t", "slot": "a", "place": where_, "ending": cause.ending });
            let mut line = Value::Null;
            let mut ask = || {
                let id = request_id();
                let answer = advisor.header("x-request-id", &id).call(&place.store, "relay/trips/travel", &arguments);
                line = check_nothing_stayed(&place, &advisor, &id, &told);
                answer
            };
            let answer = if cause.status == 504 { ask() } else { unless_late(ask) };
            let problem = heard(answer, &cause, &told);
            assert_eq!(line["action"], "relay/trips/travel", "{told}");
            if cause.status == 422 {
                let expected = if where_ == "here" {
                    json!({ "asked_to": "fail" })
                } else {
                    json!({ "nested": "Error::AskedTo(\"fail\")" })
                };
                assert_eq!(
                    (&problem["error"], &line["chain"][0]["operation"]),
                    (&expected, &json!("probe/holds/take")),
                    "{told}"
                );
            }
        }
    }
}

#[test]
fn a_call_that_succeeds_leaves_everything_and_one_audit_line() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let id = request_id();
    let arguments = json!({ "trip": "t", "slot": "a", "place": "nested", "ending": "succeed" });
    let trip = advisor.header("x-request-id", &id).call(&place.store, "relay/trips/travel", &arguments).ok();
    assert_eq!(trip, json!({ "id": "t", "slot": "a", "holder": place.user_name("advisor") }));
    assert_eq!(records(&advisor, &place.store), [1, 1, 1, 1]);
    let events = place.events_of(&id);
    let topics: Vec<&str> = events.iter().filter_map(|event| event["topic"].as_str()).collect();
    assert_eq!(topics, ["relay.travelled", "probe.held", "probe.noted"]);
    assert_eq!(events[1]["payload"], json!({ "slot": "a", "holder": place.user_name("advisor") }));
    let line = only_line(&place, &id, "success");
    let nested = |operation: &str| json!({ "operation": operation, "caller": "relay", "elevated": true });
    assert_eq!(line["chain"], json!([nested("probe/holds/take"), nested("probe/effects/act")]));
    let keys: Vec<String> = line["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| format!("{}/{}", record["owner"], record["collection"]).replace('"', ""))
        .collect();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(
        (line["outcome"].as_str(), sorted),
        (Some("done"), ["probe/holds", "probe/notes", "probe/wishes", "relay/trips"].map(str::to_owned).to_vec())
    );
}

#[test]
fn a_nested_err_that_is_handled_undoes_its_own_effects_alone() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let first = advisor.call(&place.store, "relay/trips/endure", &json!({ "trip": "t1", "slot": "a" })).ok();
    let id = request_id();
    let second = advisor
        .header("x-request-id", &id)
        .call(&place.store, "relay/trips/endure", &json!({ "trip": "t2", "slot": "a" }))
        .ok();
    assert_eq!(second["holder"], first["holder"]);
    // The refused `take` had written a wish and published an event.
    assert_eq!(records(&advisor, &place.store), [2, 1, 1, 0]);
    let topics: Vec<Value> = place.events_of(&id).iter().map(|event| event["topic"].clone()).collect();
    assert_eq!(topics, ["relay.travelled"]);
    let line = only_line(&place, &id, "handled");
    assert_eq!(
        (line["outcome"].as_str(), line["chain"][0]["operation"].as_str()),
        (Some("done"), Some("probe/holds/take"))
    );
}

#[test]
fn a_nested_right_that_is_lacking_ends_the_call() {
    let place = ground().place_with_guests();
    let (advisor, tech) = (place.user("advisor"), place.user("tech"));
    advisor.call(&place.store, "probe/counters/make", &json!({ "counter": "c" })).ok();
    let id = request_id();
    advisor
        .header("x-request-id", &id)
        .call(&place.store, "relay/trips/count", &json!({ "counter": "c" }))
        .problem(403, "plugin-not-allowed");
    assert_eq!(records(&advisor, &place.store), [0; 4]);
    let line = only_line(&place, &id, "denied");
    assert_eq!(
        (line["outcome"].as_str(), line["user"].as_str()),
        (Some("denied"), Some(place.user_name("advisor").as_str()))
    );
    assert_eq!(tech.call(&place.store, "relay/trips/count", &json!({ "counter": "c" })).ok(), 1);
}

#[test]
fn a_tree_of_calls_is_bounded_as_a_whole() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    advisor.call(&place.store, "relay/trips/roam", &json!({ "calls": 100 })).ok();
    assert_eq!(records(&advisor, &place.store), [1, 0, 0, 0]);
    let id = request_id();
    let answer = advisor.header("x-request-id", &id).call(&place.store, "relay/trips/roam", &json!({ "calls": 300 }));
    assert_eq!(answer.problem(500, "limit-exceeded")["limit"], "TREE_CALLS");
    assert_eq!(only_line(&place, &id, "roam")["reason"], "TREE_CALLS");
}

#[test]
fn a_query_writes_nothing() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let id = request_id();
    let answer = advisor.header("x-request-id", &id).call(&place.store, "probe/effects/check-writing", &json!({}));
    assert_eq!(answer.problem(422, "operation-refused")["error"], json!({ "other": "storage: Error::ReadOnly" }));
    assert_eq!((records(&advisor, &place.store), place.audit_of(&id)), ([0; 4], vec![]));
}

/// Conflicts never run out of attempts, for the last one excludes all others: so the cause "conflict" is shown by its absence.
#[test]
fn calls_that_conflict_follow_one_another_with_all_their_nested_effects() {
    const CALLERS: u64 = 4;
    const CALLS: u64 = 15;
    let place = ground().place_with_guests();
    let (advisor, tech) = (place.user("advisor"), place.user("tech"));
    advisor.call(&place.store, "probe/counters/make", &json!({ "counter": "c" })).ok();
    advisor.call(&place.store, "probe/counters/make", &json!({ "counter": "added" })).ok();
    let mut totals: Vec<i64> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (tech, store) = (&tech, &place.store);
                scope.spawn(move || {
                    (0..CALLS)
                        .map(|at| {
                            let arguments = json!({ "slot": format!("{caller}-{at}"), "counter": "c" });
                            let total =
                                tech.call(store, "relay/trips/hold-and-bump", &arguments).ok().as_i64().unwrap();
                            tech.call(store, "probe/counters/tally", &json!({ "counter": "added", "n": total })).ok();
                            total
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    totals.sort_unstable();
    let all = i64::try_from(CALLERS * CALLS).unwrap();
    assert_eq!(totals, (1..=all).collect::<Vec<_>>());
    let total =
        |counter: &str| tech.call(&place.store, "probe/counters/get-total", &json!({ "counter": counter })).ok();
    assert_eq!((total("c"), total("added")), (json!(all), json!(all * (all + 1) / 2)));
    let count = usize::try_from(all).unwrap();
    assert_eq!(records(&tech, &place.store), [count, count, count, 0]);
    let events = place.admin.all(&format!("/v1/stores/{}/events?limit=200", place.store));
    assert_eq!(events.iter().filter(|event| event["topic"] == "probe.held").count(), count);
}

#[test]
fn a_sum_beyond_a_fields_width_ends_the_call() {
    let place = ground().place_with_guests();
    let tech = place.user("tech");
    place.admin.call(&place.store, "probe/counters/make", &json!({ "counter": "c" })).ok();
    let add = |operation: &str, n: Value| tech.call(&place.store, operation, &json!({ "counter": "c", "n": n }));
    let get = |operation: &str| tech.call(&place.store, operation, &json!({ "counter": "c" })).ok();
    add("probe/counters/tally", json!(i64::MAX.to_string())).ok();
    let beyond = add("probe/counters/tally", json!(1));
    assert_eq!(beyond.status, 500, "{beyond}");
    add("probe/counters/tally", json!((-i64::MAX).to_string())).ok();
    assert_eq!(get("probe/counters/get-total"), 0);
    add("probe/counters/tally-small", json!(u32::MAX)).ok();
    assert_eq!(get("probe/counters/get-small"), u32::MAX);
    for n in [1, -1 - i64::from(u32::MAX)] {
        let refused = add("probe/counters/tally-small", json!(n));
        assert_eq!(refused.status, 500, "{refused}");
        assert_eq!(refused.body["limit"], "ADD_SUM_BITS", "{refused}");
        assert_eq!(get("probe/counters/get-small"), u32::MAX);
    }
    tech.call(&place.store, "probe/counters/tally", &json!({ "counter": "none", "n": 1 })).problem(404, "not-found");
}
