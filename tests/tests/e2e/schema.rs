//! WIT is the schema: an area of ours that the kernel has never seen, and providers that change under their importers.

use std::sync::atomic::{AtomicBool, Ordering};

use forecourt_tests::ground::{GROUP, grant, publish};
use forecourt_tests::log::request_id;
use forecourt_tests::{Client, Place, ground};
use serde_json::{Value, json};

fn openapi(client: &Client, store: &str, language: &str) -> Value {
    client.header("accept-language", language).get(&format!("/v1/stores/{store}/openapi.json")).ok()
}

#[test]
fn a_new_area_is_published_granted_enabled_described_and_called() {
    let ground = ground();
    let place = ground.place();
    let advisor = place.user("advisor");
    let store = &place.store;
    advisor
        .call(store, "probe/effects/act", &json!({ "note": "n", "ending": "succeed" }))
        .problem(404, "area-not-enabled");
    assert!(openapi(&advisor, store, "en")["paths"].as_object().unwrap().is_empty());
    place.enable("probe", "probe", "0.1.0").ok();
    let described = openapi(&advisor, store, "en");
    assert_eq!(described["openapi"], "3.1.0");
    let act = &described["paths"][format!("/v1/stores/{store}/probe/effects/act")]["post"];
    assert!(act.to_string().contains("Writes a note, numbers it and publishes `probe.noted`"), "{act}");
    let text = described.to_string();
    for docs in
        ["A number of series `notes`.", "By going past a limit.", "There is no such note.", "Too many records written."]
    {
        assert!(text.contains(docs), "{docs}");
    }
    let get = &described["paths"][format!("/v1/stores/{store}/probe/effects/get-area")]["get"];
    assert!(get.to_string().contains("width_in_m"), "{get}");
    assert!(described["paths"][format!("/v1/stores/{store}/probe/effects/act")]["get"].is_null());
    let note = advisor.call(store, "probe/effects/act", &json!({ "note": "n", "ending": "succeed" })).ok();
    assert_eq!((note["id"].as_str(), note["by"].as_str()), (Some("n"), Some(place.user_name("advisor").as_str())));
    assert_eq!(advisor.call(store, "probe/effects/get_note", &json!({ "note": "n" })).ok(), note);
}

#[test]
fn queries_are_read_by_get_and_commands_are_not() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let path = |rest: &str| format!("/v1/stores/{}/probe/effects/{rest}", place.store);
    assert_eq!(advisor.get(&path("get-area?width_in_m=3&height-in-m=4")).ok(), 12);
    assert_eq!(advisor.get(&path("get_area?width-in-m=5")).ok(), 25);
    let wrong = advisor.get(&path("get-area?width_in_m=wide")).problem(400, "invalid-fields");
    assert_eq!(wrong["errors"][0]["pointer"], "/width_in_m");
    advisor.get(&path("get-note?note=none")).problem(404, "not-found");
    let refused = advisor.get(&path("act?note=n"));
    assert_eq!(refused.header("allow"), Some("POST"));
    refused.problem(405, "command-by-get");
}

#[test]
fn a_guest_sees_the_call_as_the_kernel_knows_it() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let interfaces = ["forecourt:probe/effects", "forecourt:relay/trips@0.1.0", "forecourt:shelf/items", "nonsense"];
    let facts = advisor.call(&place.store, "probe/effects/get-facts", &json!({ "interfaces": interfaces })).ok();
    let expected = json!({
        "user": place.user_name("advisor"), "roles": ["advisor"], "group": GROUP, "store": place.store,
        "now": facts["now"], "today": facts["today"], "enabled": &interfaces[..2],
    });
    assert_eq!(facts, expected);
    assert!(facts["now"].as_str().unwrap().ends_with('Z'), "{facts}");
    let numbers = |series: &str| {
        advisor.call(&place.store, "probe/effects/take-numbers", &json!({ "series": series, "count": 3 })).ok()
    };
    assert_eq!(numbers("a"), json!([[1, 2, 3], [1, 2, 3]]));
    assert_eq!(numbers("a"), json!([[4, 5, 6], [4, 5, 6]]));
    assert_eq!(numbers("b"), json!([[1, 2, 3], [1, 2, 3]]));
    advisor
        .call(&place.store, "probe/effects/take-numbers", &json!({ "series": "No", "count": 1 }))
        .problem(500, "trap");
}

