//! SIGKILL while events are delivered, again and again: whatever a kernel was doing, each event has its effect once, in order.
//!
//! INVARIANT (told-once), INVARIANT (key-order): clients publish good, flaky, refused and trapping events and meanwhile change the very
//! record that the handler counts in, so that it meets conflicts. A third plugin hears of them through a second.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use forecourt_tests::random::Seeded;
use forecourt_tests::server::kill_while_starting;
use forecourt_tests::{Ground, Server};
use serde_json::{Value, json};

use crate::deliveries::{Shop, place_with, until};

/// Keys by mood, each of several.
const MOODS: [(&str, u64); 4] = [("good", 6), ("flaky", 2), ("refused", 2), ("trapping", 1)];
const PUBLISHERS: u64 = 2;
/// Most answers that are waited for before the kernel is killed.
const ANSWERS: u64 = 24;
const START_LINES: u64 = 60;

fn rounds() -> u64 {
    std::env::var("FORECOURT_KILL_ROUNDS")
        .ok()
        .map_or(50, |rounds| rounds.parse().expect("FORECOURT_KILL_ROUNDS is a number"))
}

/// Asks once; false where nobody answers any more.
fn ask(shop: &Shop, operation: &str, arguments: &Value) -> bool {
    let path = format!("/v1/stores/{}/{operation}", shop.store);
    match shop.advisor.send("POST", &path, Some("application/json"), arguments.to_string().as_bytes()) {
        Err(_) => false,
        Ok(answer) if [200, 503, 504].contains(&answer.status) => true,
        Ok(answer) => panic!("{answer}"),
    }
}

/// Publishes until the kernel is killed. Poison comes rarely.
fn emit(shop: &Shop, mut random: Seeded, told: &std::sync::mpsc::Sender<()>) {
    loop {
        // Of twenty, two are flaky, one is refused, one traps.
        let (mood, keys) = MOODS
            [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3][usize::try_from(random.below(20)).unwrap()]];
        let key = format!("{mood}-{}", random.below(keys));
        let count = if mood == "good" { 1 + random.below(4) } else { 1 };
        let arguments = json!({ "key": key, "count": count, "mood": mood });
        if !ask(shop, "pulse/beats/emit", &arguments) || told.send(()).is_err() {
            return;
        }
    }
}

fn load_and_kill(server: Server, shop: &Shop, random: &mut Seeded, round: u64) {
    let answers = usize::try_from(1 + random.below(ANSWERS)).unwrap();
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (sender, choices) = (sender.clone(), random.branch(round * PUBLISHERS + publisher));
            scope.spawn(move || emit(shop, choices, &sender));
        }
        scope.spawn(|| while ask(shop, "tally/lines/touch", &json!({})) {});
        receiver.iter().take(answers).for_each(drop);
        server.kill();
    });
}

/// How many beats each key has had.
fn published(shop: &Shop) -> BTreeMap<String, u64> {
    let keys = MOODS.iter().flat_map(|(mood, keys)| (0..*keys).map(move |key| format!("{mood}-{key}")));
    keys.map(|key| {
        let number = shop.advisor.call(&shop.store, "pulse/beats/get-number", &json!({ "key": key })).ok();
        (key, number.as_u64().unwrap())
    })
    .collect()
}

fn number(line: &Value, field: &str) -> u64 {
    line[field].as_u64().unwrap_or_default()
}

/// Whether all that is good was told, and nothing twice.
fn check(shop: &Shop, expected: &BTreeMap<String, u64>) -> Result<(), String> {
    let lines = shop.advisor.list(&shop.store, "tally/lines/list-lines", &json!({}));
    let line = |id: &str| lines.iter().find(|line| line["id"] == id).cloned().unwrap_or_default();
    for (key, count) in expected.iter().filter(|(key, _)| key.starts_with("good")) {
        for id in [key.clone(), format!("echo/{key}")] {
            let line = line(&id);
            let found = ["count", "last", "late", "gaps"].map(|field| number(&line, field));
            assert!(found[0] <= *count && found[2] == 0 && found[3] == 0, "{id}: {line}, published {count}");
            if found[..2] != [*count, *count] {
                return Err(format!("{id}: {line} of {count}"));
            }
        }
    }
    Ok(())
}

#[test]
fn each_event_takes_effect_once_whenever_the_kernel_is_killed() {
    let mut random = Seeded::new();
    let ground = Ground::begin();
    let shop = Shop::of(&place_with(&ground, &["pulse", "echo", "tally"]));
    let Ground { folder, mut server, .. } = ground;
    for round in 0..rounds() {
        let here = shop.at(server.url());
        load_and_kill(server, &here, &mut random, round);
        if round % 7 == 0 {
            kill_while_starting(&folder, &[], usize::try_from(random.below(START_LINES)).unwrap());
        }
        server = Server::start(&folder, &[]);
    }
    let shop = shop.at(server.url());
    let expected = published(&shop);
    until("all that is good was told", || check(&shop, &expected));
    // What is poisoned parks alone, ends in the dead letters, and each of its events is in one place.
    for plugin in ["echo", "tally"] {
        shop.settle(plugin);
    }
    check(&shop, &expected).unwrap();
    let letters = shop.letters();
    let dead = |key: &str| letters.iter().filter(|letter| letter["event"]["key"] == key).count() as u64;
    for (key, count) in expected.iter().filter(|(key, _)| !key.starts_with("good")) {
        let line = shop.line(key);
        assert_eq!((number(&line, "late"), number(&line, "gaps")), (0, 0), "{key}: {line}");
        let told = if key.starts_with("flaky") { *count } else { 0 };
        assert_eq!((number(&line, "count"), dead(key)), (told, count - told), "{key}: {line}");
    }
    assert!(letters.iter().all(|letter| letter["reason"] == "failed" && letter["plugin"] == "tally"), "{letters:?}");
    // Redriven once the cause is mended, they take effect too.
    shop.mend();
    for letter in &letters {
        shop.redrive(letter);
    }
    until("the dead letters are handled", || {
        let parked = shop.subscription("tally");
        if parked["parked_keys"] == 0 { Ok(()) } else { Err(parked.to_string()) }
    });
    for (key, count) in &expected {
        assert_eq!(number(&shop.line(key), "count"), *count, "{key}");
    }
    let total = shop.advisor.call(&shop.store, "tally/lines/get-total", &json!({})).ok();
    let echoes: u64 = expected.iter().filter(|(key, _)| key.starts_with("good")).map(|(_, count)| count).sum();
    assert_eq!(number(&total, "count"), expected.values().sum::<u64>() + echoes);
    assert!(shop.letters().is_empty() && number(&total, "touched") > 0);
    assert!(server.stop().success());
}
