use std::sync::OnceLock;

use proptest::prelude::*;

use crate::fixtures::Fixture;
use crate::{Code, CollectionScope, Import, IndexKind, OperationKind, PluginSchema, Semantic, Type, read_component};

const REPAIR: &str = "
/// Repair.
package forecourt:repair@0.1.0;

/// What is stored.
interface records {
    use forecourt:common/types@0.1.0.{vin, money, datetime, mobile};

    /// Where an order stands.
    enum order-state {
        /// Just taken in.
        received,
        awaiting-approval,
        approved,
    }
    /// Who to call.
    record contact {
        name: string,
        mobile: option<mobile>,
    }
    /// A repair order.
    record order {
        id: string,
        /// Counts changes.
        version: u64,
        state: order-state,
        /// The vehicle.
        vin: option<vin>,
        total: money,
        promised-at: option<datetime>,
        contact: option<contact>,
        tags: list<string>,
    }
}

/// What is told.
interface events {
    use forecourt:common/types@0.1.0.{customer-id};
    /// An order was approved.
    record approved { order: string, customer: option<customer-id> }
}

/// Orders.
interface orders {
    use records.{order, order-state};
    use forecourt:common/types@0.1.0.{page-token, mobile};

    /// Why not.
    variant error {
        not-found,
        /// Held by someone.
        held-by(string),
        other(string),
    }
    /// Orders, a page at a time.
    record page { items: list<order>, next: option<page-token> }

    /// One order.
    get-order: func(id: string) -> result<order, error>;
    /// Orders by state.
    list-orders: func(state: option<order-state>, page: option<page-token>) -> result<page, error>;
    /// Finds by mobile.
    find-orders: func(mobile: mobile) -> result<page2, error>;
    /// Approves.
    approve: func(id: string, expected-version: u64) -> result<order, error>;
    record page2 { orders: list<order> }
}
";

const PARTS: &str = "
package forecourt:parts@0.1.0;
interface reservations {
    use forecourt:common/types@0.1.0.{quantity};
    variant error { not-found, other(string) }
    /// Reserves.
    reserve: func(part: string, quantity: quantity) -> result<string, error>;
    release: func(reservation: string) -> result<_, error>;
}
";

const WORLD: &str = "import forecourt:kernel/storage@0.1.0;
import forecourt:kernel/events@0.1.0;
import forecourt:parts/reservations@0.1.0;
export forecourt:repair/orders@0.1.0;";

const EXTRA: &str = r#"
[[collections]]
name = "orders"
record = "forecourt:repair/records@0.1.0#order"
scope = "store"
[[collections.indexes]]
name = "by-state"
fields = ["state", "promised-at"]
[[collections.indexes]]
name = "text"
kind = "text"
fields = ["vin", "contact.name"]
[events]
publishes = ["repair.approved"]
[roles]
"orders/approve" = ["advisor", "svc_manager"]
"repair/orders/get-order" = ["advisor"]
[powers]
"repair.discount-over-limit" = { roles = ["svc_manager"], en = "Discount", zh-CN = "折扣" }
"#;

pub(super) fn repair() -> Fixture {
    Fixture::new("repair", "0.1.0", WORLD)
        .package(PARTS)
        .package(REPAIR)
        .extra(EXTRA)
        .optional("forecourt:parts/reservations@0.1.0")
        .labels(
            r#"{"zh-CN": {"forecourt:repair/orders.approve": "批准", "forecourt:repair/records.order.vin": "车架号"}}"#,
        )
}

fn repair_with(from: &str, to: &str) -> Fixture {
    assert!(REPAIR.contains(from), "{from}");
    Fixture::new("repair", "0.1.0", WORLD).package(PARTS).package(&REPAIR.replace(from, to))
}

fn assert_refused(fixture: &Fixture, code: Code, part: &str) {
    let problems = fixture.refused();
    assert!(problems.iter().any(|(found, text)| *found == code && text.contains(part)), "{part}: {problems:?}");
}

