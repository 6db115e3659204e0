//! Outbound requests: sent once their call has committed, repeated under one key, refused where they may not go, told once.

use std::time::{Duration, Instant};

use forecourt_tests::ground::{GROUP, grant, publish};
use forecourt_tests::outside::Outside;
use forecourt_tests::server::{PASSWORD, forecourt, run};
use forecourt_tests::{Client, Folder, Server};
use serde_json::{Value, json};

const NEVER: Duration = Duration::from_secs(120);
const SECRET: &str = "dusty-road-secret-42";

/// A kernel that may reach the loopback, with the guest `caller` in store `s`.
struct Ground {
    folder: Folder,
    server: Server,
    admin: Client,
    outside: Outside,
}

const OUTLETS: [&str; 6] =
    ["--outbound-private", "127.0.0.1", "--outbound-plain", "127.0.0.1", "--outbound-plain", "localhost"];

impl Ground {
    fn begin(flags: &[&str]) -> Self {
        let folder = Folder::with_group(GROUP);
        let server = Server::start(&folder, flags);
        let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
        publish(&admin, "caller");
        grant(&admin, "caller", "0.1.0");
        admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "s", "name": "s" })).ok();
        let module = json!({ "plugin": "caller", "version": "0.1.0" });
        admin.put("/v1/stores/s/modules/caller", &module).ok();
        Self { folder, server, admin, outside: Outside::start() }
    }

    fn send(&self, key: &str, path: &str) -> String {
        let id = send(&self.admin, key, &self.outside.url(path), false, "well").ok();
        id.as_str().unwrap().to_owned()
    }

    /// What the plugin was told of a request, once it was.
    fn told(&self, key: &str) -> Value {
        told(&self.admin, key)
    }

    fn outbox(&self, query: &str) -> Vec<Value> {
        self.admin.all(&format!("/v1/stores/s/outbox{query}"))
    }

    /// Waits until a request stands so.
    fn wait_for(&self, id: &str, met: impl Fn(Option<&Value>) -> bool) -> Option<Value> {
        wait_until("the request stands otherwise", || {
            let all = self.outbox("");
            let found = all.iter().find(|request| request["id"] == id);
            met(found).then(|| found.cloned())
        })
    }
}

fn send(client: &Client, key: &str, url: &str, secretly: bool, ending: &str) -> forecourt_tests::Answer {
    let arguments = json!({ "key": key, "url": url, "secretly": secretly, "ending": ending });
    client.call("s", "caller/calls/send", &arguments)
}

fn told(client: &Client, key: &str) -> Value {
    wait_until("the plugin is not told", || {
        let answer = client.call("s", "caller/calls/get-answer", &json!({ "key": key }));
        (answer.status == 200).then_some(answer.body)
    })
}

fn wait_until<T>(what: &str, met: impl Fn() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = met() {
            return value;
        }
        assert!(since.elapsed() < NEVER, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_request_is_sent_once_its_call_has_committed_and_its_answer_told_once() {
    let ground = Ground::begin(&OUTLETS);
    let id = ground.send("a", "/ok/a");
    let answer = ground.told("a");
    assert_eq!((&answer["status"], &answer["told"], &answer["attempts"]), (&json!(200), &json!(1), &json!(1)));
    let asked = ground.outside.asked("/ok/a");
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].header("idempotency-key"), asked[0].body.as_str()), (id.as_str(), "\"a\""));
    assert_eq!(asked[0].header("content-type"), "application/json");
    assert!(asked[0].header("user-agent").starts_with("forecourt/"));
    ground.wait_for(&id, |request| request.is_none());
    // A call that fails sends nothing.
    send(&ground.admin, "b", &ground.outside.url("/ok/b"), false, "badly").problem(422, "operation-refused");
    send(&ground.admin, "c", &ground.outside.url("/ok/c"), false, "abruptly").problem(500, "trap");
    ground.send("d", "/ok/d");
    ground.told("d");
    assert!(ground.outside.asked("/ok/b").is_empty() && ground.outside.asked("/ok/c").is_empty());
    assert!(ground.outbox("").is_empty());
    let lines = ground.admin.all("/v1/stores/s/audit?action=http-request");
    let line = lines.iter().find(|line| line["note"].as_str().unwrap().starts_with(&id)).unwrap();
    assert_eq!((&line["user"], &line["outcome"]), (&json!("plugin:caller"), &json!("done")));
    assert!(
        line["note"].as_str().unwrap().contains("POST 127.0.0.1:") && !line["note"].as_str().unwrap().contains("/ok")
    );
}

