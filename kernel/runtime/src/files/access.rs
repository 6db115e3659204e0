//! Who may upload and download.

use std::sync::Arc;

use forecourt_auth::audit::Outcome;
use forecourt_auth::{AuthError, Decision, Policy, Principal};
use forecourt_base::Scope;
use forecourt_storage::{Mode, Transaction};

use crate::audit;
use crate::error::KernelError;
use crate::kernel::Kernel;
use crate::operate::Acting;

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Upload,
    Download,
}

impl Access {
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Upload => "upload-file",
            Self::Download => "download-file",
        }
    }

    fn decide(self, policy: &Policy, principal: &Principal, scope: &Scope) -> Decision {
        match self {
            Self::Upload => policy.may_upload(principal, scope),
            Self::Download => policy.may_download(principal, scope),
        }
    }
}

/// What is read by someone who may. Values, not closures: their futures are known to be `Send`.
pub(super) trait Look: Sync {
    type Output: Send;

    fn look(
        &self,
        transaction: &mut Transaction,
        scope: &Scope,
    ) -> impl Future<Output = Result<Self::Output, KernelError>> + Send;
}

impl Kernel {
    /// Checks within `transaction` that the session is open, and that the principal, with the rights that he has now, may do this in `scope`.
    pub(super) async fn authorise_file(
        &self,
        transaction: &mut Transaction,
        principal: &Arc<Principal>,
        access: Access,
        scope: &Scope,
    ) -> Result<(), AuthError> {
        let auth = self.auth();
        let principal = match auth.reauthenticate(transaction, principal).await {
            Err(AuthError::PrincipalChanged) => auth.refresh(transaction, principal).await?,
            other => {
                other?;
                Arc::clone(principal)
            }
        };
        let policy = auth.policy(transaction, &scope.group).await?;
        match access.decide(&policy, &principal, scope) {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => {
                let right = access.action().to_owned();
                Err(AuthError::Denied { right, scope: scope.to_string(), reason })
            }
        }
    }

    /// Authorises and reads in one consistent state; a refusal is audited.
    pub(super) async fn looking_at_files<L: Look>(
        &self,
        by: Acting<'_>,
        access: Access,
        scope: &Scope,
        look: L,
    ) -> Result<L::Output, KernelError> {
        let result = loop {
            let mut transaction = Transaction::begin(self.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
            let result = match self.authorise_file(&mut transaction, by.principal, access, scope).await {
                Ok(()) => look.look(&mut transaction, scope).await,
                Err(error) => Err(error.into()),
            };
            if !transaction.conflicted() {
                break result;
            }
            tokio::task::yield_now().await;
        };
        self.audit_file_refusal(by, access, scope, &result).await;
        result
    }

    pub(super) async fn audit_file_refusal<T>(
        &self,
        by: Acting<'_>,
        access: Access,
        scope: &Scope,
        result: &Result<T, KernelError>,
    ) {
        let outcome = match result {
            Err(KernelError::Auth(AuthError::Denied { reason, .. })) => Outcome::Denied(reason.code().to_owned()),
            Err(KernelError::Auth(error)) if error.is_unauthenticated() => Outcome::Denied(error.case().to_owned()),
            _ => return,
        };
        let entry = audit::entry(self.clock().now(), by.principal, scope, access.action(), outcome, by.request_id);
        audit::append_alone(self, entry).await;
    }
}