#[test]
fn a_component_tells_its_areas_operations_types_and_docs() {
    let schema: PluginSchema = repair().schema();
    assert_eq!(schema.warnings, Vec::<String>::new());
    assert_eq!(schema.areas().len(), 1);
    let orders = &schema.exports[0];
    assert_eq!((orders.id.to_string().as_str(), orders.docs.as_str()), ("forecourt:repair/orders@0.1.0", "Orders."));
    let (_, approve) = schema.operation(&"repair/orders/approve".parse().unwrap()).unwrap();
    assert_eq!((approve.kind, approve.docs.as_str(), approve.personal), (OperationKind::Command, "Approves.", false));
    let names: Vec<&str> = approve.params.iter().map(|param| &*param.json).collect();
    assert_eq!(names, ["id", "expected_version"]);
    let Some(Type::Record(order)) = &approve.ok else { panic!("{approve:?}") };
    assert_eq!((&*order.name, &*order.docs), ("order", "A repair order."));
    assert_eq!(&*order.owner, "forecourt:repair/records@0.1.0");
    assert_eq!(&*order.fields[1].docs, "Counts changes.");
    assert_eq!(order.fields[4].ty.semantic(), Some(Semantic::Money));
    let Type::Option(vin) = &order.fields[3].ty else { panic!() };
    let Type::Alias(vin) = &**vin else { panic!() };
    assert!(vin.docs.starts_with("Vehicle identification number"));
    let find = orders.operation("find-orders").unwrap();
    assert!(find.personal && !find.by_get() && find.kind == OperationKind::Query);
    assert!(orders.operation("list-orders").unwrap().by_get());
    assert_eq!(schema.labels.get("zh-CN", "forecourt:repair/orders.approve"), Some("批准"));
}

#[test]
fn collections_topics_roles_and_imports_are_resolved() {
    let schema = repair().schema();
    let orders = schema.collection("orders").unwrap();
    assert_eq!((orders.scope, &*orders.docs, orders.indexes.len()), (CollectionScope::Store, "A repair order.", 2));
    assert_eq!(orders.index("text").unwrap().kind, IndexKind::Text);
    assert_eq!(orders.index("text").unwrap().fields[1].path.len(), 2);
    assert_eq!(&*schema.topic("repair.approved").unwrap().docs, "An order was approved.");
    let roles = schema.role_defaults();
    assert_eq!(roles.len(), 2);
    assert_eq!(roles[0].0.to_string(), "repair/orders/approve");
    let (reservations, optional) = schema.area_imports().next().unwrap();
    assert!(optional);
    assert_eq!(reservations.operations.len(), 2);
    let kernel = schema.imports.iter().filter(|import| matches!(import, Import::Kernel(_))).count();
    assert_eq!(kernel, 2);
}

#[test]
fn conventions_of_areas_are_checked() {
    let cases = [
        ("held-by(string),\n        other(string),", "other(string), held-by(string),", "last case"),
        (
            "approve: func(id: string, expected-version: u64) -> result<order, error>;",
            "approve: func(id: string);",
            "must return",
        ),
        (
            "approve: func(id: string, expected-version: u64) -> result<order, error>;",
            "approve: func(id: string) -> result<order, string>;",
            "variant",
        ),
        ("record page { items: list<order>, next: option<page-token> }", "record page { items: list<order> }", "page"),
        (
            "state: option<order-state>, page: option<page-token>)",
            "state: option<order-state>)",
            "takes no `page-token`",
        ),
        ("approve: func(id: string,", "approve: func(id: list<u8>,", "list<u8>"),
    ];
    for (from, to, part) in cases {
        assert_refused(&repair_with(from, to), Code::Convention, part);
    }
    let resource =
        repair_with("record page2 {", "resource r; drop-it: func(r: r) -> result<_, error>;\n record page2 {");
    assert!(resource.refused().iter().any(|(_, text)| text.contains("not supported")), "{:?}", resource.refused());
}

#[test]
fn collections_and_topics_that_do_not_fit_their_types_are_refused() {
    let cases = [
        ("#order\"", "#nothing\"", Code::Collection, "nothing"),
        ("#order\"", "\"", Code::Collection, "is not a record such as"),
        ("\"promised-at\"", "\"promised\"", Code::Collection, "no field `promised`"),
        ("[\"state\", \"promised-at\"]", "[\"contact\"]", Code::Collection, "cannot be indexed"),
        ("[\"state\", \"promised-at\"]", "[]", Code::Collection, "fields"),
        ("\"contact.name\"", "\"contact.name.first\"", Code::Collection, "not a record"),
        ("\"contact.name\"", "\"version\"", Code::Collection, "text alone"),
        ("\"repair.approved\"", "\"repair.rejected\"", Code::Topic, "rejected"),
        ("\"repair.approved\"", "\"parts.approved\"", Code::Topic, "exports nothing of the area `parts`"),
        ("\"orders/approve\"", "\"orders/reject\"", Code::Roles, "orders/reject"),
        ("scope = \"store\"", "scope = \"galaxy\"", Code::Manifest, "collections[0].scope"),
        ("name = \"text\"", "name = \"by-state\"", Code::Collection, "its own"),
    ];
    for (from, to, code, part) in cases {
        assert!(EXTRA.contains(from), "{from}");
        let fixture =
            Fixture::new("repair", "0.1.0", WORLD).package(PARTS).package(REPAIR).extra(&EXTRA.replacen(from, to, 1));
        assert_refused(&fixture, code, part);
    }
    let personal = repair_with(
        "record approved { order: string,",
        "use forecourt:common/types@0.1.0.{plate};\n record approved { order: plate,",
    );
    assert_refused(&personal.extra(EXTRA), Code::Topic, "`plate`");
    let phase = REPAIR.replace("order-state", "order-phase");
    let phase = Fixture::new("repair", "0.1.0", WORLD).package(PARTS).package(&phase).extra(EXTRA);
    assert_refused(&phase, Code::Collection, "ends in `-state`");
}