#[test]
fn what_may_pass_is_tried_again_under_the_same_key() {
    let ground = Ground::begin(&OUTLETS);
    let (failing, busy) = (ground.send("f", "/fail/2/f"), ground.send("g", "/busy/g"));
    let answer = ground.told("f");
    assert_eq!((&answer["status"], &answer["attempts"], &answer["told"]), (&json!(200), &json!(3), &json!(1)));
    let asked = ground.outside.asked("/fail/2/f");
    assert!(asked.len() == 3 && asked.iter().all(|asked| asked.header("idempotency-key") == failing));
    let answer = ground.told("g");
    assert_eq!((&answer["status"], &answer["attempts"]), (&json!(200), &json!(2)));
    assert!(ground.outside.asked("/busy/g").iter().all(|asked| asked.header("idempotency-key") == busy));
}

#[test]
fn redirects_are_answers_and_large_answers_failures() {
    let ground = Ground::begin(&OUTLETS);
    ground.send("r", "/redirect/r");
    let answer = ground.told("r");
    assert_eq!((&answer["status"], &answer["location"]), (&json!(302), &json!("/ok/elsewhere")));
    assert!(ground.outside.asked("/ok/elsewhere").is_empty());
    let big = ground.send("b", "/big/b");
    assert_eq!(ground.told("b")["failed"], "answer-too-large");
    let kept = ground.wait_for(&big, |request| request.is_some_and(|request| request["state"] == "failed")).unwrap();
    assert_eq!((&kept["host"], &kept["attempts"]), (&json!(format!("127.0.0.1:{}", ground.outside.port())), &json!(1)));
    assert_eq!(ground.outside.asked("/big/b").len(), 1, "it arrived: it is not sent again");
}

#[test]
fn what_never_answers_fails_after_its_attempts_and_may_be_tried_again_by_hand() {
    let ground = Ground::begin(&OUTLETS);
    let slow = ground.send("s", "/slow/s");
    let waiting = |request: Option<&Value>| request.is_some_and(|request| request["last_failure"] == "timeout");
    let request = ground.wait_for(&slow, waiting).unwrap();
    assert_eq!((&request["state"], &request["attempts"]), (&json!("queued"), &json!(1)));
    ground.admin.delete(&format!("/v1/stores/s/outbox/{slow}")).ok();
    assert!(ground.outbox("").is_empty());
    // Each retry is an attempt at once, so that the pauses need not pass.
    let failing = ground.send("f", "/fail/100/f");
    let failed = wait_until("it does not fail for good", || {
        ground.admin.post(&format!("/v1/stores/s/outbox/{failing}/retry"), &json!({})).ok();
        let answer = ground.admin.call("s", "caller/calls/get-answer", &json!({ "key": "f" }));
        (answer.status == 200).then_some(answer.body)
    });
    assert_eq!(
        (&failed["failed"], &failed["attempts"], &failed["status"]),
        (&json!("status-500"), &json!(8), &Value::Null)
    );
    let none = "019b0000-0000-7000-8000-000000000000";
    ground.admin.post(&format!("/v1/stores/s/outbox/{none}/retry"), &json!({})).problem(404, "unknown-resource");
    let metrics = ground.server.client().get("/metrics").ok();
    assert!(metrics.as_str().unwrap().contains("forecourt_outbound_attempts_total{plugin=\"caller\",answer=\"5xx\"}"));
}

