//! Customer links: made by those who hold the power that the operation's plugin names, called through by whoever has the address.

use std::net::IpAddr;
use std::sync::Arc;

use forecourt_auth::{AuthError, DenyReason, Link, LinkedOperation, MadeLink, NewLink, Page, PageRequest, Principal};
use forecourt_base::{Bilingual, GroupId, OperationPath, Scope, StoreId, Timestamp};
use forecourt_registry::Generation;
use forecourt_storage::Transaction;
use serde_json::{Map, Value};

use crate::call::{Answer, Call};
use crate::error::{CallError, KernelError};
use crate::kernel::Kernel;
use crate::operate::{Acting, Work};

/// A link that somebody asks for.
#[derive(Debug, Clone)]
pub struct LinkRequest {
    /// The customer whom it is for, where the area knows one.
    pub customer: Option<String>,
    /// The one record that it opens.
    pub record: String,
    /// The operations that it opens.
    pub operations: Vec<OperationPath>,
    /// When it is good no more.
    pub expires: Timestamp,
}

/// A call through a link.
#[derive(Debug)]
pub struct LinkCall<'a> {
    /// The token of the link's address.
    pub token: &'a str,
    /// What is called; none where the path names nothing that could be an operation.
    pub operation: Option<OperationPath>,
    /// The parameters but the record.
    pub arguments: Map<String, Value>,
    /// Where the call comes from.
    pub address: IpAddr,
    /// The caller's key under which the first answer is kept.
    pub idempotency_key: Option<String>,
    /// Names the request in logs, events and audit.
    pub request_id: String,
}

/// What of a link's operations the plugins that serve now say: the parameter and the power of each.
fn linked(generation: &Generation, store: &StoreId, operation: &OperationPath) -> Option<(String, String)> {
    let module = generation.provider(Some(store), &operation.area)?;
    let (request, parameter) = module.schema.linked(operation)?;
    Some((parameter, request.power.clone()))
}

fn not_open(operation: &OperationPath) -> AuthError {
    let rule = Bilingual::made(
        format!("name `{operation}`, which is not open to links here"),
        format!("含有 `{operation}`，此处不允许通过链接调用"),
    );
    AuthError::Invalid { field: "operations", rule }
}

/// One store of a group, and who acts there.
struct Place<'a> {
    principal: &'a Arc<Principal>,
    scope: &'a Scope,
}

impl<'a> Place<'a> {
    fn store(&self) -> Result<(&'a GroupId, &'a StoreId), AuthError> {
        let rule = Bilingual::fixed("must be that of a store", "须为门店");
        let store = self.scope.store.as_ref().ok_or(AuthError::Invalid { field: "scope", rule })?;
        Ok((&self.scope.group, store))
    }

    /// The operations with the parameters that name the record, where the principal may make links to all of them.
    async fn allowed(
        &self,
        kernel: &Kernel,
        transaction: &mut Transaction,
        operations: &[OperationPath],
    ) -> Result<Vec<LinkedOperation>, KernelError> {
        let (group, store) = self.store()?;
        let policy = kernel.auth().policy(transaction, group).await?;
        let generation = kernel.registry().generation(transaction, group).await?;
        let mut allowed = Vec::new();
        for operation in operations {
            let (parameter, power) = linked(&generation, store, operation).ok_or_else(|| not_open(operation))?;
            if !policy.may(self.principal, &power, self.scope) {
                return Err(AuthError::denied(power, Some(self.scope), DenyReason::NoGrant).into());
            }
            allowed.push(LinkedOperation { operation: operation.clone(), parameter });
        }
        Ok(allowed)
    }

