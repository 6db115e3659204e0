//! `sign-in`.

use std::io::Write;

use serde_json::json;

use crate::arguments::SignInArguments;
use crate::client::{Client, text};
use crate::failure::Failure;

pub(crate) fn run(arguments: &SignInArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::anonymous(&arguments.connection)?;
    let password = arguments.password.existing(&format!("password of {}: ", arguments.user))?;
    let mut body = json!({"user": arguments.user, "password": password});
    if let (Some(group), Some(body)) = (&arguments.group, body.as_object_mut()) {
        body.insert("group".to_owned(), group.as_str().into());
    }
    let session = client.post("/v1/sessions", body)?.value;
    writeln!(out, "{}", text(&session, "token"))?;
    writeln!(std::io::stderr(), "signed in as {} until {}", arguments.user, text(&session, "expires"))?;
    Ok(())
}