#[test]
fn the_embedded_wit_must_tell_what_the_component_does() {
    let lies = [
        (
            "approve: func(id: string, expected-version: u64)",
            "approve: func(id: string, expected-version: u32)",
            "expected-version",
        ),
        (
            "approve: func(id: string, expected-version: u64)",
            "approve: func(key: string, expected-version: u64)",
            "other parameters",
        ),
        ("        total: money,\n", "", "total"),
        ("        total: money,\n", "        total: s64,\n", "other semantic types"),
        ("mobile: option<mobile>,", "mobile: option<string>,", "other semantic types"),
        ("        awaiting-approval,\n", "", "awaiting-approval"),
        (
            "    /// Approves.\n    approve:",
            "    /// Approves.\n    approve-all:",
            "`approve` is not in the embedded WIT",
        ),
        (
            "    get-order: func(id: string) -> result<order, error>;",
            "    get-order: func(id: string) -> result<order, error>;\n get-more: func() -> result<order, error>;",
            "get-more",
        ),
    ];
    for (from, to, part) in lies {
        assert!(REPAIR.contains(from), "{from}");
        let fixture = repair().documented(&[PARTS, &REPAIR.replace(from, to)]);
        assert_refused(&fixture, Code::Mismatch, part);
    }
    let common = "package forecourt:repair@0.1.0; interface other { x: func(); }";
    let fixture = Fixture::new("repair", "0.1.0", "export forecourt:repair/other@0.1.0;").package(common);
    let refused = fixture.documented(&["package forecourt:repair@0.1.0; interface other {}"]).refused();
    assert_eq!(refused[0].0, Code::Mismatch);
}

#[test]
fn imports_and_exports_outside_the_contract_are_refused() {
    let http = "package wasi:http@0.2.3; interface types { go: func(); }";
    let own =
        "package forecourt:a@0.1.0; interface x { variant error { other(string) } go: func() -> result<_, error>; }
        interface y { variant error { other(string) } go: func() -> result<_, error>; }";
    let kernel = "package forecourt:kernel@0.2.0; interface storage { go: func(); }";
    let foreign = "package acme:tools@1.0.0; interface x { go: func(); }";
    let cases = [
        ("import wasi:http/types@0.2.3;", http, "HTTP"),
        ("import forecourt:kernel/storage@0.2.0;", kernel, "version 0.1"),
        ("import acme:tools/x@1.0.0;", foreign, "not given"),
        ("import go: func();", foreign, "stands in no interface"),
        ("import forecourt:a/y@0.1.0;", foreign, "own area"),
    ];
    for (world, package, part) in cases {
        let world = format!("{world}\nexport forecourt:a/x@0.1.0;");
        assert_refused(&Fixture::new("a", "0.1.0", &world).package(package).package(own), Code::Import, part);
    }
    for world in ["export acme:tools/x@1.0.0;", "export go: func();", "export forecourt:kernel/log@0.1.0;"] {
        assert!(
            Fixture::new("a", "0.1.0", world).package(foreign).refused().iter().any(|(code, _)| *code == Code::Export)
        );
    }
    for package in ["io", "cli", "clocks", "random", "filesystem", "sockets"] {
        let wasi = format!("package wasi:{package}@0.2.6; interface x {{ resource r; go: func() -> r; }}");
        let world = format!("import wasi:{package}/x@0.2.6;\nexport forecourt:a/x@0.1.0;");
        let schema = Fixture::new("a", "0.1.0", &world).package(&wasi).package(own).schema();
        assert!(schema.imports.iter().any(|import| matches!(import, Import::Wasi(_))));
    }
}

