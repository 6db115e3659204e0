//! Events reach the plugins that subscribe to them, and take effect once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use forecourt_base::limits;
use forecourt_tests::ground::{GROUP, grant, publish};
use forecourt_tests::server::forecourt;
use forecourt_tests::{Client, Ground, Place, ground};
use serde_json::{Value, json};

/// How long a machine may take that does everything else besides.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is as it should be.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match ask() {
            Ok(value) => return value,
            Err(last) if begun.elapsed() > PATIENCE => panic!("{what}: {last}"),
            Err(_) => {}
        }
    }
}

/// Publishes and grants the guests of events.
pub(crate) fn offer(ground: &Ground) {
    for name in ["pulse", "echo", "tally", "watcher"] {
        publish(&ground.admin, name);
        grant(&ground.admin, name, "0.1.0");
    }
}

/// A store in which these guests are at work, each under the name of its area, or its own.
pub(crate) fn place_with<'a>(ground: &'a Ground, names: &[&str]) -> Place<'a> {
    offer(ground);
    let place = ground.place();
    for name in names {
        place.enable(name, name, "0.1.0").ok();
    }
    place
}

/// What is asked of the guests in one store.
pub(crate) struct Shop {
    pub(crate) store: String,
    pub(crate) admin: Client,
    pub(crate) advisor: Client,
}

impl Shop {
    pub(crate) fn of(place: &Place<'_>) -> Self {
        Self { store: place.store.clone(), admin: place.admin.clone(), advisor: place.user("advisor") }
    }

    pub(crate) fn at(&self, url: &str) -> Self {
        Self { store: self.store.clone(), admin: self.admin.at(url), advisor: self.advisor.at(url) }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/stores/{}/{rest}", self.store)
    }

    pub(crate) fn emit(&self, key: &str, count: u32, mood: &str) -> u32 {
        let body = json!({ "key": key, "count": count, "mood": mood });
        let last = self.advisor.call(&self.store, "pulse/beats/emit", &body).ok();
        u32::try_from(last.as_u64().unwrap()).unwrap()
    }

    pub(crate) fn line(&self, id: &str) -> Value {
        let lines = self.advisor.list(&self.store, "tally/lines/list-lines", &json!({}));
        lines.into_iter().find(|line| line["id"] == id).unwrap_or(Value::Null)
    }

    pub(crate) fn mend(&self) {
        self.advisor.call(&self.store, "tally/lines/mend", &json!({})).ok();
    }

    pub(crate) fn subscription(&self, plugin: &str) -> Value {
        let all = self.admin.get(&self.path("subscriptions")).ok();
        let found = all["items"].as_array().unwrap().iter().find(|item| item["plugin"] == plugin).cloned();
        found.unwrap_or(Value::Null)
    }

    pub(crate) fn letters(&self) -> Vec<Value> {
        self.admin.all(&self.path("dead-letters"))
    }

    pub(crate) fn retry(&self, plugin: &str) {
        self.admin.post(&self.path(&format!("subscriptions/{plugin}/retry")), &json!({})).ok();
    }

    pub(crate) fn redrive(&self, letter: &Value) {
        let id = letter["id"].as_str().unwrap();
        self.admin.post(&self.path(&format!("dead-letters/{id}/redrive")), &json!({})).ok();
    }

    /// A line once it was told so often.
    #[track_caller]
    pub(crate) fn told(&self, id: &str, count: u32) -> Value {
        until(id, || {
            let line = self.line(id);
            if line["count"] == count { Ok(line) } else { Err(format!("{line} {}", self.subscription("tally"))) }
        })
    }

    /// Tries what is parked again and again, until nothing is.
    #[track_caller]
    pub(crate) fn settle(&self, plugin: &str) {
        until("nothing is parked", || {
            let subscription = self.subscription(plugin);
            if subscription["parked_keys"] == 0 && subscription["lag"] == 0 {
                return Ok(());
            }
            self.retry(plugin);
            Err(subscription.to_string())
        });
    }
}

