//! The beginning: the first group and the first admins, on an empty data folder.

use std::fmt;

use forecourt_base::{RoleName, UserId};

use crate::Auth;
use crate::admin::{NewGroup, NewUser, Trail, build_user, put_group, put_user};
use crate::audit::{self, AuditEntry, Outcome};
use crate::error::AuthError;
use crate::password::check_password;
use crate::record::{Assignment, DEPLOYMENT_KEY, Deployment};
use crate::role::DEPLOYMENT_ADMIN;

/// Someone who is to administer a new group, or the deployment.
#[derive(Clone)]
pub struct FirstAdmin {
    /// The sign-in name.
    pub user: UserId,
    /// The name shown to people.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for FirstAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstAdmin").field("user", &self.user).finish_non_exhaustive()
    }
}

impl FirstAdmin {
    pub(crate) fn as_user(&self, role: &str) -> Result<NewUser, AuthError> {
        let role = RoleName::new(role).map_err(|error| AuthError::invalid("roles", error.bilingual()))?;
        Ok(NewUser {
            id: self.user.clone(),
            name: self.name.clone(),
            password: self.password.clone(),
            roles: vec![Assignment { role, store: None }],
            departments: Vec::new(),
        })
    }
}

/// What a deployment begins with.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The first group.
    pub group: NewGroup,
    /// Its admin.
    pub admin: FirstAdmin,
    /// The admin of the deployment, who makes further groups. Without one the deployment keeps to its first group.
    pub deployment_admin: Option<FirstAdmin>,
}

impl Auth {
    /// Whether the deployment has begun: its first group and admin were made.
    ///
    /// # Errors
    /// [`AuthError::Storage`].
    pub async fn is_bootstrapped(&self) -> Result<bool, AuthError> {
        transaction!(self, ReadOnly, None, |tx| {
            Ok(tx.get(&self.spaces.deployment, DEPLOYMENT_KEY).await?.is_some())
        })
    }

    /// Makes the deployment's record, its first group and its first admins in one transaction. Whoever calls this has the data folder, so nothing
    /// but emptiness is checked.
    ///
    /// # Errors
    /// [`AuthError::Exists`] `deployment` when that was done before, [`AuthError::Invalid`], [`AuthError::Storage`].
    pub async fn bootstrap(&self, bootstrap: &Bootstrap, request_id: &str) -> Result<(), AuthError> {
        let group = &bootstrap.group.id;
        if self.is_bootstrapped().await? {
            return Err(AuthError::exists("deployment", group));
        }
        let hash = self.first_hash(&bootstrap.admin).await?;
        let deployment_admin = match &bootstrap.deployment_admin {
            Some(admin) => Some((admin, self.first_hash(admin).await?)),
            None => None,
        };
        transaction!(self, ReadWrite, None, |tx| {
            let (now, mut trail) = (self.clock.now(), Trail::default());
            if tx.get(&self.spaces.deployment, DEPLOYMENT_KEY).await?.is_some() {
                return Err(AuthError::exists("deployment", group));
            }
            tx.put_json(&self.spaces.deployment, DEPLOYMENT_KEY, &Deployment { created_at: now }, Vec::new()).await?;
            put_group(self, tx, &mut trail, now, (&bootstrap.group, &bootstrap.admin, &hash)).await?;
            if let Some((admin, hash)) = &deployment_admin {
                let record = build_user(admin.as_user(DEPLOYMENT_ADMIN)?, hash, now)?;
                put_user(self, tx, &mut trail, None, &record).await?;
            }
            let entry = AuditEntry::new(now, None, None, "bootstrap", Outcome::Done, request_id);
            audit::append(tx, &trail.into_entry(entry)).await
        })
    }

    async fn first_hash(&self, admin: &FirstAdmin) -> Result<String, AuthError> {
        check_password(&admin.password, &admin.user)?;
        self.passwords.hash(&admin.password, self.random.as_ref()).await
    }
}
