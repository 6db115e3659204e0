//! The kernel judged from outside: clients at once over HTTP, the kernel killed in their midst and started again. What they saw must have an order, of which a
//! checker that shares no code with the kernel is the judge. A request that was not answered may have been committed or not, and counts as what others saw of it.
//!
//! `FORECOURT_HISTORY_TRANSACTIONS` sets how many requests are answered (2,000), `FORECOURT_SEED` repeats the clients' choices, though not how they meet.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use forecourt_checker::{Element, History, Key, Operation, Outcome, Transaction, check};
use forecourt_tests::random::Seeded;
use forecourt_tests::{Client, Ground, Server};
use serde_json::{Value, json};

const TRANSACTIONS: u64 = 2_000;
const CLIENTS: u64 = 6;
const KILLS: u64 = 3;
/// Lists in use at one time.
const KEYS: u64 = 12;
/// Requests after which a list gives way to a new one, so that lists stay short.
const TURN: u64 = 40;
const DECADE: u64 = 10;
const SHELF: u64 = 4;
/// Decades read by one request at the end.
const LAST_DECADES: usize = 20;

#[derive(Default)]
struct Watch {
    clock: AtomicU64,
    requests: AtomicU64,
    seen: Mutex<Vec<Transaction>>,
}

impl Watch {
    fn instant(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

/// What one request asks for.
#[derive(Debug, Clone, Copy)]
enum Step {
    Read(Key),
    Decade(u64),
    Shelf(u64),
    Append(Key, Element),
}

impl Step {
    fn choose(random: &mut Seeded, request: u64, number: u64, writes: bool) -> Self {
        let key = request / TURN + random.below(KEYS);
        match random.below(if writes { 7 } else { 4 }) {
            0 | 1 => Self::Read(key),
            2 => Self::Decade(key / DECADE),
            3 => Self::Shelf(key / SHELF),
            _ => Self::Append(key, request * 10 + number),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Read(key) => json!({ "read": key }),
            Self::Decade(decade) => json!({ "decade": decade }),
            Self::Shelf(shelf) => json!({ "shelf": shelf }),
            Self::Append(key, element) => json!({ "append": { "key": key, "element": element } }),
        }
    }

    /// What it did for sure: where nobody answered, no more than what it may have appended.
    fn operations(self, answered: Option<&Value>) -> Vec<Operation> {
        let range = |from, length, found: &Value| Operation::Range { from, to: from + length, found: rolls(found) };
        let append = |key, element| Operation::Append { key, element };
        match (self, answered) {
            (Self::Read(key), Some(found)) => vec![Operation::Read { key, list: only(found) }],
            (Self::Decade(decade), Some(found)) => vec![range(decade * DECADE, DECADE, found)],
            (Self::Shelf(shelf), Some(found)) => vec![range(shelf * SHELF, SHELF, found)],
            (Self::Append(key, element), Some(found)) => {
                vec![Operation::Read { key, list: only(found) }, append(key, element)]
            }
            (Self::Append(key, element), None) => vec![append(key, element)],
            (_, None) => Vec::new(),
        }
    }
}

fn rolls(found: &Value) -> Vec<(Key, Vec<Element>)> {
    let elements =
        |roll: &Value| roll["elements"].as_array().unwrap().iter().map(|one| one.as_u64().unwrap()).collect();
    let key = |roll: &Value| roll["id"].as_str().unwrap().parse().unwrap();
    found.as_array().unwrap().iter().map(|roll| (key(roll), elements(roll))).collect()
}

fn only(found: &Value) -> Vec<Element> {
    rolls(found).pop().map(|(_, list)| list).unwrap_or_default()
}

/// Sends one request and notes what became of it; false where the connection broke.
fn request(client: &Client, store: &str, watch: &Watch, random: &mut Seeded) -> bool {
    let id = watch.requests.fetch_add(1, Ordering::SeqCst);
    let writes = random.below(3) > 0;
    let steps: Vec<Step> = (0..1 + random.below(4)).map(|number| Step::choose(random, id, number, writes)).collect();
    let operation = if writes { "work" } else { "get-lists" };
    let (path, body) = (
        format!("/v1/stores/{store}/probe/lists/{operation}"),
        json!({ "steps": steps.iter().map(|step| step.json()).collect::<Vec<_>>() }).to_string(),
    );
    let began = watch.instant();
    let answer = client.send("POST", &path, Some("application/json"), body.as_bytes());
    let ended = watch.instant();
    let (outcome, found) = match &answer {
        Err(_) => (Outcome::Unknown, None),
        Ok(answer) if answer.status == 200 => (Outcome::Committed, answer.body.as_array()),
        Ok(answer) if answer.status == 503 && answer.body["type"] == "/problems/outcome-unknown" => {
            (Outcome::Unknown, None)
        }
        // Too many met on the same lists, or the machine is too busy; then nothing was left.
        Ok(answer) if [503, 504].contains(&answer.status) => (Outcome::Aborted, None),
        Ok(answer) => panic!("{answer}"),
    };
    let step = |(at, step): (usize, &Step)| step.operations(found.map(|found| &found[at]));
    let operations = steps.iter().enumerate().flat_map(step).collect();
    watch.seen.lock().unwrap().push(Transaction { id, outcome, began, ended, operations });
    answer.is_ok()
}

/// Runs clients until so many answers were given, and kills the kernel while they go on; without a kill they stop by themselves.
fn round(
    server: Server,
    client: &Client,
    store: &str,
    watch: &Watch,
    random: &Seeded,
    answers: u64,
    kill: bool,
) -> Option<Server> {
    let client = client.at(server.url());
    let (sender, receiver): (Sender<()>, _) = channel();
    let given = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let (sender, client, given) = (sender.clone(), &client, &given);
            let mut random = random.branch(watch.instant());
            scope.spawn(move || {
                while kill || given.fetch_add(1, Ordering::SeqCst) < answers {
                    if !request(client, store, watch, &mut random) {
                        return;
                    }
                    let _ = sender.send(());
                }
            });
        }
        drop(sender);
        if !kill {
            return Some(server);
        }
        let count = receiver.iter().take(usize::try_from(answers).unwrap()).count();
        assert_eq!(count as u64, answers, "the clients ended before the kernel was killed");
        server.kill();
        None
    })
}