#[test]
fn events_are_told_in_order_and_once() {
    let place = place_with(ground(), &["pulse", "echo", "tally"]);
    let shop = Shop::of(&place);
    for _ in 0..5 {
        shop.emit("a", 7, "good");
        shop.emit("b", 1, "good");
    }
    let a = shop.told("a", 35);
    assert_eq!((&a["last"], &a["late"], &a["gaps"]), (&json!(35), &json!(0), &json!(0)));
    shop.told("b", 5);
    // A chain: pulse tells echo, which tells tally.
    let heard = shop.told("echo/a", 35);
    assert_eq!((&heard["last"], &heard["late"], &heard["gaps"]), (&json!(35), &json!(0), &json!(0)));
    let audit = shop.admin.all(&shop.path("audit?action=subscriber/handle&limit=200"));
    let lines: Vec<_> = audit.iter().filter(|line| line["user"] == "plugin:tally").collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line["outcome"] == "done"), "{audit:?}");
    let metrics = shop.admin.get("/metrics").ok();
    let gauge = format!("forecourt_parked_keys{{scope=\"{GROUP}/{}\",plugin=\"tally\"}} 0", shop.store);
    assert!(metrics.as_str().unwrap().contains(&gauge), "{metrics}");
}

#[test]
fn a_failing_event_parks_its_key_alone_and_ends_as_a_dead_letter_that_can_be_redriven() {
    let place = place_with(ground(), &["pulse", "tally"]);
    let shop = Shop::of(&place);
    for mood in ["refused", "trapping", "unusable"] {
        shop.emit(mood, 1, mood);
        shop.emit(mood, 2, "good");
    }
    shop.emit("flaky", 3, "flaky");
    shop.emit("good", 40, "good");
    // Others go on meanwhile.
    assert_eq!(shop.told("good", 40)["gaps"], 0);
    // What can never be handled is a dead letter at once, and its key goes on.
    assert_eq!(shop.told("unusable", 2)["last"], 3);
    let parked = until("three keys are parked", || {
        let parked = shop.admin.all(&shop.path("subscriptions/tally/parked"));
        if parked.len() == 3 { Ok(parked) } else { Err(format!("{parked:?}")) }
    });
    let key = |key: &str| parked.iter().find(|parked| parked["key"] == key).unwrap();
    assert_eq!((&key("refused")["error"], &key("refused")["failures"]), (&json!("not mended"), &json!(1)));
    assert_eq!(key("trapping")["error"], "trap");
    assert!(shop.line("refused").is_null() && shop.line("trapping").is_null() && shop.line("flaky").is_null());
    shop.settle("tally");
    let letters = shop.letters();
    let mut reasons: Vec<_> = letters
        .iter()
        .map(|letter| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&letter["event"]["key"]), text(&letter["reason"]), letter["failures"].as_u64().unwrap())
        })
        .collect();
    reasons.sort();
    let tries = u64::from(limits::DELIVERY_TRIES);
    let expected = [("refused", "failed", tries), ("trapping", "failed", tries), ("unusable", "unusable", 1)];
    assert_eq!(reasons, expected.map(|(key, reason, failures)| (key.to_owned(), reason.to_owned(), failures)));
    // Their keys went on, without the first.
    for key in ["refused", "trapping"] {
        assert_eq!((shop.line(key)["count"].clone(), shop.line(key)["gaps"].clone()), (json!(2), json!(1)));
    }
    assert_eq!((shop.line("flaky")["count"].clone(), shop.line("flaky")["late"].clone()), (json!(3), json!(0)));
    shop.mend();
    for letter in letters.iter().filter(|letter| letter["reason"] == "failed") {
        shop.redrive(letter);
    }
    for key in ["refused", "trapping"] {
        assert_eq!(shop.told(key, 3)["late"], 1);
    }
    let left = shop.letters();
    assert_eq!(left.len(), 1);
    let id = left[0]["id"].as_str().unwrap();
    let path = shop.path(&format!("dead-letters/{id}"));
    assert_eq!(shop.admin.get(&path).ok()["event"]["payload"]["mood"], "unusable");
    shop.admin.delete(&path).ok();
    shop.admin.get(&path).problem(404, "unknown-resource");
    assert_eq!((shop.letters().len(), &shop.subscription("tally")["dead_letters"]), (0, &json!(0)));
}

