//! `user` and `store`.

use std::io::Write;

use serde_json::{Value, json};

use crate::arguments::{StoreAddArguments, StoreCommand, UserAddArguments, UserCommand};
use crate::client::Client;
use crate::commands::sessions;
use crate::failure::Failure;

pub(crate) fn user(command: &UserCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        UserCommand::Add(arguments) => add_user(arguments, out),
        UserCommand::Sessions(arguments) => sessions::list(arguments, out),
        UserCommand::EndSessions(arguments) => sessions::end(arguments, out),
        UserCommand::ResetPassword(arguments) => sessions::reset_password(arguments, out),
        UserCommand::NewPassword(arguments) => sessions::new_password(arguments, out),
    }
}

pub(crate) fn store(command: &StoreCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        StoreCommand::Add(arguments) => add_store(arguments, out),
    }
}

fn add_user(arguments: &UserAddArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let user = arguments.user.as_str();
    let password = if arguments.service { None } else { Some(arguments.password.new_for(user)?) };
    let role = |(role, store): &(_, Option<_>)| json!({"role": role, "store": store});
    let body = json!({
        "id": user,
        "name": arguments.name.as_deref().unwrap_or(user),
        "password": password,
        "service": arguments.service,
        "roles": arguments.roles.iter().map(role).collect::<Vec<Value>>(),
        "departments": arguments.departments,
    });
    client.post(&format!("/v1/groups/{group}/users"), body)?;
    writeln!(out, "user {user} added to {group}")?;
    Ok(())
}

fn add_store(arguments: &StoreAddArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let store = arguments.store.as_str();
    let body = json!({
        "id": store,
        "name": arguments.name.as_deref().unwrap_or(store),
        "time_zone": arguments.time_zone,
    });
    client.post(&format!("/v1/groups/{group}/stores"), body)?;
    writeln!(out, "store {store} added to {group}")?;
    Ok(())
}
