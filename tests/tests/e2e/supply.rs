//! Repair and parts together: what an approval holds in stock, refuses, gives up, and does without.

use forecourt_tests::ground;
use forecourt_tests::log::request_id;
use forecourt_tests::workshop::{LABOUR, UNIT, Workshop};
use serde_json::{Value, json};

use crate::repair::{PART, refused, state};

#[test]
fn nobody_reserves_or_takes_parts_directly() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    shop.stock(PART, 1);
    let purpose = json!({ "kind": "repair_line", "order": "o", "line": "1" });
    let commands = [
        ("reserve", json!({ "purpose": purpose, "part": PART, "quantity": UNIT })),
        ("note-shortage", json!({ "purpose": purpose, "part": PART, "quantity": UNIT })),
        ("release", json!({ "reservation": "r" })),
        ("issue", json!({ "reservation": "r" })),
        ("return-unused", json!({ "reservation": "r", "quantity": UNIT })),
    ];
    for who in [&shop.advisor, &shop.parts_manager, &shop.foreman] {
        for (command, arguments) in &commands {
            let id = request_id();
            let operation = format!("parts/reservations/{command}");
            shop.call(&who.header("x-request-id", &id), &operation, arguments.clone()).problem(403, "forbidden");
            let [line] = place.audit_of(&id).try_into().unwrap();
            assert_eq!((&line["outcome"], &line["action"]), (&json!("denied"), &json!(operation)));
        }
    }
    assert_eq!(shop.level(PART), [1_000, 0, 1_000]);
}

#[test]
fn a_shortage_refuses_the_whole_approval_or_is_ordered() {
    const PLENTY: &str = "G052195M2";
    let place = ground().place();
    let shop = Workshop::open(&place);
    shop.stock(PART, 1);
    shop.stock(PLENTY, 9);
    let mut order = shop.awaiting_approval(&[(PLENTY, 2), (PART, 2)]);
    let id = request_id();
    let problem = shop
        .ask(&shop.advisor.header("x-request-id", &id), &order, "approve", shop.approval(&order, "refuse"))
        .problem(422, "operation-refused");
    let short = &problem["error"]["parts_short"][0];
    assert_eq!((&short["part"], &short["wanted"], &short["available"]), (&json!(PART), &json!(2_000), &json!(1_000)));
    // The first line's reservation had succeeded within the call; nothing of it is left but the audit.
    assert_eq!(
        (shop.level(PLENTY), shop.reservations(&order), place.events_of(&id)),
        ([9_000, 0, 9_000], vec![], vec![])
    );
    let [line] = place.audit_of(&id).try_into().unwrap();
    assert_eq!(
        (&line["outcome"], &line["reason"], &line["records"]),
        (&json!("failed"), &json!("parts_short"), &json!([]))
    );
    assert_eq!(state(&shop.view(&shop.advisor, &order)["order"]), "awaiting_approval");

    let id = request_id();
    let decision = shop.approval(&order, "order");
    shop.act(&shop.advisor.header("x-request-id", &id), &mut order, "approve", decision);
    assert_eq!((shop.level(PLENTY), shop.level(PART)), ([9_000, 2_000, 7_000], [1_000, 0, 1_000]));
    let topics: Vec<Value> = place.events_of(&id).iter().map(|event| event["topic"].clone()).collect();
    assert_eq!(topics, ["parts.reserved", "parts.shortage", "repair.parts-requested", "repair.approved"]);
    let plan = shop.plan(&order);
    shop.act(&shop.foreman, &mut order, "dispatch", plan);
    let parts = shop.lines(&order, "part");
    refused(&shop, &shop.tech, &order, "start-work", json!({}), json!({ "parts_missing": [parts[1]] }));
    shop.take_in(PART, 3);
    shop.act(&shop.foreman, &mut order, "reserve-parts", json!({}));
    assert_eq!(shop.level(PART), [4_000, 2_000, 2_000]);
    shop.act(&shop.tech, &mut order, "start-work", json!({}));
    assert_eq!(shop.level(PART), [2_000, 0, 2_000]);
}

