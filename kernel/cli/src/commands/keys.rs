//! `key`.

use std::io::Write;

use serde_json::{Value, json};

use crate::arguments::{KeyAddArguments, KeyCommand, KeyRevokeArguments, UserArguments};
use crate::client::{Body, Client, text};
use crate::failure::Failure;
use crate::output::table;

pub(crate) fn run(command: &KeyCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        KeyCommand::Add(arguments) => add(arguments, out),
        KeyCommand::List(arguments) => list(arguments, out),
        KeyCommand::Revoke(arguments) => revoke(arguments, out),
    }
}

fn add(arguments: &KeyAddArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let mut body = json!({ "name": arguments.name });
    if let Some(body) = body.as_object_mut() {
        if !arguments.roles.is_empty() {
            let role = |(role, store): &(_, Option<_>)| json!({ "role": role, "store": store });
            body.insert("roles".to_owned(), arguments.roles.iter().map(role).collect());
        }
        if let Some(expires) = &arguments.expires {
            body.insert("expires".to_owned(), expires.as_str().into());
        }
    }
    let key = client.post(&format!("/v1/groups/{group}/users/{}/keys", arguments.user), body)?.value;
    writeln!(out, "{}", text(&key, "secret"))?;
    writeln!(std::io::stderr(), "key {} of {}: its secret is not shown again", text(&key, "id"), arguments.user)?;
    Ok(())
}

fn list(arguments: &UserArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let keys = client.get(&format!("/v1/groups/{group}/users/{}/keys", arguments.user))?.value;
    let rows: Vec<Vec<String>> = keys.get("items").and_then(Value::as_array).into_iter().flatten().map(row).collect();
    table(out, &["ID", "MADE", "EXPIRES", "LAST USED", "ROLES", "NAME"], &rows)?;
    Ok(())
}

fn row(key: &Value) -> Vec<String> {
    let role = |role: &Value| match text(role, "store") {
        "" => text(role, "role").to_owned(),
        store => format!("{}@{store}", text(role, "role")),
    };
    let roles: Vec<String> = key.get("roles").and_then(Value::as_array).into_iter().flatten().map(role).collect();
    let [id, made, expires, used, name] =
        ["id", "created_at", "expires", "last_used", "name"].map(|field| text(key, field).to_owned());
    vec![id, made, expires, used, roles.join(" "), name]
}

fn revoke(arguments: &KeyRevokeArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let (user, key) = (&arguments.user, &arguments.key);
    client.send("DELETE", &format!("/v1/groups/{group}/users/{user}/keys/{key}"), Body::Empty, &[])?;
    writeln!(out, "key {key} of {user} revoked")?;
    Ok(())
}
