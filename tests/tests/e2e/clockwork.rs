//! Timers and cron lines: what is set with a call is told once, in its time, whatever stops in between.

use std::time::{Duration, Instant};

use forecourt_base::{Clock as _, SystemClock, Timestamp};
use forecourt_tests::ground::{Place, grant, publish};
use forecourt_tests::{Answer, Client, Folder, Ground, Server, ground, pause};
use serde_json::{Value, json};

/// Most time that a timer is waited for; what is waited for comes within about a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store in which the guest serves, and an advisor there.
fn open(place: &Place<'_>) -> Client {
    publish(&place.admin, "clockwork");
    grant(&place.admin, "clockwork", "0.1.0");
    place.enable("clockwork", "clockwork", "0.1.0").ok();
    place.user("advisor")
}

const MINUTE_MS: i64 = 60_000;

fn now() -> Timestamp {
    SystemClock.now()
}

fn from_now(ms: i64) -> String {
    now().plus_millis(ms).to_rfc3339()
}

fn set(advisor: &Client, store: &str, key: &str, at: &str, ending: &str) -> Answer {
    let body = json!({ "key": key, "at": at, "text": format!("text of {key}"), "ending": ending });
    advisor.call(store, "clockwork/alarms/set-alarm", &body)
}

fn rings(advisor: &Client, store: &str) -> Vec<(String, String)> {
    let rings = advisor.list(store, "clockwork/alarms/list-rings", &json!({}));
    let text = |ring: &Value, field: &str| ring[field].as_str().unwrap().to_owned();
    rings
        .iter()
        .map(|ring| {
            assert_eq!(ring["text"], format!("text of {}", text(ring, "key")));
            (text(ring, "key"), text(ring, "at"))
        })
        .collect()
}

/// Looks until there is something, or patience is at an end.
#[track_caller]
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        pause();
    }
}

#[test]
fn a_timer_is_told_of_once_in_its_time_and_vanishes_with_its_call() {
    let place = ground().place();
    let advisor = open(&place);
    let store = &place.store;
    let (soon, later) = (from_now(400), from_now(900));
    set(&advisor, store, "later", &later, "succeed").ok();
    set(&advisor, store, "soon", &soon, "succeed").ok();
    set(&advisor, store, "moved", &from_now(300), "succeed").ok();
    set(&advisor, store, "moved", &later, "succeed").ok();
    set(&advisor, store, "cancelled", &from_now(300), "succeed").ok();
    let cancel = |key: &str| advisor.call(store, "clockwork/alarms/cancel-alarm", &json!({ "key": key })).ok();
    assert_eq!((cancel("cancelled"), cancel("cancelled")), (json!(true), json!(false)));
    assert_eq!(set(&advisor, store, "failed", &soon, "fail").status, 422);
    assert_eq!(set(&advisor, store, "trapped", &soon, "trap").status, 500);
    set(&advisor, store, "past", "2001-01-01T00:00:00Z", "succeed").ok();
    let mut told = until("the last timer", || Some(rings(&advisor, store)).filter(|rings| rings.len() == 4));
    assert!(now().to_rfc3339() >= later, "told before its time");
    told.sort();
    let past = "2001-01-01T00:00:00.000Z".to_owned();
    let expected = [("later", later.clone()), ("moved", later), ("past", past), ("soon", soon)];
    assert_eq!(told, expected.map(|(key, at)| (key.to_owned(), at)));
    let events = place.admin.all(&format!("/v1/stores/{store}/events?limit=200&topics=kernel.timer"));
    assert!(
        events.iter().all(|event| event["plugin"] == "clockwork" && event["by"] == "plugin:clockwork"),
        "{events:?}"
    );
    assert_eq!(events.len(), 4);
}

#[test]
fn a_query_sets_no_timer_and_what_is_none_is_refused() {
    let place = ground().place();
    let advisor = open(&place);
    let query = advisor.call(&place.store, "clockwork/alarms/check-setting", &json!({}));
    assert!(query.status == 422 && query.body.to_string().contains("ReadOnly"), "{query}");
    for (key, at, part) in [("", "2030-01-01T00:00:00Z", "BadKey"), ("a", "2099-01-01T00:00:00Z", "BadTime")] {
        let refused = set(&advisor, &place.store, key, at, "succeed");
        assert!(refused.status == 422 && refused.body.to_string().contains(part), "{refused}");
    }
}

/// A kernel of one's own with the guest in one store.
fn own() -> (Folder, Server, Client, String) {
    let ground = Ground::begin();
    let place = ground.place();
    let advisor = open(&place);
    let store = place.store.clone();
    drop(place);
    let Ground { folder, server, .. } = ground;
    (folder, server, advisor, store)
}

#[test]
fn timers_and_cron_lines_outlive_kills_and_are_neither_lost_nor_doubled() {
    let (folder, mut server, advisor, store) = own();
    let mut advisor = advisor;
    let mut expected = Vec::new();
    // Some are due while the kernel is down, some when it is up again, one round of them while it starts.
    for round in 0..4_i64 {
        for number in 0..6_i64 {
            let (key, at) = (format!("r{round}-{number}"), from_now(number * 150));
            set(&advisor, &store, &key, &at, "succeed").ok();
            expected.push((key, at));
        }
        let moment = now().plus_millis(round * 130);
        while now() < moment {
            pause();
        }
        server.kill();
        server = Server::start(&folder, &[]);
        advisor = advisor.at(server.url());
    }
    expected.sort();
    let told = until("every timer", || Some(rings(&advisor, &store)).filter(|rings| rings.len() >= expected.len()));
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let runs = |advisor: &Client| advisor.list(&store, "clockwork/alarms/list-runs", &json!({}));
    let before = end_of_minute(|| runs(&advisor)).len();
    server.kill();
    let minute = Timestamp::from_millis((now().as_millis() / MINUTE_MS + 1) * MINUTE_MS);
    // The line comes due while nothing runs.
    while now() < minute {
        pause();
    }
    let server = Server::start(&folder, &[]);
    let advisor = advisor.at(server.url());
    let after = until("the missed run", || Some(runs(&advisor)).filter(|runs| runs.len() > before));
    let planned: Vec<&str> = after.iter().map(|run| run["planned"].as_str().unwrap()).collect();
    assert!(planned.is_sorted_by(|a, b| a < b), "{planned:?}");
    assert!(planned.contains(&&*minute.to_rfc3339()), "{planned:?} {minute}");
    assert!(planned.iter().all(|planned| planned.ends_with(":00.000Z")), "{planned:?}");
    assert_eq!(rings(&advisor, &store), told, "nothing is told twice");
    assert!(server.stop().success());
}

/// Waits until a minute has some seconds left, so that what follows ends within it, and a run has been told of.
fn end_of_minute(mut runs: impl FnMut() -> Vec<Value>) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let (found, second) = (runs(), now().as_millis() % MINUTE_MS / 1_000);
        if !found.is_empty() && (5..50).contains(&second) {
            return found;
        }
        assert!(Instant::now() < end, "no run of the cron line was told of");
        pause();
    }
}
