//! `enable`, `disable` and `modules`.

use std::io::Write;

use forecourt_base::StoreId;
use serde_json::{Value, json};

use crate::arguments::{DisableArguments, EnableArguments, ModulesArguments};
use crate::client::{Body, Client, Reply, text};
use crate::failure::Failure;
use crate::output::{Format, table};

pub(crate) fn enable(arguments: &EnableArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let (area, plugin) = (&arguments.area, &arguments.plugin);
    let stores = client.stores(&arguments.stores.stores, arguments.stores.group.group.as_ref())?;
    for store in &stores {
        let body = json!({"plugin": plugin.name, "version": plugin.version});
        let enabled = client.send("PUT", &format!("/v1/stores/{store}/modules/{area}"), Body::Json(body), &[])?.value;
        match reference(enabled.get("previous")) {
            Some(previous) if previous == plugin.to_string() => {
                writeln!(out, "{store}: {plugin} serves {area} already")?
            }
            Some(previous) => writeln!(out, "{store}: {plugin} serves {area} instead of {previous}")?,
            None => writeln!(out, "{store}: {plugin} serves {area}")?,
        }
        tell(out, &enabled, "loses", "loses an optional import")?;
        for withheld in
            enabled.get("withheld").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            writeln!(out, "  the grant withholds {withheld}: calls of it will be refused")?;
        }
    }
    Ok(())
}

pub(crate) fn disable(arguments: &DisableArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let (area, force) = (&arguments.area, arguments.force);
    for store in client.stores(&arguments.stores.stores, arguments.stores.group.group.as_ref())? {
        let path = format!("/v1/stores/{store}/modules/{area}?force={force}");
        let disabled = client.send("DELETE", &path, Body::Empty, &[])?.value;
        let previous = reference(disabled.get("previous")).unwrap_or_else(|| area.to_string());
        writeln!(out, "{store}: {previous} serves {area} no more; its data stay")?;
        tell(out, &disabled, "stops", "stopped with it")?;
        tell(out, &disabled, "loses", "loses an optional import")?;
    }
    Ok(())
}

/// Names the modules of a list of importers.
fn tell(out: &mut dyn Write, answer: &Value, list: &str, what: &str) -> std::io::Result<()> {
    for importer in answer.get(list).and_then(Value::as_array).into_iter().flatten() {
        let module = reference(importer.get("module")).unwrap_or_default();
        let area = text(importer, "area");
        match text(importer, "store") {
            "" => writeln!(out, "  {area} ({module}) of the group {what}")?,
            store => writeln!(out, "  {area} ({module}) in {store} {what}")?,
        }
    }
    Ok(())
}

fn reference(module: Option<&Value>) -> Option<String> {
    let module = module.filter(|module| !module.is_null())?;
    Some(format!("{}@{}", text(module, "plugin"), text(module, "version")))
}

pub(crate) fn list(arguments: &ModulesArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let stores = client.stores(&arguments.stores, arguments.group.group.as_ref())?;
    let modules_of = |store: &StoreId| {
        let Reply { value, .. } = client.get(&format!("/v1/stores/{store}/modules"))?;
        Ok::<_, Failure>((store.to_string(), value.get("items").cloned().unwrap_or_default()))
    };
    let modules = stores.iter().map(modules_of).collect::<Result<Vec<_>, _>>()?;
    match arguments.format {
        Format::Json => writeln!(out, "{:#}", Value::Object(modules.into_iter().collect()))?,
        Format::Table => table(out, &["STORE", "AREA", "PLUGIN", "SCOPE"], &rows(&modules))?,
    }
    Ok(())
}

fn rows(modules: &[(String, Value)]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (store, modules) in modules {
        for module in modules.as_array().into_iter().flatten() {
            let group_wide = module.get("group_wide").and_then(Value::as_bool) == Some(true);
            rows.push(vec![
                store.clone(),
                text(module, "area").to_owned(),
                reference(module.get("module")).unwrap_or_default(),
                if group_wide { "group" } else { "store" }.to_owned(),
            ]);
        }
    }
    rows
}
