//! What a row of the table is, and how one is tried.

use forecourt_tests::client::unless_late;
use forecourt_tests::ground::GROUP;
use forecourt_tests::log::request_id;
use forecourt_tests::{Answer, Client, Place, ground, guests};
use serde_json::{Value, json};

use super::refusals;

/// One way to do harm, and what the kernel says to it.
pub(crate) struct Row {
    /// Where the harm is tried.
    pub(crate) surface: &'static str,
    pub(crate) expected: Expected,
    pub(crate) attempt: Attempt,
}

pub(crate) enum Attempt {
    /// A call of one of the guests `probe` and `relay`.
    Call(&'static str, Value),
    /// Components that are published, granted and enabled one after another, and then one call.
    Plugins(Vec<Plugin>, &'static str, Value),
    /// Bytes that are published.
    Publish(Vec<u8>),
}

/// A component that serves the area of its own name.
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) enum Expected {
    /// `limit-exceeded`, naming this limit.
    Limit(&'static str),
    /// `trap`, for this reason, which is in the log once.
    Trap(&'static str),
    /// `timeout`: the call's time is up.
    Timeout,
    /// The operation's own refusal, with this in its error value.
    Err(&'static str),
    /// `component-refused`, with this in its reasons.
    Refused(&'static str),
    /// Another problem, with this in its body.
    Problem(u16, &'static str, &'static str),
    /// An answer: what was tried is simply not there.
    Ok(Value),
}

impl Row {
    /// What stops the harm; no two rows have this and their surface alike.
    pub(crate) fn cause(&self) -> String {
        match &self.expected {
            Expected::Limit(cause) | Expected::Trap(cause) | Expected::Err(cause) | Expected::Refused(cause) => {
                (*cause).to_owned()
            }
            Expected::Timeout => "TREE_WALL_MS".to_owned(),
            Expected::Problem(_, name, what) => format!("{name}: {what}"),
            Expected::Ok(value) => format!("answers {value}"),
        }
    }

    fn told(&self) -> String {
        format!("{}, stopped by {}", self.surface, self.cause())
    }

    fn check(&self, answer: Answer) {
        let told = self.told();
        let problem = |status: u16, name: &str| {
            let said = (answer.status, answer.body["type"].as_str());
            let log = ground().folder.log_tail();
            assert_eq!(said, (status, Some(format!("/problems/{name}").as_str())), "{told}: {answer}\n{log}");
            answer.clone().problem(status, name)
        };
        let contains = |problem: &Value, what: &str| {
            assert!(problem.to_string().contains(what), "{told}: {problem}");
        };
        match &self.expected {
            Expected::Limit(name) => {
                let problem = problem(500, "limit-exceeded");
                assert_eq!(problem["limit"], *name, "{told}: {problem}");
            }
            Expected::Trap(_) => drop(problem(500, "trap")),
            Expected::Timeout => drop(problem(504, "timeout")),
            Expected::Err(what) => contains(&problem(422, "operation-refused")["error"], what),
            Expected::Refused(what) => contains(&problem(422, "component-refused")["reasons"], what),
            Expected::Problem(status, name, what) => contains(&problem(*status, name), what),
            Expected::Ok(value) => assert_eq!((answer.status, &answer.body), (200, value), "{told}"),
        }
    }

    /// Tries it, and sees that nothing of it stays but what the audit says of it.
    pub(crate) fn run(&self, place: &Place<'_>, caller: &Client) {
        match &self.attempt {
            Attempt::Call(operation, arguments) => self.call(place, caller, operation, arguments),
            Attempt::Plugins(plugins, operation, arguments) => {
                let refused = plugins.iter().map(|plugin| install(place, plugin)).find(|answer| answer.status >= 300);
                match refused {
                    Some(refused) => self.check(refused),
                    None => self.call(place, &place.admin, operation, arguments),
                }
            }
            Attempt::Publish(bytes) => {
                self.check(publish(&place.admin, bytes));
                assert!(!is_published(&place.admin, refusals::VERSION), "{}", self.told());
            }
        }
    }

    fn call(&self, place: &Place<'_>, caller: &Client, operation: &str, arguments: &Value) {
        let mut id = String::new();
        let mut ask = || {
            id = request_id();
            caller.header("x-request-id", &id).call(&place.store, operation, arguments)
        };
        let answer = if matches!(self.expected, Expected::Timeout) { ask() } else { unless_late(ask) };
        self.check(answer);
        let told = self.told();
        if let Expected::Trap(why) = &self.expected {
            let log = ground().folder.logged(&id);
            let said = log.iter().filter(|line| line.contains("plugin trapped")).collect::<Vec<_>>();
            assert!(matches!(said.as_slice(), [line] if line.contains(why)), "{told}: {log:#?}");
        }
        let is_query = operation.split('/').next_back().is_some_and(|name| name.starts_with("check-"));
        let lines = place.audit_of(&id);
        assert_eq!(lines.len(), usize::from(!is_query), "{told}: {lines:#?}");
        let done = matches!(self.expected, Expected::Ok(_));
        assert!(
            lines.iter().all(|line| done || line["outcome"] == "failed" && line["records"] == json!([])),
            "{told}: {lines:#?}"
        );
        assert_eq!(place.events_of(&id), Vec::<Value>::new(), "{told}");
        let notes = caller.list(&place.store, "probe/effects/list-notes", &json!({ "limit": 0 }));
        assert_eq!(notes, Vec::<Value>::new(), "{told}");
    }
}

pub(crate) fn publish(client: &Client, bytes: &[u8]) -> Answer {
    // A body that is too large is refused by its head alone.
    let client = client.header("expect", "100-continue");
    client.send("POST", &format!("/v1/groups/{GROUP}/plugins"), Some("application/wasm"), bytes).unwrap()
}

/// Publishes, grants and enables: the first refusal, or the last answer.
fn install(place: &Place<'_>, plugin: &Plugin) -> Answer {
    let Plugin { name, version, bytes } = plugin;
    let published = publish(&place.admin, bytes);
    if published.status >= 300 {
        return published;
    }
    let grants = format!("/v1/groups/{GROUP}/plugins/{name}/versions/{version}/grants");
    place.admin.put(&grants, &json!({ "all_requested": true })).ok();
    place.enable(name, name, version)
}

/// Whether there is such a version of plugin `bomb`. Other tests publish others meanwhile.
fn is_published(admin: &Client, version: &str) -> bool {
    let plugins = admin.get(&format!("/v1/groups/{GROUP}/plugins")).ok();
    let bombs = plugins["items"].as_array().unwrap().iter().filter(|plugin| plugin["name"] == "bomb");
    bombs.flat_map(|bomb| bomb["versions"].as_array().unwrap()).any(|known| known["version"] == version)
}

/// Tries every row while neighbours, another plugin of the store and another store, are served without a single failure.
pub(crate) fn run(place: &Place<'_>, other: &Place<'_>, rows: &[Row]) {
    let shelf = guests::bytes("shelf");
    publish(&place.admin, &shelf).ok();
    let grants = format!("/v1/groups/{GROUP}/plugins/shelf/versions/0.1.0/grants");
    place.admin.put(&grants, &json!({ "all_requested": true })).ok();
    place.enable("shelf", "shelf", "0.1.0").ok();
    let (caller, elsewhere) = (place.user("advisor"), other.user("advisor"));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let neighbour = |client: Client, store: String, operation: &'static str, arguments: Value| {
            let stop = &stop;
            move || {
                let mut served = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    client.call(&store, operation, &arguments).ok();
                    served += 1;
                }
                served
            }
        };
        let note = json!({ "note": "neighbour", "ending": "succeed" });
        let neighbours = [
            scope.spawn(neighbour(caller.clone(), place.store.clone(), "shelf/items/get-edition", json!({}))),
            scope.spawn(neighbour(elsewhere, other.store.clone(), "probe/effects/act", note)),
        ];
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            rows.iter().for_each(|row| row.run(place, &caller));
        }));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for neighbour in neighbours {
            assert!(neighbour.join().unwrap() > 0, "a neighbour was never served");
        }
        if let Err(failure) = tried {
            std::panic::resume_unwind(failure);
        }
    });
}
