use serde_json::json;

use super::*;
use crate::fixtures::Fixture;

const WIT: &str = "package forecourt:a@0.1.0;
interface records {
    enum order-state { awaiting-approval, done }
    record contact { name: string, phones: list<string> }
    record order {
        state: order-state, due: option<string>, urgent: bool, count: u64, small: option<s8>,
        contact: option<contact>, tags: list<string>, title: string, vin: string,
    }
}
interface x { variant error { other(string) } go: func() -> result<_, error>; }";

const COLLECTION: &str = r#"
[[collections]]
name = "orders"
record = "forecourt:a/records@0.1.0#order"
scope = "store"
indexes = [
    { name = "by-state", fields = ["state", "due"] },
    { name = "by-tag", fields = ["tags", "urgent"] },
    { name = "by-count", fields = ["count", "small"] },
    { name = "text", kind = "text", fields = ["title", "contact.name", "contact.phones"] },
]
"#;

fn orders() -> Collection {
    let fixture = Fixture::new("a", "0.1.0", "export forecourt:a/x@0.1.0;").package(WIT).extra(COLLECTION);
    fixture.schema().collections.remove(0)
}

fn order() -> Value {
    json!({
        "state": "awaiting_approval", "urgent": true, "count": 7, "tags": ["b", "a", "b"], "title": "刹车片", "vin": "x",
        "contact": {"name": "Li", "phones": ["13800138000"]},
    })
}

fn rows<'a>(entries: &'a [(Arc<str>, Vec<Scalar>)], index: &str) -> Vec<&'a [Scalar]> {
    entries.iter().filter(|(name, _)| **name == *index).map(|(_, values)| values.as_slice()).collect()
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

#[test]
fn fields_become_scalars_and_absent_ones_none() {
    let entries = orders().entries(&order());
    assert_eq!(rows(&entries, "by-state"), [[text("awaiting_approval"), Scalar::None]]);
    assert_eq!(rows(&entries, "by-count"), [[Scalar::Int(7), Scalar::None]]);
    let tags = rows(&entries, "by-tag");
    assert_eq!(tags, [[text("a"), Scalar::Bool(true)], [text("b"), Scalar::Bool(true)]]);
}

#[test]
fn text_is_found_by_fragments_and_initials() {
    let entries = orders().entries(&order());
    let found: Vec<&Scalar> = rows(&entries, "text").iter().map(|row| &row[0]).collect();
    for fragment in ["刹车片", "车片", "scp", "li", "13800138000", "0138000"] {
        assert!(found.contains(&&text(fragment)), "{fragment} in {found:?}");
    }
}

#[test]
fn large_integers_are_read_from_text_and_held_at_the_end_of_the_range() {
    let count = |value: Value| {
        let mut order = order();
        order["count"] = value;
        rows(&orders().entries(&order), "by-count")[0][0].clone()
    };
    assert_eq!(count(json!("9007199254740993")), Scalar::Int(9_007_199_254_740_993));
    assert_eq!(count(json!("18446744073709551615")), Scalar::Int(i64::MAX));
}

#[test]
fn text_indexes_take_only_the_room_that_is_left() {
    let mut value = order();
    value["tags"] = (0..60).map(|n| json!(format!("t{n}"))).collect();
    value["title"] = json!("abcdefghijklmnopqrstuvwxyz");
    let entries = orders().entries(&value);
    assert_eq!(entries.len(), RECORD_INDEX_ENTRIES);
    assert!(rows(&entries, "text").contains(&[text("abcdefghijklmnopqrstuvwxyz")].as_slice()));
    value["tags"] = (0..100).map(|n| json!(format!("t{n}"))).collect();
    assert_eq!(rows(&orders().entries(&value), "by-tag").len(), 100);
}

#[test]
fn looked_up_cases_take_the_form_of_entries() {
    let orders = orders();
    let index = orders.index("by-state").unwrap();
    assert_eq!(index.canonical(0, text("awaiting-approval")), text("awaiting_approval"));
    assert_eq!(index.canonical(1, text("2026-01-10")), text("2026-01-10"));
    assert_eq!(index.canonical(9, Scalar::Int(1)), Scalar::Int(1));
}