    /// Whether the principal may see and revoke a link: as its maker, an admin, or one who could have made it.
    async fn sees(&self, kernel: &Kernel, transaction: &mut Transaction, link: &Link) -> Result<bool, KernelError> {
        let own = self.principal.user == link.created_by;
        if own || self.principal.holds(forecourt_auth::GROUP_ADMIN, self.scope.store.as_ref()) {
            return Ok(true);
        }
        let operations: Vec<OperationPath> = link.operations.iter().map(|of| of.operation.clone()).collect();
        match self.allowed(kernel, transaction, &operations).await {
            Ok(_) => Ok(true),
            Err(KernelError::Auth(AuthError::Denied { .. } | AuthError::Invalid { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

struct Create<'a> {
    place: Place<'a>,
    request: &'a LinkRequest,
}

impl Work for Create<'_> {
    type Output = MadeLink;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<MadeLink, KernelError> {
        let Self { place, request } = self;
        let operations = place.allowed(kernel, transaction, &request.operations).await?;
        let LinkRequest { customer, record, expires, .. } = (*request).clone();
        let new = NewLink { customer, record, operations, expires };
        Ok(kernel.auth().put_link(transaction, place.store()?, &place.principal.user, &new).await?)
    }

    fn note(&self, done: &MadeLink) -> String {
        let operations: Vec<String> = done.link.operations.iter().map(|of| of.operation.to_string()).collect();
        format!("link:{} {} {}", done.link.id, done.link.record, operations.join(" "))
    }
}

struct List<'a> {
    place: Place<'a>,
    record: Option<&'a str>,
    page: &'a PageRequest,
}

impl Work for List<'_> {
    type Output = Page<Link>;

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<Page<Link>, KernelError> {
        let Page { items, next } = forecourt_auth::Auth::links(transaction, self.place.store()?, self.page).await?;
        let mut seen = Vec::new();
        for link in items {
            let asked = self.record.is_none_or(|record| record == link.record);
            if asked && self.place.sees(kernel, transaction, &link).await? {
                seen.push(link);
            }
        }
        Ok(Page { items: seen, next })
    }
}

struct Revoke<'a> {
    place: Place<'a>,
    id: &'a str,
}

impl Work for Revoke<'_> {
    type Output = ();

    async fn run(&self, kernel: &Kernel, transaction: &mut Transaction) -> Result<(), KernelError> {
        let store = self.place.store()?;
        let link = forecourt_auth::Auth::link(transaction, store, self.id).await?;
        if !self.place.sees(kernel, transaction, &link).await? {
            return Err(AuthError::denied("revoke-link", Some(self.place.scope), DenyReason::NoGrant).into());
        }
        Ok(kernel.auth().drop_link(transaction, store, self.id).await?)
    }

    fn note(&self, (): &()) -> String {
        format!("link:{}", self.id)
    }
}

impl Kernel {
    /// Makes a link in a store. Each of its operations must be declared open to links by the plugin that serves there, and the caller must hold the power
    /// that it names.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` with what is wrong, or without the power.
    pub async fn create_link(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        request: &LinkRequest,
    ) -> Result<MadeLink, KernelError> {
        let place = Place { principal: by.principal, scope };
        self.acting_in(by, scope, "create-link", Create { place, request }).await
    }

    /// The links of a store, of one record where that is named: those that the caller made, or could have made. A page may have fewer than asked for, even
    /// none, and still name a next one.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for those outside the store.
    pub async fn links(
        &self,
        by: Acting<'_>,
        scope: &Scope,
        record: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Link>, KernelError> {
        let place = Place { principal: by.principal, scope };
        self.looking_in(by, scope, "list-links", List { place, record, page }).await
    }

    /// Revokes a link at once.
    ///
    /// # Errors
    /// [`KernelError`]: `Auth` for an unknown one, or one that the caller could not have made.
    pub async fn revoke_link(&self, by: Acting<'_>, scope: &Scope, id: &str) -> Result<(), KernelError> {
        let place = Place { principal: by.principal, scope };
        self.acting_in(by, scope, "revoke-link", Revoke { place, id }).await
    }

    /// Calls an operation through a link.
    ///
    /// # Errors
    /// [`CallError::Unauthenticated`] whatever is the matter with the link; as [`Kernel::call`].
    pub async fn call_by_link(self: &Arc<Self>, call: LinkCall<'_>) -> Result<Answer, CallError> {
        let LinkCall { token, operation, mut arguments, address, idempotency_key, request_id } = call;
        let opened = self.auth().open_link(token, operation.as_ref(), &mut arguments, (address, &request_id)).await;
        let (principal, scope) = match opened {
            Err(AuthError::TokenRefused) => return Err(CallError::Unauthenticated),
            opened => opened?,
        };
        let operation = operation.ok_or(CallError::Unauthenticated)?;
        let arguments = Value::Object(arguments);
        self.call(Call {
            principal,
            scope,
            operation,
            arguments,
            by_get: false,
            idempotency_key,
            request_id,
            trace: None,
        })
        .await
    }
}