/// All lists there are.
fn all_lists(client: &Client, store: &str, watch: &Watch) -> BTreeMap<Key, Vec<Element>> {
    let greatest = watch.requests.load(Ordering::SeqCst) / TURN + KEYS;
    let decades: Vec<Value> = (0..=greatest / DECADE).map(|decade| Step::Decade(decade).json()).collect();
    let read = |decades: &[Value]| {
        let found = client.call(store, "probe/lists/get-lists", &json!({ "steps": decades })).ok();
        found.as_array().unwrap().iter().flat_map(rolls).collect::<Vec<_>>()
    };
    decades.chunks(LAST_DECADES).flat_map(read).collect()
}

#[test]
fn what_clients_see_has_an_order_though_the_kernel_is_killed_in_their_midst() {
    let random = Seeded::new();
    let transactions = std::env::var("FORECOURT_HISTORY_TRANSACTIONS")
        .ok()
        .map_or(TRANSACTIONS, |number| number.parse().expect("FORECOURT_HISTORY_TRANSACTIONS is a number"));
    let ground = Ground::begin();
    let place = ground.place_with_guests();
    let (advisor, store) = (place.user("advisor"), place.store.clone());
    let Ground { folder, mut server, .. } = ground;
    let watch = Watch::default();
    for _ in 0..KILLS {
        round(server, &advisor, &store, &watch, &random, transactions / (KILLS + 1), true);
        server = Server::start(&folder, &[]);
    }
    let rest = transactions / (KILLS + 1);
    let server = round(server, &advisor, &store, &watch, &random, rest, false).unwrap();
    let last = all_lists(&advisor.at(server.url()), &store, &watch);
    let history = History { transactions: watch.seen.into_inner().unwrap(), last };
    let count = |outcome| history.transactions.iter().filter(|one| one.outcome == outcome).count() as u64;
    let (committed, unknown) = (count(Outcome::Committed), count(Outcome::Unknown));
    match check(&history) {
        Ok(summary) => assert!(summary.edges > summary.counted, "{summary:?}"),
        Err(anomalies) => panic!("{} anomalies: {}", anomalies.len(), anomalies[0]),
    }
    assert!(committed > transactions / 2 && unknown >= KILLS, "{committed} committed, {unknown} unknown");
    assert!(server.stop().success());
}
