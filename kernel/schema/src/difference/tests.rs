use super::*;
use crate::fixtures::{Fixture, type_of};

/// Types `from` and `to` of two versions of one interface.
fn between(from: &str, to: &str) -> Result<Conversion, Vec<String>> {
    let ty = |body: &str| {
        type_of(&format!("package forecourt:a@0.1.0; interface t {{ {body} }}"), "forecourt:a/t@0.1.0", "x")
    };
    difference(&ty(from), &ty(to)).map_err(|differences| differences.iter().map(ToString::to_string).collect())
}

fn field(name: &str, from: Option<(usize, Conversion)>) -> FieldConversion {
    FieldConversion { name: name.into(), from }
}

#[test]
fn equal_shapes_need_no_conversion_whatever_their_names_and_docs() {
    let same = between(
        "/// One.\n type n = u32; record y { a: n } type x = list<y>;",
        "record z { a: u32 } type x = list<z>;",
    );
    assert_eq!(same, Ok(Conversion::Same));
    assert_eq!(between("variant x { a, b(u8) }", "variant x { a, b(u8), c }"), Ok(Conversion::Same));
    assert_eq!(between("enum x { a }", "enum x { b, a }"), Ok(Conversion::Same));
    assert_eq!(between("flags x { a }", "flags x { a, b }"), Ok(Conversion::Same));
}

#[test]
fn records_gain_options_and_lose_what_is_not_expected() {
    let plan = between("record x { a: u8, b: string, gone: u8 }", "record x { b: string, new: option<u8>, a: u8 }");
    let fields =
        vec![field("b", Some((1, Conversion::Same))), field("new", None), field("a", Some((0, Conversion::Same)))];
    assert_eq!(plan, Ok(Conversion::Record(fields)));
    let lost = between("record x { a: u8 }", "record x { a: u8, b: u8 }");
    assert_eq!(lost, Err(vec!["`b` is required but not given".to_owned()]));
}

#[test]
fn conversions_reach_into_lists_options_tuples_and_results() {
    let inner = "record r { a: u8, b: u8 }";
    let (from, to) = (
        format!("{inner} type x = tuple<list<r>, option<r>, result<r, string>, u8>;"),
        "record r { a: u8 } type x = tuple<list<r>, option<r>, result<r, string>, option<u8>>;",
    );
    let Ok(Conversion::Tuple(items)) = between(&from, to) else { panic!() };
    let record = || Box::new(Conversion::Record(vec![field("a", Some((0, Conversion::Same)))]));
    assert_eq!(items[0], Conversion::List(record()));
    assert_eq!(items[1], Conversion::Option(record()));
    assert_eq!(items[2], Conversion::Result { ok: record(), err: Box::new(Conversion::Same) });
    assert_eq!(items[3], Conversion::Some(Box::new(Conversion::Same)));
}

#[test]
fn unknown_cases_become_other_where_there_is_one() {
    let plan = between("variant x { a, new(u32), other(string) }", "variant x { a, other(string) }");
    let Ok(Conversion::Variant(cases)) = plan else { panic!("{plan:?}") };
    let targets: Vec<(&str, &CaseTarget)> = cases.iter().map(|case| (&*case.name, &case.to)).collect();
    let same = CaseTarget::Case(Conversion::Same);
    assert_eq!(targets, [("a", &same), ("new", &CaseTarget::Other), ("other", &same)]);
    let refused = between("variant x { a, new(u32) }", "variant x { a }");
    assert_eq!(refused, Err(vec!["`new` is a case that is not expected".to_owned()]));
    assert!(between("variant x { new }", "variant x { other(u32) }").is_err());
}

#[test]
fn differences_name_the_field_and_both_types() {
    let refused = between(
        "enum e { a, b } record line { n: u32, s: e } record x { lines: list<line>, c: variant-c } variant variant-c { a(u8), b }",
        "enum e { a } record line { n: string, s: e } record x { lines: list<line>, c: variant-c } variant variant-c { a(u16), b(u8) }",
    );
    let expected = [
        "`lines[].n` is `u32` where `string` is expected",
        "`lines[].s.b` is a case that is not expected",
        "`c.a` is `u8` where `u16` is expected",
        "`c.b` has no value where one is expected",
    ];
    assert_eq!(refused.unwrap_err(), expected);
    assert_eq!(
        between("type x = option<u8>;", "type x = u8;").unwrap_err(),
        ["`` is `option<u8>` where `u8` is expected"]
    );
}

fn interface(body: &str) -> Interface {
    let package =
        format!("package forecourt:a@0.1.0; interface t {{ variant error {{ not-found, other(string) }} {body} }}");
    let mut schema = Fixture::new("a", "0.1.0", "export forecourt:a/t@0.1.0;").package(&package).schema();
    schema.exports.remove(0)
}

#[test]
fn an_importer_is_served_by_a_provider_that_grew() {
    let old = interface("record r { a: u8 } go: func(r: r) -> result<r, error>;");
    let new = interface(
        "record r { a: u8, b: option<u8>, c: option<string> } more: func() -> result<_, error>; go: func(note: option<string>, r: r) -> result<r, error>;",
    );
    assert_eq!(interface_difference(&old, &new), vec![]);
    let call = call_conversion(&old.operations[0], &new.operations[1]).unwrap();
    assert!(!call.is_same());
    assert_eq!(call.params[0], field("note", None));
    assert_eq!(call.params[1].from.as_ref().unwrap().0, 0);
    let Conversion::Result { ok, err } = call.result else { panic!() };
    assert_eq!((*ok, *err), (Conversion::Record(vec![field("a", Some((0, Conversion::Same)))]), Conversion::Same));
    assert!(call_conversion(&old.operations[0], &old.operations[0]).unwrap().is_same());
    assert_eq!(interface_difference(&old, &old), vec![]);
}

#[test]
fn an_importer_is_not_served_where_something_is_missing() {
    let old = interface("go: func(a: u8) -> result<u8, error>; stop: func() -> result<_, error>;");
    let new = interface("go: func(a: u8, b: u8) -> result<string, error>;");
    let found: Vec<String> = interface_difference(&old, &new).iter().map(ToString::to_string).collect();
    let expected = [
        "`go.b` is required but not given",
        "`go.ok` is `string` where `u8` is expected",
        "`stop` is not among the provider's operations",
    ];
    assert_eq!(found, expected);
}
