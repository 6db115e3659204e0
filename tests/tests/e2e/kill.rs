//! SIGKILL under load and during start, again and again: what was acknowledged is there, and nothing is there by halves.
//!
//! Three clients move amounts between accounts whose sum no transfer changes; a fourth approves repair orders, whereby parts are
//! reserved through another plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};

use forecourt_tests::random::Seeded;
use forecourt_tests::server::kill_while_starting;
use forecourt_tests::workshop::{Order, UNIT, Workshop};
use forecourt_tests::{Client, Folder, Ground, Server};
use serde_json::{Value, json};

const ACCOUNTS: u64 = 6;
const BALANCE: i64 = 1_000;
const PAYERS: u64 = 3;
const PART: &str = "04E115561H";
/// Orders that wait for an approval in each round.
const ORDERS: usize = 2;
/// Most answers that are waited for before the kernel is killed.
const ANSWERS: u64 = 30;
/// Most lines of the log that a start which is killed gets to.
const START_LINES: u64 = 60;

/// What a client says of one thing that it asked for: which, and whether the kernel acknowledged it or was killed before it answered.
type Said = (String, bool);

/// What the clients know.
#[derive(Debug, Default)]
struct Known {
    acknowledged: BTreeSet<String>,
    unanswered: BTreeSet<String>,
    orders: Vec<Order>,
}

impl Known {
    fn hear(&mut self, (id, acknowledged): Said) {
        let ids = if acknowledged { &mut self.acknowledged } else { &mut self.unanswered };
        ids.insert(id);
    }
}

/// The people, wherever the kernel listens.
struct People {
    admin: Client,
    shop: Workshop,
}

impl People {
    fn at(&self, url: &str) -> Self {
        Self { admin: self.admin.at(url), shop: self.shop.at(url) }
    }
}

fn rounds() -> u64 {
    std::env::var("FORECOURT_KILL_ROUNDS")
        .ok()
        .map_or(50, |rounds| rounds.parse().expect("FORECOURT_KILL_ROUNDS is a number"))
}

/// Asks once; false where the connection broke or nobody listens any more.
fn ask(shop: &Workshop, operation: &str, arguments: &Value, id: &str, said: &Sender<Said>) -> bool {
    let (path, body) = (format!("/v1/stores/{}/{operation}", shop.store), arguments.to_string());
    match shop.advisor.send("POST", &path, Some("application/json"), body.as_bytes()) {
        Err(_) => {
            let _ = said.send((id.to_owned(), false));
            false
        }
        Ok(answer) if answer.status == 200 => said.send((id.to_owned(), true)).is_ok(),
        // An account may be empty, or the machine too busy; then nothing was made.
        Ok(answer) if [422, 504].contains(&answer.status) => true,
        Ok(answer) => panic!("{answer}"),
    }
}

