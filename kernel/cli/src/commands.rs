//! The commands that ask a running kernel, and `limits`, which needs none.

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod deliveries;
pub(crate) mod files;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod links;
pub(crate) mod modules;
pub(crate) mod outbound;
pub(crate) mod people;
pub(crate) mod plugins;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod sign_in;

use std::io::Read;

use forecourt_base::{GroupId, StoreId};
use serde_json::Value;

use crate::failure::Failure;

/// JSON from an argument: the text itself, `@FILE`, or `-` for standard input.
fn json_argument(argument: &str) -> Result<Value, Failure> {
    let text = match argument {
        "-" => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            text
        }
        argument => match argument.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("`{path}` was not read: {error}")))?,
            None => argument.to_owned(),
        },
    };
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("that is no JSON: {error}")))
}

/// The part of the path that says where.
fn place(text: &str) -> Result<String, Failure> {
    Ok(match text.strip_prefix('@') {
        Some(group) => format!("groups/{}", GroupId::new(group)?),
        None => format!("stores/{}", StoreId::new(text)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_given_as_text_or_in_a_file() {
        assert_eq!(json_argument("{\"a\": [1]}").unwrap(), serde_json::json!({"a": [1]}));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "{\"b\": 2}").unwrap();
        assert_eq!(json_argument(&format!("@{}", path.display())).unwrap(), serde_json::json!({"b": 2}));
        assert!(json_argument("@/nowhere").unwrap_err().to_string().starts_with("`/nowhere` was not read"));
        assert!(json_argument("{a}").unwrap_err().to_string().starts_with("that is no JSON"));
    }

    #[test]
    fn a_place_is_a_store_or_a_group() {
        assert_eq!(place("bj01").unwrap(), "stores/bj01");
        assert_eq!(place("@demo").unwrap(), "groups/demo");
        assert!(place("BJ01").is_err() && place("@").is_err());
    }
}
