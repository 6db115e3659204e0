//! Repair as people use it: an order's way to finished work, and every guard on it.

use forecourt_tests::log::request_id;
use forecourt_tests::workshop::{LABOUR, Order, UNIT, Workshop};
use forecourt_tests::{Client, ground};
use serde_json::{Value, json};

pub(crate) const PART: &str = "04E115561H";

pub(crate) fn state(summary: &Value) -> &str {
    summary["state"].as_str().unwrap()
}

#[test]
fn an_order_goes_from_reception_to_finished_work() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    shop.stock(PART, 5);
    let mut order = shop.receive();
    let open = |who: &Client, order: &Order| shop.view(who, order)["open"].clone();
    assert_eq!(open(&shop.advisor, &order), json!(["assign-inspection", "cancel"]));
    shop.inspect(&mut order);
    shop.add_line(&mut order, json!({ "labour": { "code": LABOUR } }));
    let quoting = shop.add_line(&mut order, json!({ "part": { "number": PART, "quantity": 2 * UNIT } }));
    assert_eq!((state(&quoting), &quoting["total"]), ("quoting", &json!(40_000)));
    let number = quoting["number"].as_str().unwrap();
    assert!(number.starts_with(&format!("RO-{}-", shop.store.to_uppercase())), "{number}");
    assert_eq!(state(&shop.act(&shop.advisor, &mut order, "send-quote", json!({}))), "awaiting_approval");
    assert_eq!((shop.level(PART), shop.reservations(&order).len()), ([5_000, 0, 5_000], 0));

    let id = request_id();
    let decision = shop.approval(&order, "refuse");
    let approved = shop.act(&shop.advisor.header("x-request-id", &id), &mut order, "approve", decision);
    assert_eq!((state(&approved), shop.level(PART)), ("approved", [5_000, 2_000, 3_000]));
    let [reservation] = shop.reservations(&order).try_into().unwrap();
    assert_eq!((&reservation["state"], &reservation["quantity"]), (&json!("active"), &json!(2_000)));
    let [line] = place.audit_of(&id).try_into().unwrap();
    assert_eq!(
        line["chain"],
        json!([{ "operation": "parts/reservations/reserve", "caller": "repair", "elevated": true }])
    );
    let events = place.events_of(&id);
    let topics: Vec<&str> = events.iter().filter_map(|event| event["topic"].as_str()).collect();
    assert_eq!(topics, ["parts.reserved", "repair.approved"]);

    let plan = shop.plan(&order);
    assert_eq!(state(&shop.act(&shop.foreman, &mut order, "dispatch", plan)), "dispatched");
    assert_eq!(state(&shop.act(&shop.tech, &mut order, "start-work", json!({}))), "in_progress");
    assert_eq!(shop.level(PART), [3_000, 0, 3_000]);
    let parts = shop.lines(&order, "part");
    let completion = json!({ "completion": { "usage": [{ "line": parts[0], "used": UNIT, "returned": UNIT }], "self_check_passed": true, "note": null } });
    assert_eq!(state(&shop.act(&shop.tech, &mut order, "finish", completion)), "work_done");
    assert_eq!(shop.level(PART), [4_000, 0, 4_000]);
    let done = shop.view(&shop.advisor, &order);
    assert_eq!(
        done["totals"],
        json!([{ "payer": "customer", "labour": 30_000, "material": 10_000, "others": 0, "total": 40_000 }])
    );
    let states: Vec<&str> = done["order"]["stages"].as_array().unwrap().iter().map(state).collect();
    assert_eq!(
        states,
        [
            "received",
            "inspecting",
            "quoting",
            "awaiting_approval",
            "approved",
            "dispatched",
            "in_progress",
            "work_done"
        ]
    );
    assert_eq!(done["open"], json!([]));

    // Neither events nor audit tell who the customer is.
    let events = place.admin.all(&format!("/v1/stores/{}/events?limit=200", shop.store));
    let audit = place.admin.all(&format!("/v1/stores/{}/audit?limit=200", shop.store));
    assert!(events.len() >= 8 && audit.len() > events.len());
    for personal in ["王建国", "13801230001", "京A00000"] {
        assert!(!format!("{events:?}{audit:?}").contains(personal), "{personal}");
    }
}

/// Asks for a command and expects the operation's refusal with this error.
#[track_caller]
pub(crate) fn refused(shop: &Workshop, who: &Client, order: &Order, command: &str, arguments: Value, error: Value) {
    let problem = shop.ask(who, order, command, arguments).problem(422, "operation-refused");
    assert_eq!(problem["error"], error, "{command}");
}