#[test]
fn what_was_not_delivered_is_for_those_who_answer_for_the_store() {
    let place = place_with(ground(), &["pulse", "tally"]);
    let other = ground().place();
    let shop = Shop::of(&place);
    shop.emit("k", 1, "unusable");
    until("a dead letter", || if shop.letters().len() == 1 { Ok(()) } else { Err(String::new()) });
    let id = shop.letters()[0]["id"].as_str().unwrap().to_owned();
    let manager = place.user("store_manager");
    assert_eq!(manager.get(&shop.path("subscriptions")).ok()["items"].as_array().unwrap().len(), 1);
    let paths = ["subscriptions", "subscriptions/tally/parked", "dead-letters", &format!("dead-letters/{id}")];
    for path in paths {
        shop.advisor.get(&shop.path(path)).problem(403, "forbidden");
        manager.get(&format!("/v1/stores/{}/{path}", other.store)).problem(403, "forbidden");
    }
    shop.advisor.post(&shop.path(&format!("dead-letters/{id}/redrive")), &json!({})).problem(403, "forbidden");
    shop.advisor.delete(&shop.path(&format!("dead-letters/{id}"))).problem(403, "forbidden");
    shop.advisor.post(&shop.path("subscriptions/tally/retry"), &json!({})).problem(403, "forbidden");
    manager.post(&shop.path("subscriptions/tally/retry"), &json!({ "key": "k" })).problem(404, "unknown-resource");
    manager.get(&shop.path("subscriptions/nobody/parked")).problem(404, "unknown-resource");
    manager.get(&shop.path("dead-letters?after=x")).problem(400, "invalid-fields");
    manager.delete(&shop.path(&format!("dead-letters/{id}"))).ok();
    let audit = shop.admin.all(&shop.path("audit?action=drop-dead-letter"));
    assert!(audit.iter().any(|line| line["outcome"] == "done" && line["user"] == place.user_name("store_manager")));
    assert!(shop.admin.all(&shop.path("audit?action=redrive")).iter().any(|line| line["outcome"] == "denied"));
}

