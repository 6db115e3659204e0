//! The tree itself: which crate may see which, how long files and functions are, and what no test does.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use forecourt_tests::tree::{root, rust_files};

/// DESIGN §3, from the bottom up: each crate sees those of the layers under it. What a line names beside its layer stands apart.
const LAYERS: &[&[&str]] = &[
    &["forecourt-base"],
    &["forecourt-schema", "forecourt-storage"],
    &["forecourt-auth", "forecourt-bus", "forecourt-registry"],
    &["forecourt-runtime"],
    &["forecourt-gateway"],
    &["forecourt-cli"],
];
/// Crates beside the layers and all that they may see.
const BESIDE: &[(&str, &[&str])] = &[
    ("forecourt-bundle", &[]),
    ("forecourt-checker", &[]),
    ("forecourt-sdk-macros", &[]),
    ("forecourt-sdk", &["forecourt-sdk-macros"]),
    ("forecourt-parts", &["forecourt-sdk"]),
    ("forecourt-repair", &["forecourt-sdk"]),
];
/// The program alone sees the bundled plugins.
const ABOVE_ALL: (&str, &str) = ("forecourt-cli", "forecourt-bundle");
/// The tests drive everything.
const TESTS: &str = "forecourt-tests";

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 70;
/// Files and functions that are longer, with their length: the numbers may only get smaller.
const LONGER_FILES: &[(&str, usize)] = &[];
const LONGER_FUNCTIONS: &[(&str, usize)] = &[];

fn metadata(manifest: &str) -> Metadata {
    MetadataCommand::new().manifest_path(root().join(manifest)).no_deps().exec().unwrap()
}

fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut allowed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut below = BTreeSet::new();
    for layer in LAYERS {
        allowed.extend(layer.iter().map(|name| (*name, below.clone())));
        below.extend(*layer);
    }
    allowed.extend(BESIDE.iter().map(|(name, seen)| (*name, seen.iter().copied().collect())));
    allowed.get_mut(ABOVE_ALL.0).unwrap().insert(ABOVE_ALL.1);
    allowed
}

#[test]
fn crates_see_only_what_lies_below_them() {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for package in metadata("Cargo.toml").packages.iter().filter(|package| *package.name != TESTS) {
        let Some(may) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} is in no layer", package.name));
            continue;
        };
        let own = |name: &str| name.starts_with("forecourt-");
        let used =
            package.dependencies.iter().filter(|used| used.kind != DependencyKind::Development && own(&used.name));
        wrong.extend(
            used.filter(|used| !may.contains(used.name.as_str()))
                .map(|used| format!("{} sees {}", package.name, used.name)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A checker that shared code with what it judges would share its mistakes.
#[test]
fn the_checker_of_histories_sees_nothing_of_the_kernel() {
    let packages = metadata("Cargo.toml").packages;
    let checker = packages.iter().find(|package| *package.name == "forecourt-checker").unwrap();
    let seen: Vec<&str> = checker.dependencies.iter().map(|used| used.name.as_str()).collect();
    assert_eq!(seen, ["proptest"]);
}

#[test]
fn one_crate_each_names_sled_and_wasmtime() {
    for (dependency, owner) in [("sled", "forecourt-storage"), ("wasmtime", "forecourt-runtime")] {
        let packages = metadata("Cargo.toml").packages;
        let names = packages.iter().filter(|package| package.dependencies.iter().any(|used| used.name == dependency));
        let names: Vec<&str> = names.map(|package| package.name.as_str()).filter(|name| *name != TESTS).collect();
        assert_eq!(names, [owner], "{dependency}");
    }
}

#[test]
fn guests_see_the_sdk_alone() {
    for package in metadata("tests/guests/Cargo.toml").packages {
        let seen: Vec<&str> = package.dependencies.iter().map(|used| used.name.as_str()).collect();
        assert!(
            seen.iter().all(|name| ["forecourt-sdk", "harm", "serde_json"].contains(name)),
            "{}: {seen:?}",
            package.name
        );
    }
}

/// Name and version of every package of a lock file, without those of the tree itself.
fn locked(lock: &str) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(root().join(lock)).unwrap();
    let packages = text.split("[[package]]").skip(1).filter(|package| package.contains("\nsource = "));
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.trim_matches(['"', ' ', '=']).to_owned()
    };
    packages.map(|package| (value(package, "name"), value(package, "version"))).collect()
}