#[test]
fn reception_takes_what_is_true_of_a_vehicle_alone() {
    let shop = Workshop::open(&ground().place());
    let mut first = shop.reception();
    first["reception"]["snapshot"]["vin"] = json!("LFV3A23C9J3012345");
    let number = shop.call(&shop.advisor, "repair/orders/receive", first.clone()).ok()["number"].clone();
    let with = |pointer: &str, value: Value| {
        let mut reception = first.clone();
        *reception.pointer_mut(pointer).unwrap() = value;
        shop.call(&shop.advisor, "repair/orders/receive", reception)
    };
    let errors = [
        ("/reception/walk_around/confirmed", json!(false), json!("walk_around_unconfirmed")),
        ("/reception/concerns", json!([]), json!("no_concern")),
        (
            "/reception/snapshot/odometer",
            json!(9_999),
            json!({ "odometer_behind": { "given": 9_999, "last": 10_000, "order": number } }),
        ),
        (
            "/reception/snapshot/contact/name",
            json!(" "),
            json!({ "invalid": { "field": "contact.name", "rule": "empty" } }),
        ),
    ];
    for (pointer, value, error) in errors {
        assert_eq!(with(pointer, value).problem(422, "operation-refused")["error"], error, "{pointer}");
    }
    // The kernel itself knows what a VIN, a plate and a mobile number look like, and says so in both languages.
    let malformed = [
        ("/reception/snapshot/vin", json!("LFV3A23C9J301234")),
        ("/reception/snapshot/vin", json!("LFV3A23C8J3012345")),
        ("/reception/snapshot/plate", json!("AA")),
        ("/reception/snapshot/contact/mobile", json!("12345")),
        ("/reception/type", json!("joyride")),
        ("/reception/snapshot/odometer", json!(-1)),
    ];
    for (pointer, value) in malformed {
        let problem = with(pointer, value.clone()).problem(400, "invalid-fields");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{value}: {problem}");
    }
    let mut nameless = first.clone();
    nameless["reception"]["snapshot"]["vin"] = Value::Null;
    nameless["reception"]["snapshot"]["plate"] = Value::Null;
    let problem = shop.call(&shop.advisor, "repair/orders/receive", nameless).problem(422, "operation-refused");
    assert_eq!(problem["error"], "vehicle_unnamed");
    // Who a customer is never stands in an address.
    let found = shop.advisor.get(&format!("/v1/stores/{}/repair/orders/find-orders?text=x", shop.store));
    found.problem(405, "personal-by-get");
    let found = shop.advisor.list(&shop.store, "repair/orders/find-orders", &json!({ "text": "wjg" }));
    assert_eq!(found.len(), 1);
    // What people type is made canonical.
    let typed = with("/reception/snapshot/contact/mobile", json!("+86 138 0123 0001")).ok();
    let view = shop.call(&shop.advisor, "repair/orders/get-order", json!({ "order": typed["id"] })).ok();
    assert_eq!(view["order"]["snapshot"]["contact"]["mobile"], "13801230001");
    // The check digit of a vehicle made abroad is odd, not wrong.
    let imported = with("/reception/snapshot/vin", json!("WVWZZZ1KZAW000001"));
    assert!(imported.header("x-warnings").is_some_and(|warnings| warnings.contains("vin")), "{imported}");
    imported.ok();
    let orders = shop.advisor.list(&shop.store, "repair/orders/list-orders", &json!({}));
    assert_eq!(orders.len(), 3);
    // A token that no answer gave is the caller's fault, whatever the plugin makes of it.
    let forged = shop.call(&shop.advisor, "repair/orders/list-orders", json!({ "page": "Zm9yZ2Vk" }));
    let problem = forged.problem(400, "invalid-fields");
    assert_eq!((&problem["errors"][0]["pointer"], &problem["errors"][1]), (&json!("/page"), &Value::Null), "{problem}");
}

#[test]
fn each_step_is_its_role_s_alone() {
    let shop = Workshop::open(&ground().place());
    shop.stock(PART, 1);
    shop.call(&shop.tech, "repair/orders/receive", shop.reception()).problem(403, "forbidden");
    let order = shop.receive();
    let line = json!({ "line": { "concern": 1, "charge": { "labour": { "code": LABOUR } }, "payer": "customer" } });
    let decision = json!({ "decision": { "method": "phone", "by": "x", "evidence": "x", "approved": [], "deferred": [], "if_short": "refuse" } });
    let plan = json!({ "plan": { "bay": "1", "assignments": [] } });
    let completion = json!({ "completion": { "usage": [], "self_check_passed": true } });
    let refusal = json!({ "refusal": { "method": "phone", "by": "x", "evidence": "x", "reason": "x" } });
    let steps = [
        (&shop.tech, "assign-inspection", json!({ "tech": "x" })),
        (&shop.advisor, "record-findings", json!({ "findings": [] })),
        (&shop.foreman, "add-line", line),
        (&shop.tech, "send-quote", json!({})),
        (&shop.foreman, "approve", decision),
        (&shop.parts_manager, "decline", refusal),
        (&shop.advisor, "dispatch", plan),
        (&shop.foreman, "start-work", json!({})),
        (&shop.advisor, "finish", completion),
        (&shop.tech, "cancel", json!({ "reason": "x" })),
    ];
    for (who, command, arguments) in steps {
        shop.ask(who, &order, command, arguments).problem(403, "forbidden");
    }
    shop.call(
        &shop.advisor,
        "repair/price-list/set-rate",
        json!({ "category": "body", "expected_version": 0, "per_hour": 1 }),
    )
    .problem(403, "forbidden");
    shop.call(
        &shop.advisor,
        "parts/stock/receive",
        json!({ "receipt": { "part": PART, "quantity": 1, "unit_cost": 1, "quality": "ok" } }),
    )
    .problem(403, "forbidden");
}

