//! Who is told by areas when something is due or short: the promised time of an order, the minimum of a part.

use std::time::{Duration, Instant};

use forecourt_base::{Clock as _, SystemClock};
use forecourt_tests::workshop::{LABOUR, UNIT, Workshop};
use forecourt_tests::{ground, pause};
use serde_json::{Value, json};

use crate::repair::PART;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn an_order_whose_promised_time_passes_before_its_work_is_done_is_told_of_as_delayed() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    let receive = |ms: i64| {
        let at = SystemClock.now().plus_millis(ms).to_rfc3339();
        let mut arguments = shop.reception();
        arguments["reception"]["promised_at"] = json!(at);
        shop.call(&shop.advisor, "repair/orders/receive", arguments).ok()
    };
    let delayed = || place.admin.all(&format!("/v1/stores/{}/events?limit=200&topics=repair.delayed", shop.store));
    // One is cancelled before its time; work on another is done long before it.
    let cancelled = receive(1_500);
    let cancel = json!({ "order": cancelled["id"], "expected_version": cancelled["version"], "reason": "客户取消" });
    shop.call(&shop.advisor, "repair/orders/cancel", cancel).ok();
    let mut done = shop.order(&receive(4_000));
    shop.inspect(&mut done);
    shop.add_line(&mut done, json!({ "labour": { "code": LABOUR } }));
    shop.act(&shop.advisor, &mut done, "send-quote", json!({}));
    let decision = shop.approval(&done, "refuse");
    shop.act(&shop.advisor, &mut done, "approve", decision);
    let plan = shop.plan(&done);
    shop.act(&shop.foreman, &mut done, "dispatch", plan);
    shop.act(&shop.tech, &mut done, "start-work", json!({}));
    let completion = json!({ "completion": { "usage": [], "self_check_passed": true, "note": null } });
    shop.act(&shop.tech, &mut done, "finish", completion);
    let (first, second) = (receive(300), receive(4_500));
    let end = Instant::now() + PATIENCE;
    let told: Vec<Value> = loop {
        let told = delayed();
        if told.len() == 2 {
            break told;
        }
        if Instant::now() >= end {
            let place_path = format!("/v1/stores/{}", shop.store);
            let subscriptions = place.admin.get(&format!("{place_path}/subscriptions")).ok();
            let timers = place.admin.all(&format!("{place_path}/events?limit=200&topics=kernel.timer"));
            panic!("{told:?} {subscriptions} {timers:?}");
        }
        pause();
    };
    for (event, order) in told.iter().zip([&first, &second]) {
        let payload = &event["payload"];
        assert_eq!((&payload["order"], &payload["number"]), (&order["id"], &order["number"]));
        assert_eq!((&payload["state"], &event["by"]), (&json!("received"), &json!("plugin:repair")));
        assert!(SystemClock.now().to_rfc3339().as_str() >= payload["promised_at"].as_str().unwrap());
    }
}

#[test]
fn stock_that_falls_to_its_minimum_is_told_of_once() {
    let place = ground().place();
    let shop = Workshop::open(&place);
    let part = json!({
        "number": PART, "name": "机油滤清器", "brand": "VW", "grade": "original", "unit": "件", "price": 5_000, "minimum": 2 * UNIT,
    });
    shop.call(&shop.parts_manager, "parts/catalogue/add-part", json!({ "part": part })).ok();
    shop.take_in(PART, 5);
    let low = || place.admin.all(&format!("/v1/stores/{}/events?limit=200&topics=parts.low-stock", shop.store));
    let use_up = |units: i64| {
        let mut order = shop.awaiting_approval(&[(PART, units)]);
        let decision = shop.approval(&order, "refuse");
        shop.act(&shop.advisor, &mut order, "approve", decision);
        let plan = shop.plan(&order);
        shop.act(&shop.foreman, &mut order, "dispatch", plan);
        shop.act(&shop.tech, &mut order, "start-work", json!({}));
        let line = shop.lines(&order, "part").remove(0);
        let usage = json!([{ "line": line, "used": units * UNIT, "returned": 0 }]);
        let completion = json!({ "completion": { "usage": usage, "self_check_passed": true, "note": null } });
        shop.act(&shop.tech, &mut order, "finish", completion);
    };
    use_up(2);
    assert!(low().is_empty(), "3 are left, 2 are the minimum");
    use_up(1);
    let [told] = low().try_into().unwrap();
    assert_eq!((&told["payload"]["on_hand"], &told["payload"]["minimum"]), (&json!(2_000), &json!(2_000)));
    use_up(1);
    assert_eq!(low().len(), 1, "it is told of when it falls to the minimum, not again below it");
}
