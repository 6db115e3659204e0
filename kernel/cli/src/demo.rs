//! `serve --demo`: a group with two stores, a user per role, and records to try every area.
//!
//! INVARIANT (demo-by-people): the kernel's own administration makes group, stores and users; every record of an area is made by one of the
//! users calling an operation. Each call has an idempotency key, so that a demo that was killed is completed by the next start; a
//! file in the data folder says when it is complete.

mod people;
mod records;
mod stage;
mod state;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use forecourt_auth::{Acting, Bootstrap, FirstAdmin, Names, NewGroup, NewStore, Principal};
use forecourt_base::{Area, GroupId, Scope, StoreId, UserId};
use forecourt_registry::Published;
use forecourt_runtime::Kernel;
use forecourt_storage::Bytes;

use crate::failure::{Exit, Failure};
use crate::output::Progress;
use crate::serve::offer;
use stage::Stage;
use state::State;

const GROUP: &str = "demo";
/// The store in which the users work, and the other one.
const STORES: [(&str, &str); 2] = [("bj01", "北京一店"), ("sh01", "上海一店")];
const AREAS: [&str; 2] = ["parts", "repair"];
const ADMIN: &str = "group-admin";
const DEPLOYMENT_ADMIN: &str = "deployment-admin";
const REQUEST: &str = "demo";
pub(crate) const PASSWORD: &str = "FORECOURT_DEMO_PASSWORD";

/// What a demo is made from.
pub(crate) struct Demo<'a> {
    /// The data folder; none keeps everything in memory.
    pub(crate) data: Option<&'a Path>,
    /// The bundled plugins.
    pub(crate) components: &'a [Bytes],
    /// The users' password, where one was given.
    pub(crate) password: Option<String>,
    pub(crate) progress: Progress,
}

impl Demo<'_> {
    /// Makes the demo, or completes it, and says how to sign in.
    pub(crate) async fn prepare(&self, kernel: &Arc<Kernel>, out: &mut dyn Write) -> Result<(), Failure> {
        let group = GroupId::new(GROUP)?;
        let begun = kernel.auth().is_bootstrapped().await?;
        if begun && !kernel.auth().group_ids().await?.contains(&group) {
            return Err(Failure::new(
                Exit::Data,
                "the data folder holds groups that are no demo: name another folder by --data",
            ));
        }
        let mut state = State::load(self.data)?;
        let password = match (&self.password, &state.password) {
            (Some(password), _) | (None, Some(password)) => Some(password.clone()),
            (None, None) if !begun => Some(state.make_password(self.data)?),
            (None, None) => None,
        };
        match &password {
            Some(password) => self.make(kernel, &group, password, &mut state).await?,
            None if state.complete => offer(kernel, &group, self.components, self.progress).await?,
            None => {
                return Err(Failure::usage(format!(
                    "the demo was begun with {PASSWORD} and is not complete: set it again"
                )));
            }
        }
        self.tell(out, password.as_deref())?;
        Ok(())
    }

    async fn make(
        &self,
        kernel: &Arc<Kernel>,
        group: &GroupId,
        password: &str,
        state: &mut State,
    ) -> Result<(), Failure> {
        people::check_password(password)?;
        if !kernel.auth().is_bootstrapped().await? {
            kernel.auth().bootstrap(&beginning(group, password)?, REQUEST).await?;
        }
        offer(kernel, group, self.components, self.progress).await?;
        let stage = Stage::new(kernel, group, password);
        if state.complete {
            return self.check_given(stage).await;
        }
        let step = self.progress.begin("making the demo's stores, users and records");
        let admin = stage.sign_in(ADMIN).await?;
        stores(kernel, group, &admin).await?;
        people::make(kernel, group, password, &admin).await?;
        enable(kernel, group, self.components, &admin).await?;
        records::make(&stage).await?;
        state.completed(self.data)?;
        step.done();
        stage.sign_out().await
    }

    /// Finds out whether the password that was given this time is that of a demo which was made before. Its users may have changed theirs, so
    /// another one is told and no failure.
    async fn check_given(&self, stage: Stage<'_>) -> Result<(), Failure> {
        if self.password.is_some()
            && let Err(failure) = stage.sign_in(ADMIN).await
        {
            tracing::warn!(%failure, "the demo was made before");
        }
        stage.sign_out().await
    }

    fn tell(&self, out: &mut dyn Write, password: Option<&str>) -> std::io::Result<()> {
        writeln!(
            out,
            "demo: group {GROUP}, stores bj01 and sh01, a user per role: advisor, foreman, tech, parts, group-admin …"
        )?;
        match (password, self.data) {
            (Some(_), _) if self.password.is_some() => {
                writeln!(out, "demo: every user's password is the one in {PASSWORD}")?
            }
            (Some(password), None) => writeln!(out, "demo: every user's password is {password}")?,
            (Some(password), Some(data)) => {
                writeln!(out, "demo: every user's password is {password} (kept in {})", State::path(data).display())?;
            }
            (None, _) => writeln!(out, "demo: every user's password is what {PASSWORD} was at the first start")?,
        }
        out.flush()
    }
}

fn beginning(group: &GroupId, password: &str) -> Result<Bootstrap, Failure> {
    let admin = |user: &str, name: &str| {
        Ok::<_, Failure>(FirstAdmin { user: UserId::new(user)?, name: name.to_owned(), password: password.to_owned() })
    };
    Ok(Bootstrap {
        group: NewGroup {
            id: group.clone(),
            name: "示例汽车集团".to_owned(),
            names: names("示例汽车集团", "Demo Motor Group"),
        },
        admin: admin(ADMIN, "集团管理员")?,
        deployment_admin: Some(admin(DEPLOYMENT_ADMIN, "部署管理员")?),
    })
}

fn names(zh: &str, en: &str) -> Names {
    [("zh-CN", zh), ("en", en)].map(|(language, name)| (language.to_owned(), name.to_owned())).into()
}

async fn stores(kernel: &Kernel, group: &GroupId, admin: &Arc<Principal>) -> Result<(), Failure> {
    let acting = Acting { principal: admin, request_id: REQUEST };
    for (id, name) in STORES {
        let new = NewStore { id: StoreId::new(id)?, name: name.to_owned(), names: Names::new(), time_zone: None };
        made(kernel.auth().create_store(acting, group, &new).await)?;
    }
    Ok(())
}

/// What exists already was made by a start that was killed.
fn made<T>(result: Result<T, forecourt_auth::AuthError>) -> Result<(), Failure> {
    match result {
        Ok(_) | Err(forecourt_auth::AuthError::Exists { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn enable(kernel: &Kernel, group: &GroupId, components: &[Bytes], admin: &Arc<Principal>) -> Result<(), Failure> {
    let offered = kernel.offer_bundled(group, components).await?;
    let acting = forecourt_runtime::Acting { principal: admin, request_id: REQUEST };
    for (store, _) in STORES {
        let scope = Scope::store(group.clone(), StoreId::new(store)?);
        for area in AREAS {
            let plugin = offered.iter().find(|plugin| plugin.name.as_str() == area);
            let Published { name, version, .. } =
                plugin.ok_or_else(|| anyhow::anyhow!("this program comes without a plugin for area `{area}`"))?;
            kernel.enable(acting, &scope, &Area::new(area)?, name, version).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