#[test]
fn a_day_is_the_stores_own() {
    // These are 25 hours apart, so it is never the same day in both.
    let [ahead, behind] = ["Pacific/Kiritimati", "Pacific/Niue"].map(|zone| {
        let place = ground().place_in(zone);
        place.enable("probe", "probe", "0.1.0").ok();
        let facts = place.admin.call(&place.store, "probe/effects/get-facts", &json!({ "interfaces": [] })).ok();
        facts["today"].as_str().unwrap().to_owned()
    });
    assert!(ahead > behind, "{ahead} {behind}");
}

fn shelf(place: &Place<'_>, version: &str) {
    for (name, version) in [("shelf", "0.1.0"), ("shelf-wider", "0.2.0"), ("shelf-broken", "0.3.0")] {
        publish(&place.admin, name);
        grant(&place.admin, "shelf", version);
    }
    place.enable("shelf", "shelf", version).ok();
}

#[test]
fn a_provider_with_more_fields_and_cases_does_not_break_its_importer() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let call = |operation: &str, arguments: Value| advisor.call(&place.store, operation, &arguments);
    call("relay/shelves/get-thing", json!({ "id": "mug" })).problem(424, "not-enabled");
    shelf(&place, "0.1.0");
    let (mug, cup) =
        (json!({ "id": "mug", "name": "a mug", "count": 1 }), json!({ "id": "cup", "name": "a cup", "count": 7 }));
    assert_eq!(call("relay/shelves/put-thing", json!({ "item": mug })).ok(), mug);
    call("relay/shelves/take-thing", json!({ "id": "mug" })).ok();
    let empty = call("relay/shelves/take-thing", json!({ "id": "mug" })).problem(422, "operation-refused");
    assert_eq!(empty["error"], json!({ "refused": ["empty", "mug"] }));

    let swapped = place.enable("shelf", "shelf", "0.2.0").ok();
    assert_eq!(swapped["previous"]["version"], "0.1.0", "{swapped}");
    // What the first version stored is read by the second, and by the importer through it.
    assert_eq!(
        call("relay/shelves/get-thing", json!({ "id": "mug" })).ok(),
        json!({ "id": "mug", "name": "a mug", "count": 0 })
    );
    assert_eq!(call("relay/shelves/put-thing", json!({ "item": cup })).ok(), cup);
    let seen = call("shelf/items/get-item", json!({ "id": "cup" })).ok();
    assert_eq!((&seen["colour"], &seen["width"], &seen["count"]), (&json!("grey"), &json!(300), &json!(7)));
    // A case that the importer does not know reaches it as `other`, with its name.
    let frozen = call("relay/shelves/take-thing", json!({ "id": "mug" })).problem(422, "operation-refused");
    assert_eq!(frozen["error"], json!({ "refused": ["other", "frozen"] }));

    let id = request_id();
    let path = format!("/v1/stores/{}/modules/shelf", place.store);
    let broken = place.admin.header("x-request-id", &id).put(&path, &json!({ "plugin": "shelf", "version": "0.3.0" }));
    let reasons = broken.problem(409, "unresolved-imports")["reasons"].to_string();
    for part in ["relay", "get-item", "count", "owner"] {
        assert!(reasons.contains(part), "{part}: {reasons}");
    }
    assert_eq!(place.audit_of(&id)[0]["outcome"], "failed");
    assert_eq!(place.admin.get(&path).ok()["module"]["version"], "0.2.0");
    assert_eq!(call("relay/shelves/get-thing", json!({ "id": "cup" })).ok(), cup);
}

#[test]
fn a_swap_under_load_fails_no_call_and_mixes_no_versions() {
    const SWAPS: usize = 12;
    const CALLERS: usize = 3;
    let place = ground().place_with_guests();
    shelf(&place, "0.1.0");
    let advisor = place.user("advisor");
    let stop = AtomicBool::new(false);
    let editions: Vec<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let answer =
                            advisor.call(&place.store, "relay/shelves/list-editions", &json!({ "calls": 8 })).ok();
                        let items = answer["items"].as_array().unwrap();
                        assert!(items.len() == 8 && items.iter().all(|edition| *edition == items[0]), "{answer}");
                        seen.push(items[0].as_str().unwrap().to_owned());
                    }
                    seen
                })
            })
            .collect();
        let swapped: Vec<_> = (0..SWAPS)
            .map(|swap| place.enable("shelf", "shelf", if swap % 2 == 0 { "0.2.0" } else { "0.1.0" }))
            .collect();
        stop.store(true, Ordering::Relaxed);
        swapped.into_iter().for_each(|answer| drop(answer.ok()));
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    for edition in ["first", "wider"] {
        assert!(editions.iter().any(|seen| seen == edition), "no call met `{edition}` among {}", editions.len());
    }
}

