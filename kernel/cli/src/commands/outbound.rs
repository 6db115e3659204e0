//! `secret` and `outbox`.

use std::io::Write;

use serde_json::{Value, json};

use super::place;
use crate::arguments::{
    OutboxCommand, OutboxListArguments, OutboxOneArguments, SecretCommand, SecretListArguments, SecretOneArguments,
    SecretSetArguments,
};
use crate::client::{Body, Client, text};
use crate::failure::Failure;
use crate::output::{Format, table};
use crate::password::secret;

pub(crate) fn secrets(command: &SecretCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        SecretCommand::Set(arguments) => set(arguments, out),
        SecretCommand::List(arguments) => list_secrets(arguments, out),
        SecretCommand::Remove(arguments) => remove(arguments, out),
    }
}

fn set(arguments: &SecretSetArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let SecretSetArguments { plugin, secret: name, value_stdin, group, connection } = arguments;
    let client = Client::signed_in(connection)?;
    let group = client.group(group.group.as_ref())?;
    let value = secret(*value_stdin, &format!("value of {name}: "))?;
    let path = format!("/v1/groups/{group}/plugins/{plugin}/secrets/{name}");
    client.send("PUT", &path, Body::Json(json!({ "value": value })), &[])?;
    writeln!(out, "{name} stored for {plugin}")?;
    Ok(())
}

fn list_secrets(arguments: &SecretListArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let secrets = client.all(&format!("/v1/groups/{group}/plugins/{}/secrets", arguments.plugin))?;
    let row = |secret: &Value| ["name", "set_at", "set_by"].map(|field| text(secret, field).to_owned()).to_vec();
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Array(secrets))?,
        Format::Table => table(out, &["SECRET", "STORED", "BY"], &secrets.iter().map(row).collect::<Vec<_>>())?,
    }
    Ok(())
}

fn remove(arguments: &SecretOneArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let SecretOneArguments { plugin, secret, group, connection } = arguments;
    let client = Client::signed_in(connection)?;
    let group = client.group(group.group.as_ref())?;
    client.send("DELETE", &format!("/v1/groups/{group}/plugins/{plugin}/secrets/{secret}"), Body::Empty, &[])?;
    writeln!(out, "{secret} removed from {plugin}")?;
    Ok(())
}

pub(crate) fn outbox(command: &OutboxCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        OutboxCommand::List(arguments) => list(arguments, out),
        OutboxCommand::Retry(arguments) => one(arguments, "POST", "/retry", "is dealt with now", out),
        OutboxCommand::Drop(arguments) => one(arguments, "DELETE", "", "is given up", out),
    }
}

fn list(arguments: &OutboxListArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let place = place(&arguments.place)?;
    let client = Client::signed_in(&arguments.connection)?;
    let all = client.all(&format!("/v1/{place}/outbox"))?;
    let fits = |request: &&Value| arguments.state.as_ref().is_none_or(|state| text(request, "state") == state);
    let requests: Vec<Value> = all.iter().filter(fits).cloned().collect();
    let row = |request: &Value| {
        let mut row = ["id", "plugin", "state", "method", "host"].map(|field| text(request, field).to_owned()).to_vec();
        row.push(request.get("attempts").map_or_else(String::new, Value::to_string));
        row.push(text(request, "last_failure").to_owned());
        row
    };
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Array(requests))?,
        Format::Table => {
            let rows: Vec<_> = requests.iter().map(row).collect();
            table(out, &["ID", "PLUGIN", "STATE", "METHOD", "HOST", "ATTEMPTS", "FAILURE"], &rows)?;
        }
    }
    Ok(())
}

fn one(
    arguments: &OutboxOneArguments,
    method: &str,
    deed: &str,
    said: &str,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let place = place(&arguments.place)?;
    let id = &arguments.id;
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failure::usage(format!("`{id}` is no id of a request: `forecourt outbox list` names them")));
    }
    let client = Client::signed_in(&arguments.connection)?;
    client.send(method, &format!("/v1/{place}/outbox/{id}{deed}"), Body::Empty, &[])?;
    writeln!(out, "{id} {said}")?;
    Ok(())
}
