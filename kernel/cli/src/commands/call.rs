//! `call`.

use std::io::Write;

use super::{json_argument, place};
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
