use super::*;

const GOOD: &str = r#"
[plugin]
name = "parts"
version = "0.1.0"
publisher = "forecourt"
title = { en = "Parts", zh-CN = "配件" }
description = { en = "Stock of parts.", zh-CN = "配件库存。" }

[build]
wit = ["../../wit/common"]
labels = ["labels/zh-CN.toml"]

[exports]
interfaces = ["forecourt:parts/stock@0.1.0"]

[kernel]
interfaces = ["storage", "log"]

[[imports]]
interface = "forecourt:master/vehicles@0.1.0"
optional = true
elevated = true
operations = ["get-vehicle"]

[[collections]]
name = "parts"
record = "forecourt:parts/records@0.1.0#part"
scope = "group"
[[collections.indexes]]
name = "text"
kind = "text"
fields = ["name"]

[events]
publishes = ["parts.received"]

[roles]
"stock/receive" = ["parts_clerk"]

[powers]
"parts.write-off" = { roles = ["parts_manager"], en = "Write off", zh-CN = "报废" }
"#;

#[test]
fn a_manifest_is_read_whole() {
    let manifest = Manifest::parse(GOOD).unwrap();
    assert_eq!(manifest.plugin.title.get("zh-CN"), "配件");
    assert_eq!(manifest.plugin.title.get("en"), "Parts");
    assert_eq!(manifest.exports.interfaces.first().unwrap().interface, "stock");
    assert!(manifest.imports[0].optional && manifest.imports[0].elevated);
    assert_eq!(manifest.collections[0].indexes[0].kind, KindRequest::Text);
    assert_eq!(manifest.powers["parts.write-off"].roles[0].as_str(), "parts_manager");
}

#[test]
fn only_who_the_plugin_is_must_be_there() {
    let about = &GOOD[..GOOD.find("[build]").unwrap()];
    let manifest = Manifest::parse(about).unwrap();
    assert!(manifest.imports.is_empty() && manifest.build.is_none() && manifest.kernel.interfaces.is_empty());
}

#[test]
fn errors_name_the_key() {
    let cases = [
        ("name = \"parts\"\nversion", "name = \"Parts\"\nversion", "key `plugin.name`: `Parts` is not a plugin name"),
        ("publisher = \"forecourt\"", "publisher = 7", "key `plugin.publisher`"),
        ("publisher = \"forecourt\"", "publisher = \" \"", "key `plugin.publisher`: must be one line"),
        ("version = \"0.1.0\"", "version = \"1\"", "key `plugin.version`"),
        ("version = \"0.1.0\"", "version = \"0.1.0+x\"", "key `plugin.version`: must be without build"),
        ("optional = true", "optionl = true", "`optionl`"),
        ("zh-CN = \"配件\"", "zh = \"配件\"", "key `plugin.title"),
        ("scope = \"group\"", "scope = \"world\"", "key `collections[0].scope`"),
        ("kind = \"text\"", "kind = \"txt\"", "key `collections[0].indexes[0].kind`"),
        ("forecourt:master/vehicles@0.1.0", "forecourt:master/vehicles", "key `imports[0].interface`"),
        ("[\"parts_clerk\"]", "[\"Parts Clerk\"]", "key `roles.stock/receive[0]`"),
        ("\"parts.write-off\" =", "\"write-off\" =", "`write-off` is not a power's name"),
        ("[events]", "[event]", "key `event`"),
        ("[plugin]", "[plugin", "plugin.toml is not TOML"),
    ];
    for (from, to, part) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = Manifest::parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn an_interface_is_imported_once() {
    let twice = format!("{GOOD}\n[[imports]]\ninterface = \"forecourt:master/vehicles@0.2.0\"\n");
    assert!(Manifest::parse(&twice).unwrap_err().to_string().contains("imported twice"));
}