fn pay(shop: &Workshop, mut random: Seeded, prefix: &str, said: &Sender<Said>) {
    for number in 0.. {
        let id = format!("{prefix}-{number:04}");
        let source = random.below(ACCOUNTS);
        let target = (source + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
        let amount = 1 + random.below(20);
        let transfer =
            json!({ "id": id, "source": format!("a{source}"), "target": format!("a{target}"), "amount": amount });
        if !ask(shop, "probe/accounts/pay", &json!({ "transfer": transfer }), &id, said) {
            return;
        }
    }
}

fn approve(shop: &Workshop, waiting: &[(String, Value)], said: &Sender<Said>) {
    for (id, arguments) in waiting {
        if !ask(shop, "repair/orders/approve", arguments, id, said) {
            return;
        }
    }
}

/// Runs clients against the kernel and kills it once it has given some answers.
fn load_and_kill(server: Server, people: &People, random: &mut Seeded, round: u64, known: &mut Known) {
    let shop = &people.shop;
    let orders: Vec<Order> = (0..ORDERS).map(|_| shop.awaiting_approval(&[(PART, 1)])).collect();
    let waiting: Vec<_> =
        orders.iter().map(|order| (order.id.clone(), order.with(shop.approval(order, "refuse")))).collect();
    known.orders.extend(orders);
    let answers = usize::try_from(1 + random.below(ANSWERS)).unwrap();
    let (sender, receiver): (Sender<Said>, Receiver<Said>) = channel();
    std::thread::scope(|scope| {
        for payer in 0..PAYERS {
            let (sender, choices) = (sender.clone(), random.branch(round * PAYERS + payer));
            scope.spawn(move || pay(shop, choices, &format!("r{round:04}-{payer}"), &sender));
        }
        scope.spawn(|| approve(shop, &waiting, &sender.clone()));
        receiver.iter().take(answers).for_each(|said| known.hear(said));
        server.kill();
    });
    drop(sender);
    receiver.iter().for_each(|said| known.hear(said));
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// Every acknowledged transfer is there, none that nobody sent, and accounts and events tell the same.
fn check_transfers(people: &People, known: &Known) {
    let People { admin, shop: Workshop { advisor, store, .. } } = people;
    let transfers = advisor.list(store, "probe/accounts/list-transfers", &json!({}));
    let made: BTreeSet<String> = transfers.iter().map(id).collect();
    let transfer = |id: &&String| id.starts_with("r");
    let lost: Vec<_> = known.acknowledged.iter().filter(transfer).filter(|id| !made.contains(*id)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let strange: Vec<_> =
        made.iter().filter(|id| !known.acknowledged.contains(*id) && !known.unanswered.contains(*id)).collect();
    assert!(strange.is_empty(), "made and never sent: {strange:?}");
    let mut expected: BTreeMap<String, (i64, i64)> =
        (0..ACCOUNTS).map(|account| (format!("a{account}"), (BALANCE, 0))).collect();
    for transfer in &transfers {
        for (side, sign) in [("source", -1), ("target", 1)] {
            let account = expected.get_mut(transfer[side].as_str().unwrap()).unwrap();
            *account = (account.0 + sign * number(&transfer["amount"]), account.1 + 1);
        }
    }
    let accounts = advisor.list(store, "probe/accounts/list-accounts", &json!({}));
    let found = accounts.iter().map(|account| (id(account), (number(&account["balance"]), number(&account["moves"]))));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    let events = admin.all(&format!("/v1/stores/{store}/events?limit=200&topics=probe.moved"));
    let told: Vec<String> =
        events.iter().map(|event| event["payload"]["transfer"].as_str().unwrap().to_owned()).collect();
    assert_eq!((told.len(), told.into_iter().collect()), (made.len(), made));
}

/// Every acknowledged approval is there, and a part is reserved for a line exactly where the line is approved.
fn check_approvals(people: &People, known: &Known) {
    let shop = &people.shop;
    let mut reserved = 0;
    for order in &known.orders {
        let view = shop.view(&shop.advisor, order);
        let approved = view["order"]["state"] == "approved";
        assert!(approved || view["order"]["state"] == "awaiting_approval", "{view}");
        assert!(approved || !known.acknowledged.contains(&order.id), "acknowledged and lost: {view}");
        let line = view["order"]["lines"].as_array().unwrap().iter().find(|line| line["kind"] == "part").unwrap();
        let reservations = shop.reservations(order);
        if approved {
            let [reservation] = reservations.as_slice() else { panic!("{reservations:?} {view}") };
            assert_eq!((&line["state"], &line["supply"]["reservation"]), (&json!("approved"), &reservation["id"]));
            assert_eq!((&reservation["state"], &reservation["purpose"]["line"]), (&json!("active"), &line["id"]));
            reserved += number(&reservation["quantity"]);
        } else {
            assert_eq!((&line["state"], reservations), (&json!("proposed"), vec![]));
        }
    }
    assert_eq!(shop.level(PART)[1], reserved);
    let events = people.admin.all(&format!("/v1/stores/{}/events?limit=200&topics=parts.reserved", shop.store));
    assert_eq!(i64::try_from(events.len()).unwrap() * UNIT, reserved);
}

#[test]
fn whatever_was_acknowledged_before_a_kill_is_there_after_it() {
    let mut random = Seeded::new();
    let mut known = Known::default();
    let (folder, mut server, people) = begin();
    let rounds = rounds();
    for round in 0..rounds {
        // Sessions outlive a kill too.
        let people = people.at(server.url());
        if round % 10 == 5 {
            check_transfers(&people, &known);
            check_approvals(&people, &known);
        }
        load_and_kill(server, &people, &mut random, round, &mut known);
        if round % 3 == 0 {
            kill_while_starting(&folder, &[], usize::try_from(random.below(START_LINES)).unwrap());
        }
        server = Server::start(&folder, &[]);
    }
    let people = people.at(server.url());
    check_transfers(&people, &known);
    check_approvals(&people, &known);
    let done = format!("/v1/stores/{}/audit?limit=200&outcome=done&action=", people.shop.store);
    let transfers = people.shop.advisor.list(&people.shop.store, "probe/accounts/list-transfers", &json!({}));
    assert_eq!(people.admin.all(&format!("{done}probe/accounts/pay")).len(), transfers.len());
    assert!(known.acknowledged.len() >= usize::try_from(rounds).unwrap(), "{} acknowledged", known.acknowledged.len());
    assert!(server.stop().success());
}

/// A kernel with accounts and a workshop in one store.
fn begin() -> (Folder, Server, People) {
    let ground = Ground::begin();
    let place = ground.place_with_guests();
    let shop = Workshop::open(&place);
    shop.stock(PART, 100_000);
    for account in 0..ACCOUNTS {
        shop.call(
            &shop.advisor,
            "probe/accounts/open",
            json!({ "account": format!("a{account}"), "balance": BALANCE }),
        )
        .ok();
    }
    let people = People { admin: ground.admin.clone(), shop };
    let Ground { folder, server, .. } = ground;
    (folder, server, people)
}
