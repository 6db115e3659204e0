//! `limits`.

use std::io::Write;

use forecourt_base::limits;
use serde_json::json;

use crate::arguments::LimitsArguments;
use crate::failure::Failure;
use crate::output::{Format, table};

pub(crate) fn run(arguments: &LimitsArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let all = limits::all();
    match arguments.format {
        Format::Table => {
            let row =
                |limit: &limits::Limit| vec![limit.name.to_owned(), limit.value.to_string(), limit.meaning.to_owned()];
            let rows: Vec<Vec<String>> = all.iter().map(row).collect();
            table(out, &["LIMIT", "VALUE", "MEANING"], &rows)?;
        }
        Format::Json => {
            let items =
                all.iter().map(|limit| json!({"name": limit.name, "value": limit.value, "meaning": limit.meaning}));
            writeln!(out, "{:#}", serde_json::Value::from_iter(items))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: Format) -> String {
        let mut out = Vec::new();
        run(&LimitsArguments { format }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_has_every_limit() {
        insta::assert_snapshot!(shown(Format::Table));
    }

    #[test]
    fn json_says_the_same() {
        let items: Vec<serde_json::Value> = serde_json::from_str(&shown(Format::Json)).unwrap();
        assert_eq!(items.len(), limits::all().len());
        let calls = items.iter().find(|item| item["name"] == "ROOT_CALLS").unwrap();
        assert_eq!(calls["value"], limits::ROOT_CALLS);
        assert_eq!(calls["meaning"], "root calls running at once");
    }
}
