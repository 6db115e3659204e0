//! More than the kernel can do at once: it refuses in good order, keeps nothing of what it refused, and serves on.

use std::fmt::Write as _;

use forecourt_base::limits;
use forecourt_tests::client::unless_suspended;
use forecourt_tests::ground::GROUP;
use forecourt_tests::server::PASSWORD;
use forecourt_tests::{Answer, Ground, ground};
use serde_json::{Value, json};

use crate::hostile::bombs::{FINE, bomb};
use crate::hostile::table::publish;

const LIST_NOTES: &str = "probe/effects/list-notes";
const LOCALS: usize = 2_000;
const BRANCHES: usize = 6_000;
const FUNCTIONS: usize = 12;

/// Functions with so many values alive at once that compiling them takes more memory than the compiler gets.
fn tangle() -> String {
    let locals: String = (0..LOCALS).map(|n| format!("(local $l{n} i32)")).collect();
    let mut branches = String::new();
    for n in 0..BRANCHES {
        let local = |factor: usize| n * factor % LOCALS;
        let _ = writeln!(
            branches,
            "(if (i32.eq (local.get $l{}) (i32.const {n}))
               (then (local.set $l{} (i32.add (local.get $l{}) (local.get $l{}))))
               (else (local.set $l{} (i32.mul (local.get $l{}) (i32.const 3)))))",
            local(1),
            local(7),
            local(13),
            local(29),
            local(31),
            local(3)
        );
    }
    let sum: String =
        (0..LOCALS).map(|n| format!("(local.set $l0 (i32.add (local.get $l0) (local.get $l{n})))")).collect();
    let function = |name| {
        format!(
            "(func $f{name} (param i32) (result i32) {locals} (loop $again {branches} (br_if $again (local.get $l1))) {sum} (local.get $l0))"
        )
    };
    (0..FUNCTIONS).map(function).collect()
}

#[test]
fn a_component_that_takes_too_much_to_compile_is_refused_while_others_are_served() {
    let place = ground().place_with_guests();
    let advisor = place.user("advisor");
    let bytes = bomb("0.9.0", &tangle(), "1", FINE);
    std::thread::scope(|scope| {
        let published = scope.spawn(|| publish(&place.admin, &bytes));
        let mut served = 0;
        while !published.is_finished() {
            advisor.call(&place.store, "probe/effects/get-area", &json!({ "width_in_m": 2 })).ok();
            served += 1;
        }
        let problem = published.join().unwrap().problem(422, "component-refused");
        assert!(problem["reasons"].to_string().contains("compiler"), "{problem}");
        assert!(served > 0);
    });
}

/// Sends this many requests at once.
fn at_once(count: usize, send: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..count)
            .map(|at| {
                scope.spawn({
                    let send = &send;
                    move || send(at)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

/// Each answer is one of these problems, and whoever should come again is told when.
fn check(answers: Vec<Answer>, allowed: &[(u16, &str)]) {
    for answer in answers {
        let said = |name: &str| answer.body["type"] == format!("/problems/{name}");
        let known = allowed.iter().find(|(status, name)| *status == answer.status && said(name));
        let (status, name) = known.unwrap_or_else(|| panic!("{answer}"));
        assert!(
            *name != "full" || answer.body["limit"].as_str().is_some_and(|limit| limit.ends_with("_CALLS")),
            "{answer}"
        );
        assert!(![429, 503].contains(status) || answer.header("retry-after").is_some(), "{answer}");
        answer.problem(*status, name);
    }
}

#[test]
fn a_full_kernel_says_so_and_serves_on() {
    let ground = Ground::begin();
    let place = ground.place_with_guests();
    let advisor = place.user("advisor");
    let act = |note: String, ending: Value| {
        advisor.call(&place.store, "probe/effects/act", &json!({ "note": note, "ending": ending }))
    };
    let other = ground.place_with_guests();
    let neighbours = [
        (place.user("tech"), "relay/trips/list-trips", &place),
        (other.user("tech"), "probe/holds/list-holds", &other),
    ];
    std::thread::scope(|scope| {
        let hogs = scope
            .spawn(|| at_once(2 * limits::ROOT_CALLS, |at| act(format!("hog-{at}"), json!({ "breach": "processor" }))));
        let mut served = 0;
        // Another plugin of the store and another store of the plugin are served while one plugin in one store takes all it can get.
        while !hogs.is_finished() {
            for (user, operation, place) in &neighbours {
                user.call(&place.store, operation, &json!({})).ok();
                served += 1;
            }
        }
        assert!(served > 0);
        check(
            hogs.join().unwrap(),
            &[(500, "limit-exceeded"), (503, "full"), (503, "plugin-suspended"), (504, "timeout")],
        );
    });
    unless_suspended(|| act("after".to_owned(), json!("succeed"))).ok();
    let notes = advisor.list(&place.store, LIST_NOTES, &json!({ "limit": 0 }));
    assert_eq!(notes.iter().map(|note| &note["id"]).collect::<Vec<_>>(), ["after"]);
    let events = ground.admin.all(&format!("/v1/stores/{}/events", place.store));
    assert_eq!(events.len(), 1);

    let client = ground.server.client();
    let guess = |at: usize| {
        client.post(
            "/v1/sessions",
            &json!({ "group": GROUP, "user": format!("nobody-{at}"), "password": "another road" }),
        )
    };
    let guesses = at_once(limits::ARGON2_QUEUE + 30, guess);
    check(guesses, &[(401, "bad-credentials"), (503, "sign-in-busy")]);
    client.sign_in(Some(GROUP), "admin", PASSWORD).get("/v1/sessions/current").ok();
}