#[test]
fn an_answer_that_the_plugin_does_not_take_waits_for_people() {
    let ground = Ground::begin(&OUTLETS);
    let id = ground.send("unusable-1", "/ok/u");
    let kept =
        ground.wait_for(&id, |request| request.is_some_and(|request| request["state"] == "undelivered")).unwrap();
    assert_eq!((&kept["status"], &kept["deliveries"]), (&json!(200), &json!(1)));
    ground.admin.call("s", "caller/calls/get-answer", &json!({ "key": "unusable-1" })).problem(404, "not-found");
    let later = ground.send("later-1", "/ok/l");
    assert_eq!(ground.told("later-1")["told"], 1, "what a refused try wrote is undone");
    ground.wait_for(&later, |request| request.is_none());
    assert_eq!(ground.outside.asked("/ok/l").len(), 1);
}

#[test]
fn private_addresses_foreign_hosts_and_plain_http_are_refused() {
    // This deployment allows nothing.
    let ground = Ground::begin(&["--outbound-plain", "127.0.0.1", "--outbound-plain", "localhost"]);
    let by_name = format!("http://localhost:{}/ok/name", ground.outside.port());
    send(&ground.admin, "name", &by_name, false, "well").ok();
    send(&ground.admin, "address", &ground.outside.url("/ok/address"), false, "well").ok();
    for key in ["name", "address"] {
        assert_eq!(ground.told(key)["failed"], "address-refused");
    }
    let plain =
        send(&ground.admin, "p", "http://a.forecourt.invalid/", false, "well").problem(422, "operation-refused");
    assert_eq!(plain["error"]["refused"][0], "/url");
    for url in ["https://forecourt.invalid/", "https://elsewhere.example/", "http://169.254.169.254/latest/"] {
        let answer = send(&ground.admin, "e", url, false, "well");
        let request_id = answer.header("x-request-id").unwrap().to_owned();
        let problem = answer.problem(403, "plugin-not-allowed");
        assert!(problem["detail"].as_str().unwrap().contains("plugin-not-granted:http-host:"), "{problem}");
        let lines = ground.admin.all("/v1/stores/s/audit?outcome=denied");
        assert!(lines.iter().any(|line| line["request_id"] == request_id.as_str()), "{url}");
    }
    for (name, value, pointer) in [
        ("host", "a", "/headers/0/name"),
        ("idempotency-key", "a", "/headers/0/name"),
        ("x-a", "a\r\nb: c", "/headers/0/value"),
    ] {
        let arguments = json!({ "url": ground.outside.url("/ok/h"), "name": name, "value": value });
        let problem = ground.admin.call("s", "caller/calls/send-wrongly", &arguments).problem(422, "operation-refused");
        assert_eq!(problem["error"]["refused"][0], pointer);
    }
    for url in ["", "ftp://127.0.0.1/", "http://user@127.0.0.1/", "https://127.0.0.1/#a"] {
        let problem = send(&ground.admin, "u", url, false, "well").problem(422, "operation-refused");
        assert_eq!(problem["error"]["refused"][0], "/url", "{url}");
    }
    assert!(ground.outside.asked("/ok/name").is_empty() && ground.outside.asked("/ok/address").is_empty());
    // Without the grant of the interface nothing is taken at all.
    let narrow = json!({ "kernel": ["storage", "log"] });
    ground.admin.put(&format!("/v1/groups/{GROUP}/plugins/caller/versions/0.1.0/grants"), &narrow).ok();
    ground.admin.put("/v1/stores/s/modules/caller", &json!({ "plugin": "caller", "version": "0.1.0" })).ok();
    let answer = send(&ground.admin, "n", &ground.outside.url("/ok/n"), false, "well");
    let problem = answer.problem(403, "plugin-not-allowed");
    assert!(problem["detail"].as_str().unwrap().contains("plugin-not-granted:http"), "{problem}");
}

#[test]
fn a_kill_between_sending_and_writing_down_repeats_the_key_and_not_the_effect() {
    let mut ground = Ground::begin(&OUTLETS);
    let id = ground.send("k", "/hold/k");
    assert_eq!(ground.outside.wait_for("/hold/k", 1)[0].header("idempotency-key"), id);
    let server = std::mem::replace(&mut ground.server, Server::start(&Folder::with_group("other"), &[]));
    server.kill();
    ground.server = Server::start(&ground.folder, &OUTLETS);
    ground.admin = ground.admin.at(ground.server.url());
    ground.outside.release();
    let answer = ground.told("k");
    assert_eq!((&answer["status"], &answer["told"]), (&json!(200), &json!(1)));
    let asked = ground.outside.asked("/hold/k");
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.header("idempotency-key") == id), "{asked:?}");
    ground.wait_for(&id, |request| request.is_none());
    assert_eq!(ground.told("k")["told"], 1);
}

