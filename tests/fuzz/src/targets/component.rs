//! Components and what is embedded in them: whatever the bytes, they are read or refused with reasons.

use std::sync::LazyLock;

use forecourt_schema::fixtures::Fixture;
use forecourt_schema::{Manifest, SchemaError, read_component};

use super::told;

const PACKAGE: &str = "
package forecourt:fuzz@0.1.0;
/// Operations.
interface things {
    use forecourt:common/types@0.1.0.{vin, page-token};
    use records.{thing};
    /// Errors.
    variant error { not-found, other(string) }
    /// A page.
    record page { items: list<thing>, next: option<page-token> }
    /// One.
    get-thing: func(id: string) -> result<thing, error>;
    /// Many.
    list-things: func(page: option<page-token>) -> result<page, error>;
    /// Makes.
    make: func(thing: thing, vin: vin) -> result<_, error>;
}
/// Records.
interface records {
    /// A state.
    enum thing-state { new, old }
    /// A thing.
    record thing { id: string, state: thing-state, names: list<string> }
}
/// Events.
interface events {
    /// It was made.
    record made { id: string }
}
";
const EXTRA: &str = "
[[collections]]
name = \"things\"
record = \"forecourt:fuzz/records@0.1.0#thing\"
scope = \"store\"
[[collections.indexes]]
name = \"by-state\"
fields = [\"state\", \"names\"]
[events]
publishes = [\"fuzz.made\"]
[roles]
\"things/make\" = [\"advisor\"]
[powers]
\"fuzz.remake\" = { roles = [\"tech\"], en = \"Remake\", zh-CN = \"重做\" }
";
const PARTS: &str = include_str!("../../../../plugins/parts/plugin.toml");

/// A good component: its code, its manifest and its WIT.
struct Good {
    whole: Vec<u8>,
    code: Vec<u8>,
    manifest: String,
    wit: String,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let world = "export forecourt:fuzz/things@0.1.0; export forecourt:fuzz/events@0.1.0; import forecourt:kernel/storage@0.1.0;";
    let whole = Fixture::new("fuzz", "0.1.0", world).package(PACKAGE).extra(EXTRA).build();
    let at = |name: &str| whole.windows(name.len()).rposition(|window| window == name.as_bytes()).unwrap();
    let (manifest_at, wit_at) = (at("forecourt:manifest@1"), at("forecourt:wit@1"));
    // A section is `0, length, length of its name, name, data`; the manifest's is the first of ours, the WIT's the last.
    let begins = |name_at: usize| (1..=7).find(|back| whole[name_at - back] == 0).map(|back| name_at - back).unwrap();
    let text = |from: usize, to: usize| String::from_utf8(whole[from..to].to_vec()).unwrap();
    let manifest = text(manifest_at + "forecourt:manifest@1".len(), begins(wit_at));
    let wit = text(wit_at + "forecourt:wit@1".len(), whole.len());
    Good { code: whole[..begins(manifest_at)].to_vec(), manifest, wit, whole }
});

fn unsigned(mut number: usize, to: &mut Vec<u8>) {
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        to.push(if number == 0 { byte } else { byte | 0x80 });
        if number == 0 {
            return;
        }
    }
}

fn with_sections(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = GOOD.code.clone();
    for (name, data) in sections {
        let mut content = Vec::new();
        unsigned(name.len(), &mut content);
        content.extend_from_slice(name.as_bytes());
        content.extend_from_slice(data);
        bytes.push(0);
        unsigned(content.len(), &mut bytes);
        bytes.extend_from_slice(&content);
    }
    bytes
}

fn refused(error: &SchemaError) {
    assert!(!error.problems().is_empty(), "refused without a reason");
    for problem in error.problems() {
        told(&problem.message.en, &problem.message.zh);
    }
}

pub(super) fn manifest(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = Manifest::parse(text)
    {
        refused(&error);
    }
    let embedded = with_sections(&[("forecourt:manifest@1", data), ("forecourt:wit@1", GOOD.wit.as_bytes())]);
    component(&embedded);
}

pub(super) fn wit(data: &[u8]) {
    component(&with_sections(&[("forecourt:manifest@1", GOOD.manifest.as_bytes()), ("forecourt:wit@1", data)]));
}

pub(super) fn component(data: &[u8]) {
    match read_component(data) {
        Ok(schema) => {
            let asked = &schema.manifest.exports.interfaces;
            assert!(
                schema.exports.iter().all(|interface| asked.contains(&interface.id)),
                "an export that no manifest names"
            );
            let operations = schema.exports.iter().flat_map(|interface| &interface.operations);
            assert!(operations.clone().all(|operation| operation.returns_result), "an operation without an error");
        }
        Err(error) => refused(&error),
    }
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    vec![GOOD.manifest.clone().into_bytes(), PARTS.as_bytes().to_vec()]
}

pub(super) fn wits() -> Vec<Vec<u8>> {
    vec![GOOD.wit.clone().into_bytes()]
}

pub(super) fn components() -> Vec<Vec<u8>> {
    assert!(read_component(&GOOD.whole).is_ok());
    let labelled = with_sections(&[
        ("forecourt:manifest@1", GOOD.manifest.as_bytes()),
        ("forecourt:wit@1", GOOD.wit.as_bytes()),
        ("forecourt:labels@1", "{\"en\": {\"forecourt:fuzz/things.make\": \"Make\"}}".as_bytes()),
    ]);
    vec![GOOD.whole.clone(), labelled, b"\0asm\x0d\0\x01\0".to_vec()]
}
