use std::collections::HashSet;

use serde_json::Value;

use crate::fixtures::Fixture;
use crate::{PluginSchema, openapi};

const SHOP: &str = "
package forecourt:shop@0.1.0;
/// What the shop sells.
interface goods {
    use forecourt:common/types@0.1.0.{money, mobile, vin, page-token, date};
    /// Where a good stands.
    enum good-state { /// For sale.
        on-sale, sold-out }
    flags traits { fragile, heavy-item }
    /// A thing for sale.
    record good {
        /// Its number.
        id: string,
        price: money,
        state: good-state,
        traits: traits,
        fits: list<vin>,
        since: option<date>,
        size: tuple<u32, f64>,
        count: u64,
    }
    variant error { not-found, /// Somebody has it.
        held-by(good-holder), other(string) }
    record good-holder { who: string, until: option<date> }
    record page { items: list<good>, next: option<page-token> }
    /// Goods by state.
    list-goods: func(state: option<good-state>, page: option<page-token>) -> result<page, error>;
    find-buyer: func(mobile: mobile) -> result<string, error>;
    preview-many: func(goods: list<good>) -> result<_, error>;
    /// Sells a good.
    sell: func(id: string, price: money) -> result<good, error>;
}
";

fn shop() -> PluginSchema {
    let labels = r#"{"zh-CN": {"forecourt:shop/goods.sell": "销售", "forecourt:shop/goods.good.price": "价格",
        "forecourt:shop/goods.good-state.on-sale": "在售", "forecourt:shop/goods.sell.id": "编号"},
        "en": {"forecourt:shop/goods.sell": "Sell"}}"#;
    Fixture::new("shop", "1.2.3", "export forecourt:shop/goods@0.1.0;").package(SHOP).labels(labels).schema()
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(target) if name == "$ref" => found.push(target.clone()),
                    value => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// What the OpenAPI 3.1 schema asks for, as far as this crate writes it.
fn assert_valid(document: &Value) {
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut targets = Vec::new();
    references(document, &mut targets);
    assert!(!targets.is_empty());
    for target in targets {
        assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target} leads nowhere");
    }
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'));
        for (method, operation) in item.as_object().unwrap() {
            assert!(["get", "post"].contains(&method.as_str()));
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}");
            assert!(
                operation["responses"]
                    .as_object()
                    .unwrap()
                    .values()
                    .all(|r| r["description"].is_string() || r["$ref"].is_string())
            );
            assert!(method == "get" || operation["requestBody"]["content"]["application/json"]["schema"].is_object());
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["$ref"].is_string() || (parameter["name"].is_string() && parameter["in"] == "query"));
            }
        }
    }
    let key = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    assert!(document["components"]["schemas"].as_object().unwrap().keys().all(|name| key(name)));
}

#[test]
fn a_small_module_is_described() {
    let document = openapi("Demo", "/v1/stores/bj01", &[&shop()], "zh-CN");
    assert_valid(&document);
    insta::assert_json_snapshot!(document);
}

#[test]
fn queries_are_reached_by_get_unless_they_take_personal_or_nested_values() {
    let document = openapi("Demo", "/v1/stores/bj01", &[&shop()], "en");
    let methods = |name: &str| -> Vec<String> {
        document["paths"][format!("/v1/stores/bj01/shop/goods/{name}")].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(methods("list-goods"), ["get", "post"]);
    assert_eq!(methods("find-buyer"), ["post"]);
    assert_eq!(methods("preview-many"), ["post"]);
    assert_eq!(methods("sell"), ["post"]);
    assert_eq!(document["paths"]["/v1/stores/bj01/shop/goods/sell"]["post"]["summary"], "Sell");
}

#[test]
fn two_shapes_of_one_name_are_both_described() {
    let other = SHOP.replace("count: u64,", "count: u64, colour: string,");
    let other = Fixture::new("shop2", "1.0.0", "export forecourt:shop/goods@0.1.0;").package(&other).schema();
    let document = openapi("Demo", "/v1", &[&shop(), &other], "en");
    assert_valid(&document);
    let schemas = &document["components"]["schemas"];
    assert!(schemas["shop.goods.good"]["properties"].get("colour").is_none());
    assert!(schemas["shop.goods.good.2"]["properties"].get("colour").is_some());
}

#[test]
fn nothing_enabled_is_a_document_without_paths() {
    let document = openapi("Demo", "/v1", &[], "en");
    assert_eq!(document["paths"], serde_json::json!({}));
    assert!(document["components"]["schemas"]["problem"].is_object());
}