#[test]
fn the_command_line_shows_and_settles_what_was_not_delivered() {
    let place = place_with(ground(), &["pulse", "tally"]);
    let shop = Shop::of(&place);
    shop.emit("k", 2, "unusable");
    shop.emit("r", 1, "refused");
    until("two dead letters and a parked key", || {
        let found = shop.subscription("tally");
        if found["dead_letters"] == 2 && found["parked_keys"] == 1 { Ok(()) } else { Err(found.to_string()) }
    });
    let run = |arguments: &[&str]| {
        let url = ground().server.url();
        let mut command = forecourt(arguments);
        command.env("FORECOURT_URL", url).env("FORECOURT_TOKEN", shop.admin.token().unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let subscriptions = run(&["subscriptions", &shop.store]);
    let row: Vec<_> = subscriptions.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row, ["tally", "0.1.0", "0", "1", "2", "echo.heard,pulse.beat"]);
    let letters = run(&["dead-letters", "list", &shop.store]);
    let ids: Vec<_> = letters.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    let shown: Value = serde_json::from_str(&run(&["dead-letters", "show", &shop.store, ids[0]])).unwrap();
    assert_eq!((&shown["reason"], &shown["event"]["key"]), (&json!("unusable"), &json!("k")));
    assert!(run(&["dead-letters", "redrive", &shop.store, ids[0]]).contains("handed to tally again"));
    assert!(run(&["dead-letters", "drop", &shop.store, ids[1]]).contains("dropped"));
    until("it is a dead letter again", || {
        let left = shop.letters();
        if left.len() == 1 && left[0]["id"] != ids[0] { Ok(()) } else { Err(format!("{left:?}")) }
    });
    shop.mend();
    assert_eq!(run(&["retry", &shop.store, "tally", "--key", "r"]), "1 parked keys are tried now\n");
    shop.told("r", 1);
}

#[test]
fn an_extension_has_no_area_and_is_told_all_the_same() {
    let place = place_with(ground(), &["pulse", "tally"]);
    let shop = Shop::of(&place);
    place.enable("pulse", "watcher", "0.1.0").problem(409, "area-not-served");
    shop.emit("k", 2, "good");
    shop.told("k", 2);
    let enabled = place.enable("watcher", "watcher", "0.1.0").ok();
    assert_eq!(enabled["changed"], true);
    // It begins now, and calls as it was granted, on nobody's behalf but its own.
    shop.emit("k", 3, "good");
    let noted = shop.told("note/k", 3);
    assert_eq!((&noted["last"], &noted["gaps"]), (&json!(5), &json!(2)));
    let modules = shop.advisor.get(&shop.path("modules")).ok();
    assert!(modules["items"].as_array().unwrap().iter().any(|module| module["area"] == "watcher"));
    // What it keeps while it is disabled is its place.
    let off = shop.admin.delete(&shop.path("modules/watcher"));
    off.ok();
    shop.emit("k", 4, "good");
    shop.told("k", 9);
    assert!(shop.subscription("watcher")["version"].is_null());
    assert_eq!(shop.subscription("watcher")["lag"], 4);
    place.enable("watcher", "watcher", "0.1.0").ok();
    assert_eq!(shop.told("note/k", 7)["last"], 9);
    // It cannot do without the area that it calls.
    shop.admin.delete(&shop.path("modules/tally")).problem(409, "required-by-others");
    assert_eq!(shop.admin.delete(&shop.path("modules/tally?force=true")).ok()["stops"][0]["area"], "watcher");
}

#[test]
fn a_plugin_is_told_of_what_it_was_granted_alone() {
    let own = Ground::begin();
    offer(&own);
    let narrow = json!({ "kernel": ["storage", "identity", "log"], "subscriptions": ["echo.heard"] });
    let path = format!("/v1/groups/{GROUP}/plugins/tally/versions/0.1.0/grants");
    own.admin.put(&path, &narrow).ok();
    let wide = json!({ "subscriptions": ["repair.approved"] });
    own.admin.put(&path, &wide).problem(409, "wider-than-requested");
    let place = own.place();
    for name in ["pulse", "echo", "tally"] {
        place.enable(name, name, "0.1.0").ok();
    }
    let shop = Shop::of(&place);
    shop.emit("k", 2, "good");
    shop.told("echo/k", 2);
    assert!(shop.line("k").is_null());
    // Granted, a topic that begins with the oldest event is told whole, and no other twice.
    own.admin.put(&path, &json!({ "all_requested": true })).ok();
    shop.told("k", 2);
    shop.emit("k", 1, "good");
    shop.told("echo/k", 3);
    assert_eq!(shop.told("k", 3)["late"], 0);
}

#[test]
fn a_plugin_of_the_group_is_told_in_every_store_and_events_reach_the_store_they_are_for() {
    let own = Ground::begin();
    offer(&own);
    let (first, second) = (own.place(), own.place());
    for area in ["pulse", "tally"] {
        let path = format!("/v1/groups/{GROUP}/modules/{area}");
        own.admin.put(&path, &json!({ "plugin": area, "version": "0.1.0" })).ok();
    }
    let third = own.place();
    let shops = [&first, &second, &third].map(|place| Shop::of(place));
    for (shop, count) in shops.iter().zip(1..) {
        shop.emit("k", count, "good");
    }
    for (shop, count) in shops.iter().zip(1..) {
        shop.told("k", count);
    }
    let to = json!({ "store": second.store, "key": "far", "count": 4 });
    shops[0].advisor.call(&first.store, "pulse/beats/emit-to", &to).ok();
    shops[1].told("far", 4);
    assert!(shops[0].line("far").is_null());
}

#[test]
fn events_that_go_round_end_in_a_dead_letter_that_says_so() {
    let place = place_with(ground(), &["pulse", "echo"]);
    let shop = Shop::of(&place);
    shop.advisor.call(&shop.store, "echo/turns/begin", &json!({ "key": "ring" })).ok();
    let letter = until("the ring is broken", || shop.letters().pop().ok_or_else(String::new));
    assert_eq!((&letter["reason"], &letter["event"]["hops"]), (&json!("hop-limit"), &json!(limits::EVENT_HOPS)));
    assert!(letter["error"].as_str().unwrap().contains("16 handlers"), "{letter}");
    let turns = || shop.advisor.call(&shop.store, "echo/turns/get-turns", &json!({ "key": "ring" })).ok();
    assert_eq!(turns(), limits::EVENT_HOPS);
    // Who redrives it begins anew.
    shop.redrive(&letter);
    until("the ring is broken again", || {
        let (letters, turns) = (shop.letters(), turns());
        if letters.len() == 1 && turns == 2 * limits::EVENT_HOPS { Ok(()) } else { Err(format!("{turns}")) }
    });
}

/// Server-sent events, line by line.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(shop: &Shop, reader: &Client, query: &str, last: Option<&str>) -> Self {
        let mut socket = TcpStream::connect(ground().server.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let (path, token) = (shop.path(&format!("events?{query}")), reader.token().unwrap());
        let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\nconnection: close\r\n{last}\r\n"
        )
        .unwrap();
        Self(BufReader::new(socket))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event: its id and number.
    fn next(&mut self) -> (String, u64) {
        let mut id = String::new();
        loop {
            let line = self.line().expect("the stream goes on");
            if let Some(found) = line.strip_prefix("id: ") {
                id = found.to_owned();
            }
            if let Some(data) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).unwrap();
                return (id, event["payload"]["number"].as_u64().unwrap());
            }
        }
    }

    fn status(&mut self) -> String {
        self.line().unwrap_or_default()
    }
}

