//! Components that mean harm or are broken, as a table: where harm is tried, and what stops it. Nothing of it stays, and no neighbour
//! notices.

pub(crate) mod bombs;
mod calls;
mod chains;
mod compiling;
mod refusals;
pub(crate) mod table;

use std::collections::BTreeSet;

use forecourt_tests::ground::GROUP;
use forecourt_tests::{ground, guests};
use serde_json::Value;
use table::{Row, publish, run};

fn try_all(rows: &[Row]) {
    let (place, other) = (ground().place_with_guests(), ground().place_with_guests());
    run(&place, &other, rows);
}

#[test]
fn guests_that_misbehave_fail_alone() {
    try_all(&calls::rows());
}

#[test]
fn components_that_misbehave_fail_alone() {
    try_all(&bombs::rows());
}

#[test]
fn plugins_that_misbehave_together_fail_alone() {
    try_all(&chains::rows());
}

#[test]
fn components_that_are_not_what_they_say_are_refused() {
    try_all(&refusals::rows());
}

#[test]
fn components_that_cost_too_much_to_compile_are_refused() {
    try_all(&compiling::rows());
}

#[test]
fn no_two_rows_have_one_cause() {
    const ROWS_MIN: usize = 80;
    let rows: Vec<Row> = [calls::rows(), bombs::rows(), chains::rows(), refusals::rows(), compiling::rows()]
        .into_iter()
        .flatten()
        .collect();
    let causes: BTreeSet<_> = rows.iter().map(|row| (row.surface, row.cause())).collect();
    assert_eq!(causes.len(), rows.len());
    assert!(rows.len() >= ROWS_MIN, "{} rows", rows.len());
}

#[test]
fn a_name_and_a_version_belong_to_whom_they_were_given_first() {
    let admin = &ground().admin;
    let probe = guests::bytes("probe");
    let other = refusals::patched(&probe, "Changes things and ends", "Changed things and ends");
    publish(admin, &other).problem(409, "plugin-version-taken");
    // `parts` is bundled, so it belongs to the deployment.
    let parts = refusals::patched(&probe, "name = \"probe\"", "name = \"parts\"");
    publish(admin, &parts).problem(409, "plugin-name-taken");
    let plugins = admin.get(&format!("/v1/groups/{GROUP}/plugins")).ok();
    let versions: Vec<&Value> =
        plugins["items"].as_array().unwrap().iter().filter(|plugin| plugin["name"] == "probe").collect();
    assert_eq!(versions[0]["versions"].as_array().unwrap().len(), 1, "{plugins}");
}