#[test]
fn guests_are_built_from_the_same_versions_as_the_kernel() {
    let (own, guests) = (locked("Cargo.lock"), locked("tests/guests/Cargo.lock"));
    assert!(guests.len() > 10);
    assert_eq!(guests.difference(&own).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

/// Compares what is too long with what is allowed to be.
fn ratchet(what: &str, allowed: &[(&str, usize)], found: &BTreeMap<String, usize>) {
    let allowed: BTreeMap<String, usize> = allowed.iter().map(|(name, lines)| ((*name).to_owned(), *lines)).collect();
    assert_eq!(
        &allowed, found,
        "too long {what} (right) and those allowed (left): shorten them, or shrink the allowance"
    );
}

fn text(file: &std::path::Path) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

#[test]
fn files_are_short() {
    let lengths = rust_files().into_iter().map(|file| (file.display().to_string(), text(&file).lines().count()));
    ratchet("files", LONGER_FILES, &lengths.filter(|(_, lines)| *lines > FILE_LINES).collect());
}

/// Functions with their length in lines, as rustfmt lays them out: a function ends at the first brace that stands where it began.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |line: &str| {
        let (head, rest) = line.split_once("fn ")?;
        let words = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "extern", "\"C\""];
        head.split_whitespace()
            .all(|word| words.contains(&word))
            .then(|| rest.split(['(', '<']).next().unwrap_or_default().to_owned())
    };
    let indent = |line: &str| line.len() - line.trim_start().len();
    let length = |at: usize| {
        let end = format!("{}}}", " ".repeat(indent(lines[at])));
        let body =
            lines[at..].iter().position(|line| line.ends_with('{') || line.ends_with('}') || line.ends_with(';'))?;
        let opened = lines[at + body].ends_with('{');
        opened.then(|| lines[at..].iter().position(|line| *line == end).map_or(1, |lines| lines + 1))
    };
    let named = lines.iter().enumerate().filter_map(|(at, line)| Some((begins(line)?, length(at)?)));
    named.collect()
}

#[test]
fn functions_are_short() {
    let mut found = BTreeMap::new();
    for file in rust_files() {
        let long = functions(&text(&file)).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES);
        found.extend(long.map(|(name, lines)| (format!("{} {name}", file.display()), lines)));
    }
    ratchet("functions", LONGER_FUNCTIONS, &found);
}

#[test]
fn lengths_are_counted_as_people_count_them() {
    let text = "impl A {\n    fn one(&self) {}\n\n    pub(crate) async fn two<T>(\n        a: T,\n    ) -> T {\n        if b {\n        }\n        a\n    }\n    \
                fn declared();\n}\nfn three() {\n    let f = |x| {\n        x\n    };\n}\n";
    let expected = [("two".to_owned(), 7), ("three".to_owned(), 5)];
    assert_eq!(functions(text), expected);
}

/// The parts of a file that are tests.
fn test_code(file: &std::path::Path) -> Option<String> {
    let path = file.display().to_string();
    let text = text(file);
    if path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") {
        return Some(text);
    }
    text.split_once("#[cfg(test)]\nmod tests {").map(|(_, tests)| tests.to_owned())
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    let never = [["#[", "ignore"], ["thread::", "sleep"], ["time::", "sleep("]].map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for file in rust_files() {
        let Some(tests) = test_code(&file) else { continue };
        wrong.extend(
            never.iter().filter(|what| tests.contains(what.as_str())).map(|what| format!("{}: {what}", file.display())),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