#[test]
fn a_secret_goes_to_its_host_and_nowhere_else() {
    let mut flags = OUTLETS.to_vec();
    flags.extend(["--log", "trace,cranelift=warn,wasmtime=warn"]);
    let ground = Ground::begin(&flags);
    let secrets = format!("/v1/groups/{GROUP}/plugins/caller/secrets");
    // Without a value the request fails; nothing is sent.
    send(&ground.admin, "none", &ground.outside.url("/ok/none"), true, "well").ok();
    assert_eq!(ground.told("none")["failed"], "secret-missing");
    assert!(ground.outside.asked("/ok/none").is_empty());
    let mut command = forecourt(&["secret", "set", "caller", "outside-token", "--value-stdin"]);
    command.env("FORECOURT_TOKEN", ground.admin.token().unwrap()).env("FORECOURT_URL", ground.server.url());
    let set = run(&mut command, &format!("{SECRET}\n"));
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    send(&ground.admin, "secret", &ground.outside.url("/ok/secret"), true, "well").ok();
    let answer = ground.told("secret");
    assert_eq!(answer["body"], "Bearer *** \"secret\"", "the host sent it back");
    assert_eq!(ground.outside.asked("/ok/secret")[0].header("authorization"), format!("Bearer {SECRET}"));
    let listed = ground.admin.get(&secrets).ok();
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["name"]), (1, &json!("outside-token")));
    assert!(!listed.to_string().contains(SECRET));
    // Who is no admin of the group neither sets nor lists, and wrong ones are refused.
    let user =
        json!({ "id": "op", "name": "Op", "password": PASSWORD, "roles": [{ "role": "operator", "store": null }] });
    ground.admin.post(&format!("/v1/groups/{GROUP}/users"), &user).ok();
    let operator = ground.server.client().sign_in(Some(GROUP), "op", PASSWORD);
    operator.put(&format!("{secrets}/other"), &json!({ "value": "long-enough" })).problem(403, "forbidden");
    operator.get(&secrets).problem(403, "forbidden");
    for value in ["short", "with a blank", "带有汉字的密钥"] {
        ground.admin.put(&format!("{secrets}/good"), &json!({ "value": value })).problem(400, "invalid-fields");
    }
    ground.admin.put(&format!("{secrets}/Bad"), &json!({ "value": "long-enough" })).problem(404, "unknown-path");
    let nobody = format!("/v1/groups/{GROUP}/plugins/nobody/secrets/a");
    ground.admin.put(&nobody, &json!({ "value": "long-enough" })).problem(404, "unknown-resource");
    let audit = ground.admin.all(&format!("/v1/groups/{GROUP}/audit"));
    assert!(audit.iter().any(|line| line["action"] == "set-secret" && line["note"] == "caller/outside-token"));
    assert!(!Value::from(audit).to_string().contains(SECRET));
    assert!(ground.server.stop().success());
    let data = std::path::Path::new(ground.folder.data());
    let mut files = vec![data.to_owned()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{} holds the secret", path.display());
        }
    }
    // A backup opens no secret.
    let (backups, restored) = (Folder::new(), Folder::new());
    let backup = format!("{}/backup", backups.data());
    assert!(run(&mut forecourt(&["backup", &backup, "--data", ground.folder.data()]), "").status.success());
    assert!(run(&mut forecourt(&["restore", &backup, "--data", restored.data()]), "").status.success());
    assert!(!restored.has("secrets.key"));
    let server = Server::start(&restored, &OUTLETS);
    let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
    send(&admin, "after", &ground.outside.url("/ok/after"), true, "well").ok();
    assert_eq!(told(&admin, "after")["failed"], "secret-unreadable");
    admin.put(&format!("{secrets}/outside-token"), &json!({ "value": SECRET })).ok();
    send(&admin, "again", &ground.outside.url("/ok/again"), true, "well").ok();
    assert_eq!(told(&admin, "again")["status"], 200);
}