#[test]
fn guards_of_inspection_and_quote() {
    let shop = Workshop::open(&ground().place());
    shop.stock(PART, 1);
    let (advisor, tech) = (&shop.advisor, &shop.tech);
    let mut order = shop.receive();
    let unknown = Order { id: "none".to_owned(), version: json!(1) };
    shop.ask(advisor, &unknown, "assign-inspection", json!({ "tech": "x" })).problem(404, "not-found");
    let stale = Order { version: json!(7), ..order.clone() };
    let problem = shop.ask(advisor, &stale, "assign-inspection", json!({ "tech": "x" })).problem(409, "stale");
    assert_eq!(problem["error"], json!({ "stale": 1 }));
    refused(&shop, advisor, &order, "send-quote", json!({}), json!({ "wrong_state": "received" }));

    shop.act(advisor, &mut order, "assign-inspection", json!({ "tech": "somebody-else" }));
    let finding = |concern: u32, cause: Value| json!({ "findings": [{ "concern": concern, "cause": cause, "no_fault_found": false }] });
    refused(&shop, tech, &order, "record-findings", finding(1, json!("x")), json!({ "not_assigned": shop.tech_name }));
    let mut order = shop.receive();
    shop.act(advisor, &mut order, "assign-inspection", json!({ "tech": shop.tech_name }));
    refused(&shop, tech, &order, "record-findings", finding(2, json!("x")), json!({ "unknown_concern": 2 }));
    refused(&shop, tech, &order, "record-findings", finding(1, Value::Null), json!({ "concerns_unexplained": [1] }));
    shop.act(tech, &mut order, "record-findings", finding(1, json!("缺机油")));

    refused(&shop, advisor, &order, "send-quote", json!({}), json!("nothing_proposed"));
    let line = |charge: Value| json!({ "line": { "concern": 1, "charge": charge, "payer": "customer" } });
    refused(
        &shop,
        advisor,
        &order,
        "add-line",
        line(json!({ "labour": { "code": "NO" } })),
        json!({ "not_listed": "NO" }),
    );
    refused(
        &shop,
        advisor,
        &order,
        "add-line",
        line(json!({ "part": { "number": "NO", "quantity": UNIT } })),
        json!({ "not_listed": "NO" }),
    );
    let unlisted = json!({ "unlisted_part": { "number": "X", "name": "x", "grade": "original", "unit": "件", "quantity": UNIT, "unit_price": 1 } });
    refused(&shop, advisor, &order, "add-line", line(unlisted), json!("parts_listed"));
    for quantity in [0, -UNIT] {
        let answer =
            shop.ask(advisor, &order, "add-line", line(json!({ "part": { "number": PART, "quantity": quantity } })));
        assert!(answer.problem(422, "operation-refused")["error"]["invalid"].is_object());
    }
    shop.add_line(&mut order, json!({ "labour": { "code": LABOUR } }));
    let past = shop
        .ask(advisor, &order, "send-quote", json!({ "valid_until": "2020-01-01" }))
        .problem(422, "operation-refused");
    assert_eq!(past["error"]["invalid"]["rule"], "past");
    refused(&shop, advisor, &order, "remove-line", json!({ "line": "none" }), json!({ "unknown_line": "none" }));
}

