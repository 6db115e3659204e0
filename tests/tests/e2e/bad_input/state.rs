//! All that can be read of the kernel.

use forecourt_tests::Client;
use forecourt_tests::ground::GROUP;
use serde_json::{Map, Value, json};

use super::world::{OTHER, World};

/// Lists of records, each with its arguments.
const RECORDS: [(&str, &str); 9] = [
    ("probe/effects/list-notes", "{\"limit\": 0}"),
    ("probe/holds/list-holds", "{}"),
    ("probe/holds/list-wishes", "{}"),
    ("probe/accounts/list-accounts", "{}"),
    ("probe/accounts/list-transfers", "{}"),
    ("parts/catalogue/list-parts", "{}"),
    ("parts/stock/list-levels", "{}"),
    ("repair/orders/list-orders", "{}"),
    ("repair/price-list/list-operations", "{}"),
];

/// What was done, in the order of the trail. Sessions are begun and ended by the tests themselves, and a download changes nothing.
fn done(client: &Client, place: &str) -> Vec<Value> {
    let rows = client.all(&format!("{place}/audit?outcome=done&limit=200"));
    let left_out = |row: &Value| ["sign-in", "sign-out", "download-file"].iter().any(|action| row["action"] == *action);
    rows.into_iter().filter(|row| !left_out(row)).collect()
}

fn of_group(state: &mut Map<String, Value>, client: &Client, group: &str, stores: &[&str]) {
    let place = format!("/v1/groups/{group}");
    for list in ["stores", "users", "roles"] {
        state.insert(format!("{group} {list}"), client.all(&format!("{place}/{list}?limit=200")).into());
    }
    state.insert(format!("{group} plugins"), client.get(&format!("{place}/plugins")).ok());
    let places = stores.iter().map(|store| format!("/v1/stores/{store}")).chain([place]);
    for place in places {
        state.insert(format!("{group} {place} modules"), client.get(&format!("{place}/modules")).ok());
        state.insert(format!("{group} {place} events"), client.all(&format!("{place}/events?limit=200")).into());
        for list in ["subscriptions", "dead-letters"] {
            state.insert(format!("{group} {place} {list}"), client.all(&format!("{place}/{list}")).into());
        }
        state.insert(format!("{group} {place} done"), done(client, &place).into());
    }
}

/// Groups, stores, users, roles, plugins, modules, events, records, and what the audit says was done.
pub(super) fn read(world: &World) -> Value {
    let mut state = Map::new();
    state.insert("groups".to_owned(), world.root.all("/v1/groups").into());
    state.insert("deployment's users".to_owned(), world.root.all("/v1/users").into());
    of_group(&mut state, &world.admin, GROUP, &[&world.store, "empty"]);
    of_group(&mut state, &world.outsider, OTHER, &["far"]);
    for (operation, arguments) in RECORDS {
        let arguments = serde_json::from_str(arguments).unwrap();
        state.insert(operation.to_owned(), world.admin.list(&world.store, operation, &arguments).into());
    }
    json!(state)
}
