//! `user sessions`, `user end-sessions`, `user reset-password`, `user new-password`.

use std::io::Write;

use serde_json::{Value, json};

use crate::arguments::{EndSessionsArguments, NewPasswordArguments, UserArguments};
use crate::client::{Body, Client, text};
use crate::failure::Failure;
use crate::output::table;

pub(crate) fn list(arguments: &UserArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let sessions = client.get(&format!("/v1/groups/{group}/users/{}/sessions", arguments.user))?.value;
    let rows: Vec<Vec<String>> =
        sessions.get("items").and_then(Value::as_array).into_iter().flatten().map(row).collect();
    table(out, &["ID", "SIGNED IN", "LAST USED", "ADDRESS", "PROGRAM"], &rows)?;
    Ok(())
}

fn row(session: &Value) -> Vec<String> {
    ["id", "created_at", "last_used", "address", "agent"].map(|field| text(session, field).to_owned()).into()
}

pub(crate) fn end(arguments: &EndSessionsArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let sessions = format!("/v1/groups/{group}/users/{}/sessions", arguments.user);
    let ended = match &arguments.session {
        Some(session) => {
            client.send("DELETE", &format!("{sessions}/{session}"), Body::Empty, &[])?;
            1
        }
        None => {
            let answer = client.send("DELETE", &sessions, Body::Empty, &[])?.value;
            answer.get("ended").and_then(Value::as_u64).unwrap_or_default()
        }
    };
    writeln!(out, "sessions of {} ended: {ended}", arguments.user)?;
    Ok(())
}

pub(crate) fn reset_password(arguments: &UserArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let path = format!("/v1/groups/{group}/users/{}/password-reset", arguments.user);
    let reset = client.post(&path, json!({}))?.value;
    writeln!(out, "{}", text(&reset, "token"))?;
    writeln!(std::io::stderr(), "good until {}: `forecourt user new-password` uses it", text(&reset, "expires"))?;
    Ok(())
}

pub(crate) fn new_password(arguments: &NewPasswordArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::anonymous(&arguments.connection)?;
    let token = arguments.password.existing("token: ")?;
    let password = arguments.password.new_for("you")?;
    client.post("/v1/password-resets", json!({ "token": token.trim(), "password": password }))?;
    writeln!(out, "the password was set: sign in with it")?;
    Ok(())
}