#[test]
fn guards_of_the_customers_decision() {
    let shop = Workshop::open(&ground().place());
    shop.stock(PART, 1);
    let mut order = shop.awaiting_approval(&[(PART, 1)]);
    let lines = shop.lines(&order, "");
    let decide = |change: &dyn Fn(&mut Value)| {
        let mut arguments = shop.approval(&order, "refuse");
        change(&mut arguments["decision"]);
        arguments
    };
    let cases = [
        (decide(&|decision| decision["evidence"] = json!(" ")), json!("evidence_missing")),
        (decide(&|decision| decision["approved"] = json!([lines[0]])), json!({ "lines_undecided": [lines[1]] })),
        (decide(&|decision| decision["approved"] = json!(["none"])), json!({ "unknown_line": "none" })),
        (
            decide(&|decision| decision["approved"] = json!([lines[0], lines[0], lines[1]])),
            json!({ "wrong_line_state": { "line": lines[0], "state": "approved" } }),
        ),
        (
            decide(&|decision| {
                decision["approved"] = json!([]);
                decision["deferred"] = lines.iter().map(|line| json!({ "line": line, "reason": "下次" })).collect();
            }),
            json!("nothing_approved"),
        ),
    ];
    for (arguments, error) in cases {
        refused(&shop, &shop.advisor, &order, "approve", arguments, error);
    }
    assert_eq!(shop.level(PART), [1_000, 0, 1_000]);
    // One line is put off: its parts are not reserved.
    let arguments = decide(&|decision| {
        decision["approved"] = json!([lines[0]]);
        decision["deferred"] = json!([{ "line": lines[1], "reason": "下次" }]);
    });
    shop.act(&shop.advisor, &mut order, "approve", arguments);
    assert_eq!((shop.level(PART), shop.reservations(&order)), ([1_000, 0, 1_000], vec![]));
    let refusal = json!({ "refusal": { "method": "phone", "by": "王建国", "evidence": "录音", "reason": "太贵" } });
    let mut other = shop.awaiting_approval(&[(PART, 1)]);
    let declined = shop.act(&shop.advisor, &mut other, "decline", refusal);
    assert_eq!((state(&declined), shop.level(PART)), ("ready_to_return", [1_000, 0, 1_000]));
}

#[test]
fn guards_of_dispatch_work_and_its_end() {
    let shop = Workshop::open(&ground().place());
    shop.stock(PART, 9);
    let approved = || {
        let mut order = shop.awaiting_approval(&[(PART, 1)]);
        let decision = shop.approval(&order, "refuse");
        shop.act(&shop.advisor, &mut order, "approve", decision);
        order
    };
    let mut order = approved();
    let labour = shop.lines(&order, "labour");
    let plan = |assignments: Value| json!({ "plan": { "bay": "3", "assignments": assignments } });
    refused(&shop, &shop.foreman, &order, "dispatch", plan(json!([])), json!({ "lines_unassigned": labour }));
    refused(
        &shop,
        &shop.foreman,
        &order,
        "dispatch",
        plan(json!([{ "line": "none", "tech": "x" }])),
        json!({ "unknown_line": "none" }),
    );
    refused(&shop, &shop.tech, &order, "start-work", json!({}), json!({ "wrong_state": "approved" }));

    let mut other = approved();
    let to_other = plan(json!([{ "line": shop.lines(&other, "labour")[0], "tech": "somebody-else" }]));
    shop.act(&shop.foreman, &mut other, "dispatch", to_other);
    refused(&shop, &shop.tech, &other, "start-work", json!({}), json!({ "not_assigned": shop.tech_name }));

    let arguments = shop.plan(&order);
    shop.act(&shop.foreman, &mut order, "dispatch", arguments);
    refused(&shop, &shop.advisor, &order, "cancel", json!({ "reason": "x" }), json!({ "wrong_state": "dispatched" }));
    let started = shop.act(&shop.tech, &mut order, "start-work", json!({}));
    let mut third = approved();
    let arguments = shop.plan(&third);
    shop.act(&shop.foreman, &mut third, "dispatch", arguments);
    let running = json!({ "clock_running": { "tech": shop.tech_name, "order": started["number"] } });
    refused(&shop, &shop.tech, &third, "start-work", json!({}), running);
    // The refused start had issued nothing, though issuing comes before its answer.
    assert_eq!(shop.level(PART), [8_000, 2_000, 6_000]);

    let part = &shop.lines(&order, "part")[0];
    let completion = |used: i64, returned: i64, passed: bool| json!({ "completion": { "usage": [{ "line": part, "used": used, "returned": returned }], "self_check_passed": passed } });
    let mismatch = |used: i64, returned: i64| json!({ "usage_mismatch": { "line": part, "issued": UNIT, "used": used, "returned": returned } });
    for (used, returned) in [(0, 0), (UNIT, UNIT), (2 * UNIT, -UNIT)] {
        refused(&shop, &shop.tech, &order, "finish", completion(used, returned, true), mismatch(used, returned));
    }
    refused(&shop, &shop.tech, &order, "finish", completion(UNIT, 0, false), json!("self_check_failed"));
    let ended = shop.act(&shop.tech, &mut order, "finish", completion(0, UNIT, true));
    assert_eq!((state(&ended), shop.level(PART)), ("work_done", [9_000, 2_000, 7_000]));
    shop.act(&shop.tech, &mut third, "start-work", json!({}));
}
