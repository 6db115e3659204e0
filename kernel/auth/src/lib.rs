//! Users, roles, sessions, decisions and the audit trail: who may do what, and who did.
//!
//! This crate keeps groups, stores, users and roles over storage, signs users in, and decides over compiled sets whether a principal may call an
//! operation. It does not know what operations exist, what a plugin is granted or what a record holds; it makes no HTTP and reads no
//! configuration. Row rules within an area are the plugin's.
//!
//! Invariants:
//! - INVARIANT (deny-by-default): what no grant allows is refused; membership in the group and the store comes before any grant. [`Policy`]
//! - INVARIANT (made-by-auth): a [`Principal`] comes from an open session, an API key or an open link alone.
//! - INVARIANT (revoked-at-once): [`Auth::reauthenticate`] puts the session and the group's version into the call's read set, so a call that
//!   commits after a revocation has seen it.
//! - INVARIANT (version-names-state): a change of users, roles or stores gives their group a new version in the same transaction.
//! - INVARIANT (alike-refusals): an unknown user, a wrong password and a disabled user cost the same work and get the same answer.
//! - INVARIANT (no-lock-out): failed sign-ins from one address never keep the owner out at another.
//! - INVARIANT (someone-administers): a group always has an enabled group-admin, the deployment always the admin it began with or another.
//! - INVARIANT (deployment-names): no group has a user named like one of the deployment, so a sign-in without a group is clear.
//! - INVARIANT (removed-stays-removed): what an admin took from a role is not added again by a plugin's defaults.
//! - INVARIANT (nothing-personal): audit rows hold ids, keys and digests, never values.
//! - INVARIANT (narrow-keys): an API key has at every call at most those of its roles that its owner has then, and is no sign-in.
//! - INVARIANT (one-record): a call through a link is on the link's record, by one of the link's operations, or not at all.
//! - INVARIANT (links-alike): whatever is the matter with a link, it is refused with one error after the same reads.
//! - INVARIANT (counted-denials): a refusal forces no commit; refusals alike are counted in bounded memory and written down together.
//! - INVARIANT (sealed-chain): below a seal whose hash is known, no line of a trail can be changed, removed, added or moved unseen. [`chain`]
#![deny(missing_docs)]

#[macro_use]
mod attempt;

mod admin;
mod api_keys;
pub mod audit;
mod authorise;
mod bootstrap;
pub mod chain;
mod defaults;
mod denials;
mod error;
mod groups;
mod links;
mod page;
mod password;
mod policy;
mod principal;
mod record;
mod reset;
mod role;
mod session;
mod sessions;
mod space;
#[cfg(test)]
mod testing;
mod throttle;
mod token;
mod uses;
mod version;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use forecourt_base::{Clock, GroupId, Random, limits};
use forecourt_storage::{Engine, Transaction};

pub use admin::{Acting, Exported, NewGroup, NewServiceUser, NewStore, NewUser, PasswordChange, Verification};
pub use api_keys::{ApiKey, MadeApiKey, NewApiKey};
pub use authorise::AdminRight;
pub use bootstrap::{Bootstrap, FirstAdmin};
pub use error::{AuthError, DenyReason};
pub use links::{Link, LinkedOperation, MadeLink, NewLink};
pub use page::{Page, PageRequest};
pub use password::{PasswordCost, check_password};
pub use policy::{Decision, Policy};
pub use principal::{Origin, Principal};
pub use record::{Assignment, Group, Names, Store, User};
pub use reset::PasswordReset;
pub use role::{AUDITOR, DEPLOYMENT_ADMIN, GROUP_ADMIN, Grant, Kind, OPERATOR, Role};
pub use session::{NewSession, SignIn};
pub use sessions::SessionInfo;
pub use token::SessionKey;

use denials::Denials;
use password::Passwords;
use space::Spaces;
use throttle::Throttle;
use uses::Uses;
use version::Version;

/// The seam of authorisation: every call, sign-in and administrative action goes through one of these.
pub struct Auth {
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    spaces: Spaces,
    passwords: Passwords,
    throttle: Throttle,
    policies: RwLock<HashMap<GroupId, (Version, Arc<Policy>)>>,
    denials: Denials,
    uses: Uses,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

impl Auth {
    /// Authorisation over `engine`, with password hashes of the default cost.
    ///
    /// # Errors
    /// [`AuthError::Storage`] when a space can't be named.
    pub fn new(engine: Arc<dyn Engine>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Self, AuthError> {
        Self::with_password_cost(engine, clock, random, PasswordCost::default())
    }

    /// The same with password hashes of another cost, for tests.
    ///
    /// # Errors
    /// As [`Auth::new`].
    pub fn with_password_cost(
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        cost: PasswordCost,
    ) -> Result<Self, AuthError> {
        let passwords = Passwords::new(cost, random.as_ref())?;
        let (spaces, throttle, policies) = (Spaces::new()?, Throttle::new(), RwLock::default());
        let (denials, uses) = (Denials::default(), Uses::default());
        Ok(Self { engine, clock, random, spaces, passwords, throttle, policies, denials, uses })
    }

    /// How many argon2 hashes were computed since the start. Refusals that differ in it would tell users apart.
    #[must_use]
    pub fn argon2_runs(&self) -> u64 {
        self.passwords.runs()
    }

    /// The group's compiled roles and stores as `tx` sees them; `tx` then depends on their version.
    ///
    /// # Errors
    /// [`AuthError::Storage`], of which a conflict is to be retried, or [`AuthError::Corrupt`].
    pub async fn policy(&self, tx: &mut Transaction, group: &GroupId) -> Result<Arc<Policy>, AuthError> {
        let version = version::read(tx, &self.spaces, Some(group)).await?;
        {
            let cached = self.policies.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, policy)) = cached.get(group)
                && *at == version
            {
                return Ok(Arc::clone(policy));
            }
        }
        let stores = load_all(tx, &space::stores(group)?, page::List::Stores).await?;
        let roles: Vec<Role> = load_all(tx, &space::roles(group)?, page::List::Roles).await?;
        let policy = Arc::new(Policy::compile(group.clone(), stores, &roles));
        // A group that was never made has no version: it is not kept, so that made-up ids fill no memory.
        if version != Version::default() {
            let mut cached = self.policies.write().unwrap_or_else(PoisonError::into_inner);
            cached.insert(group.clone(), (version, Arc::clone(&policy)));
        }
        Ok(policy)
    }
}

/// Every record of a space, page by page.
async fn load_all<T: serde::de::DeserializeOwned>(
    tx: &mut Transaction,
    space: &forecourt_storage::Space,
    kind: page::List,
) -> Result<Vec<T>, AuthError> {
    let mut page = PageRequest { after: None, limit: Some(limits::PAGE_ROWS) };
    let mut all = Vec::new();
    loop {
        let part = page::list(tx, space, kind, &page).await?;
        all.extend(part.items);
        match part.next {
            None => return Ok(all),
            next => page.after = next,
        }
    }
}
