//! `publish`, `plugins` and `grant`.

use std::io::Write;

use serde_json::{Value, json};

use super::json_argument;
use crate::arguments::{GrantArguments, PluginsArguments, PublishArguments};
use crate::client::{Body, Client, text};
use crate::failure::Failure;
use crate::output::{Format, table};

pub(crate) fn publish(arguments: &PublishArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let path = &arguments.file;
    let bytes =
        std::fs::read(path).map_err(|error| Failure::usage(format!("`{}` was not read: {error}", path.display())))?;
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let published = client.send("POST", &format!("/v1/groups/{group}/plugins"), Body::Component(bytes), &[])?.value;
    let (name, version) = (text(&published, "name"), text(&published, "version"));
    match published.get("new").and_then(Value::as_bool) {
        Some(false) => writeln!(out, "{name}@{version} was published before with the same content")?,
        _ => writeln!(
            out,
            "{name}@{version} published; approve what it requests with `forecourt grant {name}@{version}`"
        )?,
    }
    Ok(())
}

pub(crate) fn list(arguments: &PluginsArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let plugins = client.all(&format!("/v1/groups/{group}/plugins"))?;
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Array(plugins))?,
        Format::Table => table(out, &["PLUGIN", "VERSION", "AREAS", "GRANTED", "PUBLISHER", "TITLE"], &rows(&plugins))?,
    }
    Ok(())
}

fn rows(plugins: &[Value]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for plugin in plugins {
        let publisher = match plugin.get("publisher") {
            Some(Value::String(publisher)) => publisher.clone(),
            Some(publisher) => text(publisher, "user").to_owned(),
            None => String::new(),
        };
        for version in plugin.get("versions").and_then(Value::as_array).into_iter().flatten() {
            let areas = version.get("areas").and_then(Value::as_array).into_iter().flatten();
            let areas: Vec<&str> = areas.filter_map(Value::as_str).collect();
            rows.push(vec![
                text(plugin, "name").to_owned(),
                text(version, "version").to_owned(),
                areas.join(","),
                granted(version).to_owned(),
                publisher.clone(),
                version.get("title").map_or("", |title| text(title, "en")).to_owned(),
            ]);
        }
    }
    rows
}

fn granted(version: &Value) -> &'static str {
    match version.get("granted") {
        None | Some(Value::Null) => "no",
        Some(granted) if version.get("requested") == Some(granted) => "all",
        Some(_) => "part",
    }
}

pub(crate) fn grant(arguments: &GrantArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let approval = arguments.only.as_deref().map(json_argument).transpose()?;
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let plugin = &arguments.plugin;
    let path = format!("/v1/groups/{group}/plugins/{}/versions/{}/grants", plugin.name, plugin.version);
    let body = approval.unwrap_or_else(|| json!({"all_requested": true}));
    client.send("PUT", &path, Body::Json(body), &[])?;
    writeln!(out, "{plugin} is granted in {group}; let it serve with `forecourt enable AREA {plugin} --stores all`")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_a_row() {
        let grant = json!({"kernel": ["storage"], "imports": {}, "topics": []});
        let less = json!({"kernel": [], "imports": {}, "topics": []});
        let version = |number: &str, granted: Value| json!({"version": number, "areas": ["parts"], "title": {"en": "Parts"}, "requested": grant, "granted": granted});
        let plugins = [
            json!({"name": "parts", "publisher": "bundled", "versions": [version("0.1.0", grant.clone()), version("0.2.0", less)]}),
            json!({"name": "loyalty", "publisher": {"user": "operator"}, "versions": [version("1.0.0", Value::Null)]}),
        ];
        let mut out = Vec::new();
        table(&mut out, &["PLUGIN", "VERSION", "AREAS", "GRANTED", "PUBLISHER", "TITLE"], &rows(&plugins)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
