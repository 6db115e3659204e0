//! `role`.

use std::io::Write;

use serde_json::{Value, json};

use crate::arguments::{RoleAddArguments, RoleCommand, RoleListArguments, RoleNameArguments, RoleSetArguments};
use crate::client::{Body, Client, text};
use crate::commands::json_argument;
use crate::failure::Failure;
use crate::output::{Format, table};

pub(crate) fn run(command: &RoleCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        RoleCommand::List(arguments) => list(arguments, out),
        RoleCommand::Show(arguments) => show(arguments, out),
        RoleCommand::Add(arguments) => add(arguments, out),
        RoleCommand::Set(arguments) => set(arguments, out),
        RoleCommand::Delete(arguments) => delete(arguments, out),
    }
}

fn list(arguments: &RoleListArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let roles = client.all(&format!("/v1/groups/{group}/roles"))?;
    if arguments.format == Format::Json {
        writeln!(out, "{:#}", Value::Array(roles))?;
        return Ok(());
    }
    let count = |role: &Value, field: &str| role.get(field).and_then(Value::as_array).map_or(0, Vec::len).to_string();
    let name = |role: &Value| role.get("names").map(|names| text(names, "zh-CN").to_owned()).unwrap_or_default();
    let rows: Vec<Vec<String>> = roles
        .iter()
        .map(|role| vec![text(role, "name").to_owned(), count(role, "grants"), count(role, "powers"), name(role)])
        .collect();
    table(out, &["ROLE", "GRANTS", "POWERS", "NAME"], &rows)?;
    Ok(())
}

fn show(arguments: &RoleNameArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let path = format!("/v1/groups/{}/roles/{}", client.group(arguments.group.group.as_ref())?, arguments.role);
    let mut role = client.get(&path)?.value;
    let holders = client.all(&format!("{path}/holders"))?;
    let users: Vec<&str> = holders.iter().map(|user| text(user, "id")).collect();
    if let Some(role) = role.as_object_mut() {
        role.insert("held_by".to_owned(), json!(users));
    }
    writeln!(out, "{role:#}")?;
    Ok(())
}

fn add(arguments: &RoleAddArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let names = [("zh-CN", &arguments.name_zh), ("en", &arguments.name_en)];
    let names: serde_json::Map<String, Value> =
        names.into_iter().filter_map(|(language, name)| Some((language.to_owned(), name.as_deref()?.into()))).collect();
    client.post(&format!("/v1/groups/{group}/roles"), json!({ "name": arguments.role, "names": names }))?;
    writeln!(out, "role {} added to {group}; it grants nothing yet", arguments.role)?;
    Ok(())
}

fn set(arguments: &RoleSetArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let grants = json_argument(&arguments.grants)?;
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let path = format!("/v1/groups/{group}/roles/{}/grants", arguments.role);
    let role = client.send("PUT", &path, Body::Json(grants), &[])?.value;
    let count = |field: &str| role.get(field).and_then(Value::as_array).map_or(0, Vec::len);
    writeln!(out, "role {} has {} grants and {} powers", arguments.role, count("grants"), count("powers"))?;
    Ok(())
}

fn delete(arguments: &RoleNameArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    client.send("DELETE", &format!("/v1/groups/{group}/roles/{}", arguments.role), Body::Empty, &[])?;
    writeln!(out, "role {} deleted from {group}", arguments.role)?;
    Ok(())
}
