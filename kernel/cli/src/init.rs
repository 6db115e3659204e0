//! `init`: begins a data folder on which no kernel runs.

use std::io::Write;
use std::sync::Arc;

use forecourt_auth::{Auth, Bootstrap, FirstAdmin, Names, NewGroup, check_password};
use forecourt_base::{OsRandom, SystemClock, UserId, uuid_v7};

use crate::arguments::InitArguments;
use crate::failure::{Exit, Failure};
use crate::logging;
use crate::output::Progress;
use crate::password::PasswordSource;
use crate::serve::DataFolder;

pub(crate) fn run(arguments: &InitArguments, out: &mut dyn Write) -> Result<(), Failure> {
    logging::begin("warn", None)?;
    let admin = first_admin(&arguments.admin, &arguments.password)?;
    let deployment_admin =
        arguments.deployment_admin.as_ref().map(|user| first_admin(user, &arguments.password)).transpose()?;
    let name = arguments.group_name.clone().unwrap_or_else(|| arguments.group.to_string());
    let group = NewGroup { id: arguments.group.clone(), name, names: Names::new() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(begin(arguments, &Bootstrap { group, admin, deployment_admin }))?;
    let (data, group) = (arguments.data.display(), &arguments.group);
    writeln!(
        out,
        "group {group} with its admin {} is in {data}; now run\n  forecourt serve --data {data}",
        arguments.admin
    )?;
    Ok(())
}

fn first_admin(user: &UserId, source: &PasswordSource) -> Result<FirstAdmin, Failure> {
    let password = source.new_for(user.as_str())?;
    check_password(&password, user).map_err(Failure::usage)?;
    Ok(FirstAdmin { user: user.clone(), name: user.to_string(), password })
}

async fn begin(arguments: &InitArguments, bootstrap: &Bootstrap) -> Result<(), Failure> {
    let engine = DataFolder::new(&arguments.data).open(Progress::new()).await?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let request_id = uuid_v7(forecourt_base::Clock::now(&*clock), &*random);
    let auth = Auth::new(Arc::clone(&engine), clock, random)?;
    let done = auth.bootstrap(bootstrap, &request_id).await;
    engine.close().await?;
    match done {
        Err(forecourt_auth::AuthError::Exists { what: "deployment", .. }) => Err(Failure::new(
            Exit::Data,
            format!("the data folder `{}` was begun before; nothing was changed", arguments.data.display()),
        )),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(data: &std::path::Path, group: &str) -> InitArguments {
        InitArguments {
            data: data.to_owned(),
            group: group.parse().unwrap(),
            group_name: None,
            admin: "wang.fang".parse().unwrap(),
            deployment_admin: None,
            password: PasswordSource::default(),
        }
    }

    fn bootstrap(group: &str) -> Bootstrap {
        let admin = FirstAdmin {
            user: "wang.fang".parse().unwrap(),
            name: "王芳".to_owned(),
            password: "a dusty road 42".to_owned(),
        };
        let group = NewGroup { id: group.parse().unwrap(), name: group.to_owned(), names: Names::new() };
        Bootstrap { group, admin, deployment_admin: None }
    }

    #[tokio::test]
    async fn a_folder_is_begun_once() {
        let folder = tempfile::tempdir().unwrap();
        begin(&arguments(folder.path(), "huadong"), &bootstrap("huadong")).await.unwrap();
        let failure = begin(&arguments(folder.path(), "huabei"), &bootstrap("huabei")).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::Data);
        assert!(failure.to_string().contains("was begun before; nothing was changed"), "{failure}");
    }
}
