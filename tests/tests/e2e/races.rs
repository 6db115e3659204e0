//! Many people at once on the same orders and the same few parts: whatever they do, in whatever order, the books agree.

use std::sync::Mutex;

use forecourt_tests::random::Seeded;
use forecourt_tests::workshop::{LABOUR, Order, UNIT, Workshop};
use forecourt_tests::{Answer, ground};
use serde_json::{Value, json};

const PEOPLE: u64 = 4;
const STEPS: u64 = 40;
const PARTS: [&str; 2] = ["P1", "P2"];

/// The end of the work, with at most so much of each part coming back.
fn completion(view: &Value, returned: i64) -> Value {
    let lines = view["order"]["lines"].as_array().unwrap().iter();
    let usage = lines.filter_map(|line| {
        let issued = line["supply"]["issued"].as_i64()?;
        let returned = issued.min(returned);
        Some(json!({ "line": line["id"], "used": issued - returned, "returned": returned }))
    });
    json!({ "completion": { "usage": usage.collect::<Vec<_>>(), "self_check_passed": true } })
}

/// Does something to a random order that its state may allow.
fn step(shop: &Workshop, orders: &Mutex<Vec<String>>, random: &mut Seeded) -> Option<Answer> {
    let count = orders.lock().unwrap().len() as u64;
    if count == 0 || random.below(10) == 0 {
        let order = shop.receive();
        orders.lock().unwrap().push(order.id);
        return None;
    }
    let at = usize::try_from(random.below(count)).unwrap();
    let id = orders.lock().unwrap()[at].clone();
    let view = shop.call(&shop.advisor, "repair/orders/get-order", json!({ "order": id })).ok();
    let order = Order { id, version: view["order"]["version"].clone() };
    let lines = |kind: &str, state: &str| -> Vec<Value> {
        let lines = view["order"]["lines"].as_array().unwrap().iter();
        lines
            .filter(|line| (kind.is_empty() || line["kind"] == kind) && line["state"] == state)
            .map(|line| line["id"].clone())
            .collect()
    };
    let quantity = i64::try_from(1 + random.below(2)).unwrap() * UNIT;
    let part = PARTS[usize::try_from(random.below(2)).unwrap()];
    let choice = random.below(10);
    let (who, command, arguments) = match view["order"]["state"].as_str().unwrap() {
        "received" => (&shop.advisor, "assign-inspection", json!({ "tech": shop.tech_name })),
        "inspecting" => (
            &shop.tech,
            "record-findings",
            json!({ "findings": [{ "concern": 1, "cause": "x", "no_fault_found": false }] }),
        ),
        "quoting" if lines("", "proposed").is_empty() => (
            &shop.advisor,
            "add-line",
            json!({ "line": { "concern": 1, "charge": { "labour": { "code": LABOUR } }, "payer": "customer" } }),
        ),
        "quoting" if choice < 6 => (
            &shop.advisor,
            "add-line",
            json!({ "line": { "concern": 1, "charge": { "part": { "number": part, "quantity": quantity } }, "payer": "customer" } }),
        ),
        "quoting" => (&shop.advisor, "send-quote", json!({})),
        "awaiting_approval" => {
            let if_short = if choice < 5 { "order" } else { "refuse" };
            let decision = json!({ "method": "phone", "by": "x", "evidence": "x", "approved": lines("", "proposed"), "deferred": [], "if_short": if_short });
            (&shop.advisor, "approve", json!({ "decision": decision }))
        }
        "approved" if choice < 2 => (&shop.advisor, "cancel", json!({ "reason": "x" })),
        "approved" if choice < 4 => {
            let line = lines("part", "approved").into_iter().next()?;
            (&shop.advisor, "change-line", json!({ "line": line, "change": { "quantity": quantity } }))
        }
        "approved" => {
            let assignments: Vec<Value> =
                lines("", "approved").into_iter().map(|line| json!({ "line": line, "tech": shop.tech_name })).collect();
            (&shop.foreman, "dispatch", json!({ "plan": { "bay": "1", "assignments": assignments } }))
        }
        "dispatched" if choice < 4 => {
            shop.take_in(part, 1);
            (&shop.foreman, "reserve-parts", json!({}))
        }
        "dispatched" => (&shop.tech, "start-work", json!({})),
        "in_progress" => (&shop.tech, "finish", completion(&view, if choice < 5 { UNIT } else { 0 })),
        _ => return None,
    };
    Some(shop.ask(who, &order, command, arguments))
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

/// Levels, batches, movements, reservations and orders tell the same.
fn check(shop: &Workshop, orders: &[String]) {
    let list = |operation: &str, arguments: Value| shop.parts_manager.list(&shop.store, operation, &arguments);
    let mut held = [0; PARTS.len()];
    for order in orders {
        let view = shop.call(&shop.advisor, "repair/orders/get-order", json!({ "order": order })).ok();
        let lines = view["order"]["lines"].as_array().unwrap();
        for reservation in list("parts/reservations/list-reservations", json!({ "order": order })) {
            let open = reservation["state"] == "active";
            let line = lines.iter().find(|line| line["supply"]["reservation"] == reservation["id"]);
            let reserved = line.is_some_and(|line| line["supply"]["state"] == "reserved");
            assert_eq!(open, reserved, "{reservation} {view}");
            let part = PARTS.iter().position(|part| reservation["part"] == *part).unwrap();
            held[part] += if open { number(&reservation["quantity"]) } else { 0 };
        }
    }
    for (part, held) in PARTS.iter().zip(held) {
        let [on_hand, reserved, available] = shop.level(part);
        let batches = list("parts/stock/list-batches", json!({ "part": part }));
        let movements = list("parts/stock/list-movements", json!({ "part": part }));
        let sum = |items: &[Value], field: &str| items.iter().map(|item| number(&item[field])).sum::<i64>();
        assert_eq!(
            (sum(&batches, "on_hand"), sum(&movements, "quantity"), reserved),
            (on_hand, on_hand, held),
            "{part}"
        );
        assert!(reserved <= on_hand && available == on_hand - reserved, "{part}: {on_hand} {reserved} {available}");
        assert!(batches.iter().all(|batch| number(&batch["on_hand"]) >= 0), "{part}");
    }
}

#[test]
fn whatever_people_do_at_once_the_books_agree() {
    let random = Seeded::new();
    let shop = Workshop::open(&ground().place());
    PARTS.iter().for_each(|part| shop.stock(part, 4));
    let orders = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for person in 0..PEOPLE {
            let (shop, orders, mut random) = (&shop, &orders, random.branch(person));
            scope.spawn(move || {
                for _ in 0..STEPS {
                    if let Some(answer) = step(shop, orders, &mut random) {
                        assert!([200, 409, 422, 504].contains(&answer.status), "{answer}");
                    }
                }
            });
        }
    });
    check(&shop, &orders.into_inner().unwrap());
    let done = shop.advisor.list(&shop.store, "repair/orders/list-orders", &json!({}));
    assert!(
        done.iter().any(|order| order["state"] == "approved"
            || order["state"] == "in_progress"
            || order["state"] == "work_done"),
        "{done:?}"
    );
}
