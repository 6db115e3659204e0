//! Rights to administer. Operations of plugins are decided by [`Policy`](crate::Policy).

use forecourt_base::{Scope, StoreId};
use forecourt_storage::Transaction;

use crate::Auth;
use crate::error::{AuthError, DenyReason};
use crate::policy::Decision;
use crate::principal::Principal;
use crate::role::{AUDITOR, DEPLOYMENT_ADMIN, GROUP_ADMIN, OPERATOR, STORE_MANAGER};

/// A right that is the kernel's own, not a plugin's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AdminRight {
    /// Publish, grant, enable and disable plugins: operators and group admins.
    Operate,
    /// Make and change stores, users and roles: group admins.
    Administer,
    /// Make groups and the deployment's own users: deployment admins.
    Deployment,
    /// Read the audit trail and the lists of users and roles: auditors and group admins.
    ReadAudit,
    /// See what was not delivered in a place, and redrive or drop it: operators, group admins, and a store's manager in his store.
    Deliver,
    /// Act on oneself and see what everyone in the group may, such as its stores: its users, with or without roles.
    Belong,
}

impl AdminRight {
    /// Its name in refusals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Operate => "operate",
            Self::Administer => "administer",
            Self::Deployment => "deployment",
            Self::ReadAudit => "read-audit",
            Self::Deliver => "deliver",
            Self::Belong => "belong",
        }
    }

    /// Whether a role held in `store` gives the right. Those that no role of a group gives are decided before.
    fn held(self, principal: &Principal, store: Option<&StoreId>) -> bool {
        let holds = |role| principal.holds(role, store);
        match self {
            Self::Operate => holds(OPERATOR) || holds(GROUP_ADMIN),
            Self::Administer => holds(GROUP_ADMIN),
            Self::ReadAudit => holds(AUDITOR) || holds(GROUP_ADMIN),
            Self::Deliver => holds(OPERATOR) || holds(GROUP_ADMIN) || (store.is_some() && holds(STORE_MANAGER)),
            Self::Deployment | Self::Belong => false,
        }
    }
}

impl Auth {
    /// Checks within `tx` that the principal's session is open and that it has `right` in `scope`.
    ///
    /// # Errors
    /// As [`Auth::reauthenticate`]; [`AuthError::Denied`] with the reason, which the caller audits with [`Auth::audit_refusal`].
    pub async fn authorise(
        &self,
        tx: &mut Transaction,
        principal: &Principal,
        right: AdminRight,
        scope: &Scope,
    ) -> Result<(), AuthError> {
        self.authorise_in(tx, principal, right, Some(scope)).await
    }

    /// The same where the scope may be the deployment.
    pub(crate) async fn authorise_in(
        &self,
        tx: &mut Transaction,
        principal: &Principal,
        right: AdminRight,
        scope: Option<&Scope>,
    ) -> Result<(), AuthError> {
        self.reauthenticate(tx, principal).await?;
        let reason = match scope {
            // A link gives no right of the kernel's own, that of belonging neither.
            _ if principal.link.is_some() => Some(DenyReason::NoGrant),
            scope if right == AdminRight::Belong => {
                let own = principal.group.as_ref() == scope.map(|scope| &scope.group);
                (!own).then_some(DenyReason::OtherGroup)
            }
            None => deployment_reason(principal),
            Some(scope) => match self.policy(tx, &scope.group).await?.member(principal, scope) {
                Decision::Deny(reason) => Some(reason),
                Decision::Allow => (!right.held(principal, scope.store.as_ref())).then_some(DenyReason::NoGrant),
            },
        };
        let Some(reason) = reason else { return Ok(()) };
        Err(AuthError::denied(right.name(), scope, reason))
    }
}

/// What belongs to the deployment needs a user of the deployment, whatever a group calls its roles.
fn deployment_reason(principal: &Principal) -> Option<DenyReason> {
    match &principal.group {
        Some(_) => Some(DenyReason::OtherGroup),
        None => (!principal.holds(DEPLOYMENT_ADMIN, None)).then_some(DenyReason::NoGrant),
    }
}