#[test]
fn the_manifest_must_list_what_the_component_imports_and_exports() {
    let made = |kernel: &str, imports: &str, exports: &str| {
        repair().manifest(&format!(
            "[plugin]\nname = \"repair\"\nversion = \"0.1.0\"\npublisher = \"f\"\ntitle = {{ en = \"a\", zh-CN = \"a\" }}\n\
             description = {{ en = \"a\", zh-CN = \"a\" }}\n[exports]\ninterfaces = [{exports}]\n[kernel]\ninterfaces = [{kernel}]\n{imports}"
        ))
    };
    let all = "\"storage\", \"events\"";
    let import = "[[imports]]\ninterface = \"forecourt:parts/reservations@0.1.0\"\n";
    let export = "\"forecourt:repair/orders@0.1.0\"";
    assert_eq!(made(all, import, export).schema().warnings, Vec::<String>::new());
    assert_refused(&made("\"storage\"", import, export), Code::Mismatch, "`events` is imported but not listed");
    assert_refused(&made(all, "", export), Code::Mismatch, "reservations@0.1.0` is imported but not listed");
    let some = format!("{import}operations = [\"reserve\"]\n");
    assert_refused(&made(all, &some, export), Code::Mismatch, "`release` is imported");
    let unknown = format!("{import}operations = [\"reserve\", \"release\", \"steal\"]\n");
    assert_refused(&made(all, &unknown, export), Code::Import, "no operation `steal`");
    assert_refused(&made(all, import, ""), Code::Mismatch, "is exported but not listed");
    let two = format!("{export}, \"forecourt:repair/jobs@0.1.0\"");
    assert_refused(&made(all, import, &two), Code::Mismatch, "does not export it");
    assert_refused(&made("\"storage\", \"events\", \"magic\"", import, export), Code::Import, "`magic`");
    let unused = made("\"storage\", \"events\", \"log\"", import, export).schema();
    assert_eq!(unused.warnings, ["key `kernel.interfaces`: `log` is asked for but not used"]);
}

#[test]
fn sections_are_found_once_and_by_their_known_names() {
    assert_refused(&repair().section("forecourt:manifest@1", b"x"), Code::Section, "twice");
    assert_refused(&repair().section("forecourt:manifest@2", b"x"), Code::Section, "not known");
    assert_refused(&repair().labels("{\"zh-CN\": {\"a\": 1}}"), Code::Labels, "zh-CN.a");
    assert_refused(&repair().labels("{\"not a language\": {}}"), Code::Labels, "not a language");
    let strange = repair().labels("{\"en\": {\"forecourt:repair/orders.aprove\": \"Approve\"}}").schema();
    assert!(strange.warnings[0].contains("aprove"));
    let core = read_component(b"\0asm\x01\0\0\0").unwrap_err();
    assert!(core.to_string().contains("core module"), "{core}");
    assert_eq!(read_component(b"").unwrap_err().problems()[0].code, Code::NotAComponent);
    assert!(read_component(b"\0asm\x0d\0\x01\0").unwrap_err().to_string().contains("forecourt:manifest@1"));
    let big = vec![0; forecourt_base::limits::COMPONENT_BYTES + 1];
    assert_eq!(read_component(&big).unwrap_err().problems()[0].code, Code::Limit);
}

#[test]
fn types_that_grow_without_bound_are_refused() {
    let refused = |records: usize, operations: &str, part: &str| {
        let mut wide = String::from("package forecourt:a@0.1.0; interface x { variant error { other(string) }\n");
        wide.push_str("record r0 { a: u32 }\n");
        for n in 1..records {
            wide.push_str(&format!("record r{n} {{ a: r{0}, b: r{0} }}\n", n - 1));
        }
        wide.push_str(operations);
        wide.push('}');
        let fixture = Fixture::new("a", "0.1.0", "export forecourt:a/x@0.1.0;").package(&wide);
        assert!(fixture.refused().iter().any(|(_, text)| text.contains(part)), "{:?}", fixture.refused());
    };
    refused(16, "go: func(r: r15) -> result<_, error>;", "larger than 20000 nodes");
    let many: String = (0..34).map(|n| format!("go{n}: func(r: r12) -> result<_, error>;\n")).collect();
    refused(13, &many, "operations together");
    let mut deep =
        String::from("package forecourt:a@0.1.0; interface x { variant error { other(string) }\n go: func(a: ");
    deep.push_str(&"option<".repeat(60));
    deep.push_str("u32");
    deep.push_str(&">".repeat(60));
    deep.push_str(") -> result<_, error>; }");
    let fixture = Fixture::new("a", "0.1.0", "export forecourt:a/x@0.1.0;").package(&deep);
    assert!(fixture.refused().iter().any(|(_, text)| text.contains("deeper than")), "{:?}", fixture.refused());
}

#[test]
fn chains_of_interfaces_are_refused_before_they_are_followed() {
    let mut chain = String::from("package forecourt:long@0.1.0;\ninterface i0 { type t = u8; }\n");
    for n in 1..20_000 {
        chain.push_str(&format!("interface i{n} {{ use i{}.{{t}}; }}\n", n - 1));
    }
    let error = super::wit::parse(&chain).unwrap_err();
    assert!(error.to_string().contains("interfaces"), "{error}");
    let error = super::wit::parse("package a:b@0.1.0; interface x { use y.{t}; }").unwrap_err();
    assert_eq!(error.problems()[0].code, Code::Wit);
    assert!(!error.to_string().contains('\n'), "{error}");
}

static BYTES: OnceLock<Vec<u8>> = OnceLock::new();

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_components_are_answered_without_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = BYTES.get_or_init(|| repair().build()).clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read_component(&bytes);
    }
}
