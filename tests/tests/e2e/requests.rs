//! Requests as such: repeated, malformed, in two languages.

use forecourt_tests::ground::GROUP;
use forecourt_tests::log::request_id;
use forecourt_tests::{Answer, Client, ground};
use serde_json::{Value, json};

const ACT: &str = "probe/effects/act";

fn act(client: &Client, store: &str, note: &str, ending: &str) -> Answer {
    client.call(store, ACT, &json!({ "note": note, "ending": ending }))
}

#[test]
fn a_request_with_the_same_key_has_its_effect_once() {
    let place = ground().place_with_guests();
    let (advisor, store) = (place.user("advisor"), &place.store);
    let keyed = advisor.header("idempotency-key", "k1");
    let first = act(&keyed, store, "n", "succeed");
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = act(&keyed, store, "n", "succeed");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.ok(), again.ok());
    act(&keyed, store, "other", "succeed").problem(422, "idempotency-mismatch");

    // An `err` is an answer and is kept; a trap is none.
    let failing = advisor.header("idempotency-key", "k2");
    let error = act(&failing, store, "e", "fail").problem(422, "operation-refused");
    let again = act(&failing, store, "e", "fail");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.problem(422, "operation-refused")["error"], error["error"]);
    let trapping = advisor.header("idempotency-key", "k3");
    let traps: Vec<usize> = (0..2)
        .map(|_| {
            let id = request_id();
            let answer = act(&trapping.header("x-request-id", &id), store, "t", "trap");
            assert_eq!(answer.header("idempotency-replayed"), None);
            answer.problem(500, "trap");
            place.audit_of(&id).len()
        })
        .collect();
    assert_eq!(traps, [1, 1]);

    // Keys are each principal's own, and each operation's.
    let other = place.admin.header("idempotency-key", "k1");
    assert_eq!(act(&other, store, "other", "succeed").header("idempotency-replayed"), None);
    keyed.call(store, "probe/counters/make", &json!({ "counter": "c" })).ok();
    let events = place.admin.all(&format!("/v1/stores/{store}/events?limit=200"));
    assert_eq!(events.iter().map(|event| &event["key"]).collect::<Vec<_>>(), ["n", "other"]);
}

#[test]
fn the_same_key_at_once_has_its_effect_once() {
    const CALLERS: usize = 6;
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    for account in ["a", "b"] {
        advisor.call(&place.store, "probe/accounts/open", &json!({ "account": account, "balance": 100 })).ok();
    }
    let keyed = advisor.header("idempotency-key", "pay-once");
    let transfer = json!({ "transfer": { "id": "t", "source": "a", "target": "b", "amount": 30 } });
    std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..CALLERS).map(|_| scope.spawn(|| keyed.call(&place.store, "probe/accounts/pay", &transfer))).collect();
        let answers: Vec<Answer> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
        let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
        assert_eq!(first, 1);
        answers.into_iter().for_each(|answer| drop(answer.ok()));
    });
    let balances: Vec<Value> = advisor
        .list(&place.store, "probe/accounts/list-accounts", &json!({}))
        .iter()
        .map(|account| account["balance"].clone())
        .collect();
    assert_eq!(balances, [70, 130]);
    assert_eq!(place.admin.all(&format!("/v1/stores/{}/events", place.store)).len(), 1);
}

/// A body, and the problem it is: status, type, and the pointer of the wrong field.
const BODIES: &[(&str, u16, &str, Option<&str>)] = &[
    ("{", 400, "malformed-json", None),
    ("", 400, "invalid-fields", Some("/note")),
    ("{\"note\":\"n\",\"note\":\"m\",\"ending\":\"succeed\"}", 400, "", None),
    ("[]", 400, "invalid-fields", Some("")),
    ("{}", 400, "invalid-fields", Some("/note")),
    ("{\"note\":\"n\"}", 400, "invalid-fields", Some("/ending")),
    ("{\"note\":\"n\",\"ending\":\"succeed\",\"more\":1}", 400, "invalid-fields", Some("/more")),
    ("{\"note\":1,\"ending\":\"succeed\"}", 400, "invalid-fields", Some("/note")),
    ("{\"note\":\"n\",\"ending\":\"explode\"}", 400, "invalid-fields", Some("/ending")),
    ("{\"note\":\"n\",\"ending\":{\"breach\":\"nothing\"}}", 400, "invalid-fields", Some("/ending/breach")),
    ("{\"note\":\"n\",\"ending\":{\"succeed\":1}}", 400, "invalid-fields", Some("/ending")),
];

