//! Requests that the kernel refuses with an error, which the guest hands on.

use forecourt_sdk::serde::Serialize;
use forecourt_sdk::{Collection, Event, Index, KernelError, events, ids};
use serde_json::value::RawValue;

use crate::{BLOBS, Blob, blob};

/// An event of a topic that the guest may publish, with any payload.
#[derive(Serialize)]
#[serde(crate = "forecourt_sdk::serde", transparent)]
struct Noted(serde_json::Value);

impl Event for Noted {
    const TOPIC: &'static str = "probe.noted";
}

/// An event of a topic that nobody declared.
#[derive(Serialize)]
#[serde(crate = "forecourt_sdk::serde")]
struct Secret {}

impl Event for Secret {
    const TOPIC: &'static str = "harm.secret";
}

/// Asks the kernel for what it refuses.
pub fn misuse(what: &impl Serialize) -> Result<(), KernelError> {
    let what = serde_json::to_value(what).ok();
    let noted = |text: &str| Noted(serde_json::json!({ "note": text }));
    match what.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default() {
        "long_key" => BLOBS.put(&"k".repeat(513), &blob(0, 1, 0)),
        "large_record" => BLOBS.put("large", &blob(0, 600_000, 0)),
        "wrong_record" => {
            let nonsense: Collection<Box<RawValue>> = Collection::new("blobs");
            nonsense.put("wrong", &RawValue::from_string("{\"id\":7}".to_owned())?)
        }
        "other_collection" => Collection::<Blob>::new("vault").put("k", &blob(0, 1, 0)),
        "other_index" => BLOBS.query(Index::new("by-nothing")).page(1, None).map(drop),
        "many_values" => BLOBS.query(Index::new("by-tag")).equal(&"a").equal(&"b").page(1, None).map(drop),
        "page_token" => BLOBS.scan("", 1, Some("AAAAAAAAAAAAAAAAAAAA")).map(drop),
        "wrong_sum" => BLOBS.add("000000", "text", 1),
        "other_topic" => events::publish("k", &Secret {}),
        "large_event" => events::publish("k", &noted(&"x".repeat(70_000))),
        "wrong_event" => events::publish("k", &Noted(serde_json::json!({ "note": 7 }))),
        "other_store" => events::publish_to("no-such-store", "k", &noted("n")),
        "bad_series" => {
            ids::number("Not A Name");
            Ok(())
        }
        other => panic!("there is no misuse `{other}`"),
    }
}
