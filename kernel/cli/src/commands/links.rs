//! `link`.

use std::io::Write;

use serde_json::{Value, json};

use crate::arguments::{LinkAddArguments, LinkCommand, LinkListArguments, LinkRevokeArguments};
use crate::client::{Body, Client, text};
use crate::failure::Failure;
use crate::output::table;

pub(crate) fn run(command: &LinkCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        LinkCommand::Add(arguments) => add(arguments, out),
        LinkCommand::List(arguments) => list(arguments, out),
        LinkCommand::Revoke(arguments) => revoke(arguments, out),
    }
}

fn add(arguments: &LinkAddArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let LinkAddArguments { store, record, operations, customer, expires, connection } = arguments;
    let body = json!({ "record": record, "operations": operations, "customer": customer, "expires": expires });
    let link = client.post(&format!("/v1/stores/{store}/links"), body)?.value;
    writeln!(out, "{}{}", connection.url.trim_end_matches('/'), text(&link, "path"))?;
    writeln!(std::io::stderr(), "link {}: its address is not shown again", text(&link, "id"))?;
    Ok(())
}

fn list(arguments: &LinkListArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let links = client.all(&format!("/v1/stores/{}/links", arguments.store))?;
    let rows: Vec<Vec<String>> = links.iter().map(row).collect();
    table(out, &["ID", "RECORD", "MADE BY", "EXPIRES", "REVOKED", "OPERATIONS"], &rows)?;
    Ok(())
}

fn row(link: &Value) -> Vec<String> {
    let operations = link.get("operations").and_then(Value::as_array).into_iter().flatten();
    let operations: Vec<&str> = operations.filter_map(Value::as_str).collect();
    let mut row: Vec<String> =
        ["id", "record", "created_by", "expires", "revoked"].map(|field| text(link, field).to_owned()).into();
    row.push(operations.join(" "));
    row
}

fn revoke(arguments: &LinkRevokeArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let LinkRevokeArguments { store, link, .. } = arguments;
    client.send("DELETE", &format!("/v1/stores/{store}/links/{link}"), Body::Empty, &[])?;
    writeln!(out, "link {link} revoked")?;
    Ok(())
}