#[test]
fn a_body_that_is_wrong_is_told_where_and_in_both_languages() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let path = format!("/v1/stores/{}/{ACT}", place.store);
    for (body, status, name, pointer) in BODIES {
        let send = |language: &str| {
            let client = advisor.header("accept-language", language);
            client.send("POST", &path, Some("application/json"), body.as_bytes()).unwrap()
        };
        let answer = send("en");
        let name = if name.is_empty() {
            answer.body["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
        } else {
            (*name).to_owned()
        };
        let english = answer.problem(*status, &name);
        let chinese = send("zh-CN,zh;q=0.9").problem(*status, &name);
        let is_chinese = |text: &Value| text.as_str().unwrap().chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for field in ["title", "detail"] {
            assert!(!is_chinese(&english[field]) && is_chinese(&chinese[field]), "{body}: {english} {chinese}");
        }
        if let Some(pointer) = pointer {
            assert_eq!(
                (&english["errors"][0]["pointer"], &chinese["errors"][0]["pointer"]),
                (&json!(pointer), &json!(pointer)),
                "{body}: {english}"
            );
            assert!(is_chinese(&chinese["errors"][0]["detail"]), "{chinese}");
        }
    }
    assert_eq!(advisor.list(&place.store, "probe/effects/list-notes", &json!({ "limit": 0 })), Vec::<Value>::new());
}

#[test]
fn a_request_that_is_wrong_beside_its_body_is_told_too() {
    let place = ground().place_with_guests();
    let (advisor, store) = (place.user("advisor"), &place.store);
    let path = format!("/v1/stores/{store}/{ACT}");
    let send = |content_type: &str, body: &[u8]| advisor.send("POST", &path, Some(content_type), body).unwrap();
    send("text/plain", b"{}").problem(415, "unsupported-media-type");
    let large = format!("{{\"note\":\"{}\",\"ending\":\"succeed\"}}", "n".repeat(forecourt_base::limits::BODY_BYTES));
    // A client that asks first is told before it sends; one that does not may find the connection closed.
    let asking = advisor.header("expect", "100-continue");
    asking.send("POST", &path, Some("application/json"), large.as_bytes()).unwrap().problem(413, "body-too-large");
    let deep = format!("{{\"note\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(send("application/json", deep.as_bytes()).status, 400);
    for key in [" ", &"k".repeat(129)] {
        act(&advisor.header("idempotency-key", key), store, "n", "succeed").problem(400, "invalid-idempotency-key");
    }
    advisor.call(store, "probe/effects/fly", &json!({})).problem(404, "unknown-operation");
    advisor.call(store, "probe/wings/act", &json!({})).problem(404, "unknown-operation");
    advisor.call(store, "wings/effects/act", &json!({})).problem(404, "area-not-enabled");
    advisor.get("/v2").problem(404, "unknown-path");
    let wrong = advisor.put(&path, &json!({}));
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("POST")), "{wrong}");
    wrong.problem(405, "method-not-allowed");
    let told = advisor.get("/problems/stale").ok();
    assert_eq!((&told["status"], &told["title"]["zh-CN"]), (&json!(409), &json!("数据已变更")));
}

#[test]
fn every_answer_names_its_request() {
    let client = ground().server.client();
    let named = client.header("x-request-id", "mine-1").get("/healthz");
    assert_eq!((named.status, named.header("x-request-id")), (200, Some("mine-1")));
    let unsafe_id = client.header("x-request-id", "a b").get("/healthz");
    assert!(unsafe_id.header("x-request-id").is_some_and(|id| id.len() == 36), "{unsafe_id}");
    assert_eq!(client.get("/readyz").status, 200);
    let metrics = client.get("/metrics").ok();
    assert!(metrics.as_str().unwrap().lines().any(|line| line.starts_with("# TYPE forecourt_")), "{metrics}");
    client.get("/nothing").problem(404, "unknown-path");
}

#[test]
fn numbers_beyond_what_json_readers_hold_are_text_and_may_come_as_either() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let open = |account: &str, balance: Value| {
        advisor.call(&place.store, "probe/accounts/open", &json!({ "account": account, "balance": balance }))
    };
    assert_eq!(open("a", json!("9007199254740993")).ok()["balance"], "9007199254740993");
    assert_eq!(open("b", json!(9_007_199_254_740_991_i64)).ok()["balance"], 9_007_199_254_740_991_i64);
    assert_eq!(open("c", json!("12")).ok()["balance"], 12);
    for wrong in [json!("9223372036854775808"), json!(1.5), json!("1e3"), json!(null)] {
        let problem = open("d", wrong.clone()).problem(400, "invalid-fields");
        assert_eq!(problem["errors"][0]["pointer"], "/balance", "{wrong}");
    }
    let group = place.admin.get(&format!("/v1/groups/{GROUP}/modules")).ok();
    assert_eq!(group["items"], json!([]));
}
