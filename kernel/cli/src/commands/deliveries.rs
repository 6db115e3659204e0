//! `subscriptions`, `retry` and `dead-letters`.

use std::io::Write;

use serde_json::{Value, json};

use crate::arguments::{DeadLettersCommand, LetterArguments, LettersArguments, RetryArguments, SubscriptionsArguments};
use crate::client::{Body, Client, text};
use crate::failure::Failure;
use crate::output::{Format, table};

/// The path of a store, or with `@` of a group.
fn place(name: &str) -> String {
    match name.strip_prefix('@') {
        Some(group) => format!("/v1/groups/{group}"),
        None => format!("/v1/stores/{name}"),
    }
}

pub(crate) fn subscriptions(arguments: &SubscriptionsArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let items = client.all(&format!("{}/subscriptions", place(&arguments.place)))?;
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Array(items))?,
        Format::Table => {
            let heads = ["PLUGIN", "VERSION", "LAG", "PARKED KEYS", "DEAD LETTERS", "TOPICS"];
            table(out, &heads, &items.iter().map(subscription).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn subscription(item: &Value) -> Vec<String> {
    let number = |field: &str| item.get(field).and_then(Value::as_u64).unwrap_or_default();
    let more = item.get("lag_more").and_then(Value::as_bool) == Some(true);
    let topics = item.get("topics").and_then(Value::as_array).into_iter().flatten();
    let topics: Vec<&str> = topics.filter_map(Value::as_str).collect();
    let version = text(item, "version");
    vec![
        text(item, "plugin").to_owned(),
        if version.is_empty() { "not at work" } else { version }.to_owned(),
        format!("{}{}", number("lag"), if more { "+" } else { "" }),
        number("parked_keys").to_string(),
        number("dead_letters").to_string(),
        topics.join(","),
    ]
}

pub(crate) fn retry(arguments: &RetryArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let path = format!("{}/subscriptions/{}/retry", place(&arguments.place), arguments.plugin);
    let body = arguments.key.as_ref().map_or_else(|| json!({}), |key| json!({"key": key}));
    let retried = client.post(&path, body)?.value;
    let count = retried.get("retried").and_then(Value::as_u64).unwrap_or_default();
    writeln!(out, "{count} parked keys are tried now")?;
    Ok(())
}

pub(crate) fn dead_letters(command: &DeadLettersCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        DeadLettersCommand::List(arguments) => list(arguments, out),
        DeadLettersCommand::Show(arguments) => {
            let (client, path) = letter(arguments)?;
            writeln!(out, "{:#}", client.get(&path)?.value)?;
            Ok(())
        }
        DeadLettersCommand::Redrive(arguments) => {
            let (client, path) = letter(arguments)?;
            let letter = client.post(&format!("{path}/redrive"), json!({}))?.value;
            writeln!(out, "{} is handed to {} again", arguments.id, text(&letter, "plugin"))?;
            Ok(())
        }
        DeadLettersCommand::Drop(arguments) => {
            let (client, path) = letter(arguments)?;
            client.send("DELETE", &path, Body::Empty, &[])?;
            writeln!(out, "{} is dropped", arguments.id)?;
            Ok(())
        }
    }
}

fn letter(arguments: &LetterArguments) -> Result<(Client, String), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    Ok((client, format!("{}/dead-letters/{}", place(&arguments.place), arguments.id)))
}

fn list(arguments: &LettersArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let items = client.all(&format!("{}/dead-letters", place(&arguments.place)))?;
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Array(items))?,
        Format::Table => {
            let row = |item: &Value| {
                let event = item.get("event").cloned().unwrap_or_default();
                let of = |value: &Value, field: &str| text(value, field).to_owned();
                vec![
                    of(item, "id"),
                    of(item, "plugin"),
                    of(item, "reason"),
                    of(&event, "topic"),
                    of(&event, "key"),
                    of(item, "error"),
                ]
            };
            table(
                out,
                &["ID", "PLUGIN", "REASON", "TOPIC", "KEY", "ERROR"],
                &items.iter().map(row).collect::<Vec<_>>(),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_a_row() {
        let item = json!({
            "plugin": "loyalty", "version": null, "topics": ["repair.approved", "parts.issued"], "cursor": "00",
            "lag": 1000, "lag_more": true, "parked_keys": 2, "dead_letters": 1,
        });
        let row = ["loyalty", "not at work", "1000+", "2", "1", "repair.approved,parts.issued"];
        assert_eq!(subscription(&item), row);
        assert_eq!((place("bj01"), place("@demo")), ("/v1/stores/bj01".to_owned(), "/v1/groups/demo".to_owned()));
    }
}
