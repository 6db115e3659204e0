//! `call`.

use std::io::Write;

use forecourt_base::{GroupId, StoreId};

use super::json_argument;
use crate::arguments::CallArguments;
use crate::client::{Body, Client};
use crate::failure::Failure;

pub(crate) fn run(arguments: &CallArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let place = place(&arguments.place)?;
    let body = json_argument(&arguments.arguments)?;
    let key = arguments.idempotency_key.as_deref().map(|key| ("idempotency-key", key));
    let client = Client::signed_in(&arguments.connection)?;
    let path = format!("/v1/{place}/{}", arguments.operation);
    let reply = client.send("POST", &path, Body::Json(body), key.as_slice())?;
    for warning in &reply.warnings {
        writeln!(std::io::stderr(), "forecourt: warning: {warning}")?;
    }
    writeln!(out, "{:#}", reply.value)?;
    Ok(())
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
    fn a_place_is_a_store_or_a_group() {
        assert_eq!(place("bj01").unwrap(), "stores/bj01");
        assert_eq!(place("@demo").unwrap(), "groups/demo");
        assert!(place("BJ01").is_err() && place("@").is_err());
    }
}
