//! What a guest may do wrong once it runs: the guests `probe` and `relay` do it.

use serde_json::{Value, json};

use super::table::{Attempt, Expected, Row};

fn act(surface: &'static str, ending: Value, expected: Expected) -> Row {
    Row { surface, expected, attempt: Attempt::Call("probe/effects/act", json!({ "note": "n", "ending": ending })) }
}

fn travel(surface: &'static str, place: &str, ending: Value, expected: Expected) -> Row {
    let arguments = json!({ "trip": "t", "slot": "a", "place": place, "ending": ending });
    Row { surface, expected, attempt: Attempt::Call("relay/trips/travel", arguments) }
}

fn breach(surface: &'static str, way: &str, limit: &'static str) -> Row {
    act(surface, json!({ "breach": way }), Expected::Limit(limit))
}

fn misuse(surface: &'static str, way: &str, error: &'static str) -> Row {
    act(surface, json!({ "misuse": way }), Expected::Err(error))
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = breaches();
    rows.extend(misuses());
    rows
}

fn breaches() -> Vec<Row> {
    vec![
        breach("a loop", "processor", "TREE_CPU_MS"),
        breach("a loop of host calls", "host_calls", "TREE_HOST_CALLS"),
        travel("a loop in a nested call", "nested", json!({ "breach": "processor" }), Expected::Limit("TREE_CPU_MS")),
        Row {
            surface: "a loop of nested calls",
            expected: Expected::Limit("TREE_CALLS"),
            attempt: Attempt::Call("relay/trips/roam", json!({ "calls": 300 })),
        },
        act("work for the host", json!({ "breach": "wall" }), Expected::Timeout),
        breach("memory that grows", "memory", "INSTANCE_MEMORY_BYTES"),
        breach("recursion", "stack", "GUEST_STACK_BYTES"),
        breach("a flood of keys", "writes", "TREE_WRITES"),
        breach("a flood of values", "write_bytes", "TREE_WRITE_BYTES"),
        breach("scans without end", "read_rows", "TREE_READ_ROWS"),
        breach("reads of a large record", "read_bytes", "TREE_READ_BYTES"),
        breach("a flood of events", "events", "TREE_EVENTS"),
        breach("a flood of log lines", "log_bytes", "TREE_LOG_BYTES"),
        breach("a flood of number series", "series", "TREE_SERIES"),
        breach("one giant log line", "hostcall_fuel", "HOSTCALL_FUEL"),
        breach("a record with many index entries", "index_entries", "RECORD_INDEX_ENTRIES"),
        act("a trap after effects", json!("trap"), Expected::Trap("panic")),
        travel("a trap after a savepoint", "here", json!("trap"), Expected::Trap("panic")),
        travel("a trap under a savepoint", "nested", json!("trap"), Expected::Trap("panic")),
        act("an `err` after effects", json!("fail"), Expected::Err("asked_to")),
        travel("an `err` under a savepoint", "nested", json!("fail"), Expected::Err("AskedTo")),
    ]
}

fn misuses() -> Vec<Row> {
    vec![
        misuse("a long key", "long_key", "BadKey"),
        misuse("a large record", "large_record", "TooLarge"),
        misuse("a record of another shape", "wrong_record", "Invalid"),
        misuse("a collection of one's own making", "other_collection", "NotDeclared"),
        misuse("an index of one's own making", "other_index", "NotDeclared"),
        misuse("more values than an index has", "many_values", "more values than fields"),
        misuse("a forged page token", "page_token", "BadPageToken"),
        misuse("a sum of text", "wrong_sum", "NotDeclared"),
        misuse("a topic of one's own making", "other_topic", "NotDeclared"),
        misuse("an event with a large payload", "large_event", "TooLarge"),
        misuse("an event of another shape", "wrong_event", "Invalid"),
        misuse("an event for another's store", "other_store", "UnknownStore"),
        act(
            "a number series without a name",
            json!({ "misuse": "bad_series" }),
            Expected::Trap("a number series is named by"),
        ),
        Row {
            surface: "a query that writes",
            expected: Expected::Err("ReadOnly"),
            attempt: Attempt::Call("probe/effects/check-writing", json!({})),
        },
    ]
}