#[test]
fn what_was_reserved_is_given_up_with_the_approval() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    shop.stock(PART, 4);
    let approved = || {
        let mut order = shop.awaiting_approval(&[(PART, 2)]);
        let decision = shop.approval(&order, "refuse");
        shop.act(&shop.advisor, &mut order, "approve", decision);
        order
    };
    let mut order = approved();
    assert_eq!(shop.level(PART), [4_000, 2_000, 2_000]);
    let part = shop.lines(&order, "part")[0].clone();
    let repriced =
        shop.act(&shop.advisor, &mut order, "change-line", json!({ "line": part, "change": { "quantity": 3 * UNIT } }));
    assert_eq!((state(&repriced), shop.level(PART)), ("quoting", [4_000, 0, 4_000]));
    let view = shop.view(&shop.advisor, &order);
    let line = view["order"]["lines"].as_array().unwrap().iter().find(|line| line["id"] == part).unwrap().clone();
    assert_eq!(
        (&line["state"], &line["authorisation"]["state"], &line["price"]),
        (&json!("proposed"), &json!("reset"), &json!(15_000))
    );

    let mut other = approved();
    let id = request_id();
    let cancelled =
        shop.act(&shop.advisor.header("x-request-id", &id), &mut other, "cancel", json!({ "reason": "客户改期" }));
    assert_eq!((state(&cancelled), shop.level(PART)), ("cancelled", [4_000, 0, 4_000]));
    assert_eq!(shop.reservations(&other)[0]["state"], "released");
    let topics: Vec<Value> = place.events_of(&id).iter().map(|event| event["topic"].clone()).collect();
    assert_eq!(topics, ["parts.released", "repair.cancelled"]);
}

#[test]
fn of_two_approvals_that_race_for_the_last_part_one_gets_it() {
    const RACES: usize = 6;
    let shop = Workshop::open(&ground().place());
    for race in 0..RACES {
        let part = format!("P{race}");
        shop.stock(&part, 1);
        let orders = [(); 2].map(|()| shop.awaiting_approval(&[(&part, 1)]));
        let answers = std::thread::scope(|scope| {
            let shop = &shop;
            let racers = orders.each_ref().map(|order| {
                let decision = shop.approval(order, "refuse");
                scope.spawn(move || shop.ask(&shop.advisor, order, "approve", decision))
            });
            racers.map(|racer| racer.join().unwrap())
        });
        let winners = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((winners, shop.level(&part)), (1, [1_000, 1_000, 0]), "{answers:?}");
        for (order, answer) in orders.iter().zip(answers) {
            let held = shop.reservations(order).len();
            if answer.status == 200 {
                assert_eq!(held, 1);
            } else {
                let problem = answer.problem(422, "operation-refused");
                assert_eq!((&problem["error"]["parts_short"][0]["available"], held), (&json!(0), 0));
            }
        }
    }
}

#[test]
fn a_store_without_area_parts_repairs_and_says_so() {
    let place = ground().place();
    place.enable("repair", "repair", "0.1.0").ok();
    let shop = Workshop::without_areas(&place);
    let mut order = shop.receive();
    shop.inspect(&mut order);
    shop.add_line(&mut order, json!({ "labour": { "code": LABOUR } }));
    let listed = shop.ask(&shop.advisor, &order, "add-line", json!({ "line": { "concern": 1, "charge": { "part": { "number": PART, "quantity": UNIT } }, "payer": "customer" } }));
    listed.problem(424, "not-enabled");
    let unlisted = json!({ "number": PART, "name": "机油滤清器", "grade": "original", "unit": "件", "quantity": UNIT, "unit_price": 5_000 });
    shop.add_line(&mut order, json!({ "unlisted_part": unlisted }));
    shop.act(&shop.advisor, &mut order, "send-quote", json!({}));
    let decision = shop.approval(&order, "refuse");
    shop.act(&shop.advisor, &mut order, "approve", decision);
    let view = shop.view(&shop.advisor, &order);
    let line = &view["order"]["lines"][1];
    assert_eq!((&view["order"]["parts_untracked"], &line["supply"]["state"]), (&json!(true), &json!("untracked")));
    let plan = shop.plan(&order);
    shop.act(&shop.foreman, &mut order, "dispatch", plan);
    shop.act(&shop.tech, &mut order, "start-work", json!({}));
    let ended =
        shop.act(&shop.tech, &mut order, "finish", json!({ "completion": { "usage": [], "self_check_passed": true } }));
    assert_eq!(state(&ended), "work_done");
}