#[test]
fn what_is_wrong_with_a_publication_a_grant_or_a_module_is_told() {
    let place = ground().place_with_guests();
    let admin = &place.admin;
    let plugins = format!("/v1/groups/{GROUP}/plugins");
    assert_eq!(publish(admin, "probe")["new"], false);
    let component = |bytes: &[u8]| admin.send("POST", &plugins, Some("application/wasm"), bytes).unwrap();
    component(b"no component").problem(422, "component-refused");
    let mut bytes = forecourt_tests::guests::bytes("probe");
    bytes.truncate(bytes.len() / 2);
    component(&bytes).problem(422, "component-refused");
    admin
        .put(&format!("{plugins}/probe/versions/9.9.9/grants"), &json!({ "all_requested": true }))
        .problem(404, "unknown-plugin-version");
    let wider = json!({ "kernel": ["storage", "modules", "timers"] });
    admin.put(&format!("{plugins}/relay/versions/0.1.0/grants"), &wider).problem(409, "wider-than-requested");
    place.enable("relay", "probe", "0.1.0").problem(409, "area-not-served");
    place.enable("probe", "probe", "9.9.9").problem(404, "unknown-plugin-version");
    let module = |area: &str| format!("/v1/stores/{}/modules/{area}", place.store);
    let required = admin.delete(&module("probe")).problem(409, "required-by-others");
    assert!(required["reasons"].to_string().contains("relay"), "{required}");
    admin.delete(&module("relay")).ok();
    admin.delete(&module("probe")).ok();
    admin.get(&module("probe")).problem(404, "area-not-enabled");
    place.enable("relay", "relay", "0.1.0").problem(409, "unresolved-imports");
}

#[test]
fn each_store_has_its_own_version_and_records() {
    let (here, there) = (ground().place_with_guests(), ground().place_with_guests());
    shelf(&here, "0.1.0");
    shelf(&there, "0.2.0");
    for (place, edition) in [(&here, "first"), (&there, "wider")] {
        let advisor = place.user("advisor");
        let answer = advisor.call(&place.store, "relay/shelves/list-editions", &json!({ "calls": 1 })).ok();
        assert_eq!(answer["items"], json!([edition]));
        let item = json!({ "id": "x", "name": edition, "count": 1 });
        assert_eq!(advisor.call(&place.store, "relay/shelves/get-thing", &json!({ "id": "x" })).status, 404);
        advisor.call(&place.store, "relay/shelves/put-thing", &json!({ "item": item })).ok();
    }
}

#[test]
fn an_area_of_the_group_serves_its_stores_and_itself() {
    let ground = forecourt_tests::Ground::begin();
    let admin = &ground.admin;
    let module = format!("/v1/groups/{GROUP}/modules/probe");
    let place = ground.place();
    let advisor = place.user("advisor");
    admin.put(&module, &json!({ "plugin": "probe", "version": "0.1.0" })).ok();
    let act = |path: &str| admin.post(path, &json!({ "note": "n", "ending": "succeed" })).ok();
    act(&format!("/v1/groups/{GROUP}/probe/effects/act"));
    advisor.call(&place.store, "probe/effects/act", &json!({ "note": "n", "ending": "succeed" })).ok();
    let facts = admin.post(&format!("/v1/groups/{GROUP}/probe/effects/get-facts"), &json!({ "interfaces": [] })).ok();
    assert_eq!(facts["store"], Value::Null);
    // One who works in a store alone is no member of the whole group.
    advisor
        .post(&format!("/v1/groups/{GROUP}/probe/effects/act"), &json!({ "note": "n", "ending": "succeed" }))
        .problem(403, "forbidden");
    admin.delete(&format!("/v1/stores/{}/modules/probe", place.store)).problem(409, "enabled-for-the-group");
    let events = |path: &str| admin.all(&format!("{path}/events")).len();
    assert_eq!((events(&format!("/v1/groups/{GROUP}")), events(&format!("/v1/stores/{}", place.store))), (1, 1));
    admin.delete(&module).ok();
    advisor
        .call(&place.store, "probe/effects/act", &json!({ "note": "m", "ending": "succeed" }))
        .problem(404, "area-not-enabled");
}