#[test]
fn a_stream_of_events_goes_on_where_it_ended_and_ends_with_its_session() {
    let place = place_with(ground(), &["pulse"]);
    let shop = Shop::of(&place);
    shop.emit("k", 3, "good");
    let reader = place.user("store_manager");
    let admin = &shop.admin;
    let mut all = Stream::open(&shop, admin, "topics=pulse.beat&after=000000000000000000000000", None);
    assert!(all.status().contains("200"));
    let read: Vec<_> = (0..3).map(|_| all.next()).collect();
    assert_eq!(read.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [1, 2, 3]);
    shop.emit("k", 1, "good");
    assert_eq!(all.next().1, 4);
    // Resumed, it tells what came meanwhile and nothing twice.
    drop(all);
    let mut resumed = Stream::open(&shop, admin, "topics=pulse.beat", Some(&read[1].0));
    assert_eq!((resumed.next().1, resumed.next().1), (3, 4));
    // Who may read nothing of an area is told nothing of it.
    let mut blind = Stream::open(&shop, &reader, "after=000000000000000000000000", None);
    assert!(blind.status().contains("200"));
    reader.delete("/v1/sessions/current").ok();
    let mut rest = String::new();
    blind.0.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("data: "), "{rest}");
    let mut signed_out = Stream::open(&shop, &reader, "", None);
    assert!(signed_out.status().contains("401"));
    let mut malformed = Stream::open(&shop, admin, "", Some("nowhere"));
    assert!(malformed.status().contains("400"));
}
