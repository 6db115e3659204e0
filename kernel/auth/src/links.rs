//! Customer links: leave for somebody without an account to call a few operations on one record, for a time.
//!
//! INVARIANT (one-record): a link holds the record and which parameter of each of its operations names it. The kernel gives that parameter; whoever calls
//! through the link can't. It has no other right: not to another operation, store or power, but those that the group gives to the role `customer`.
//!
//! INVARIANT (links-alike): a token that is unknown, expired or revoked, an operation that the link does not name, an argument of its own for the record, and
//! calls beyond the limits are refused with one error after the same reads.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use forecourt_base::{Bilingual, GroupId, OperationPath, RoleName, Scope, StoreId, Timestamp, UserId, limits};
use forecourt_storage::{Space, StorageError, Transaction};
use serde::{Deserialize, Serialize};

use crate::Auth;
use crate::audit::{Actor, AuditEntry, Outcome};
use crate::error::AuthError;
use crate::page::{self, List, Page, PageRequest};
use crate::principal::{Origin, Principal};
use crate::token::{Purpose, SessionKey, new_token};
use crate::version::Version;

#[cfg(test)]
mod tests;

/// The role of the group under which calls through links run, for what the group grants to all customers.
const CUSTOMER: &str = "customer";
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// An operation that a link opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedOperation {
    /// The operation.
    pub operation: OperationPath,
    /// The JSON name of the parameter that names the record.
    pub parameter: String,
}

/// A link to be made.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// The customer whom it is for, where the area knows one.
    pub customer: Option<String>,
    /// The one record that it opens.
    pub record: String,
    /// The operations that it opens.
    pub operations: Vec<LinkedOperation>,
    /// When it is good no more.
    pub expires: Timestamp,
}

/// A link without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id: 16 hexadecimal digits, which open nothing.
    pub id: String,
    /// The group.
    pub group: GroupId,
    /// The store.
    pub store: StoreId,
    /// The customer whom it is for.
    pub customer: Option<String>,
    /// The one record that it opens.
    pub record: String,
    /// The operations that it opens.
    pub operations: Vec<LinkedOperation>,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: UserId,
    /// When it is good no more.
    pub expires: Timestamp,
    /// When it was revoked, if it was.
    #[serde(default)]
    pub revoked: Option<Timestamp>,
}

/// A link that was just made. Its secret is told this once.
#[derive(Clone)]
pub struct MadeLink {
    /// What stands in the link's address.
    pub token: String,
    /// The link.
    pub link: Link,
}

impl fmt::Debug for MadeLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeLink").field("link", &self.link).finish_non_exhaustive()
    }
}

/// A link as its group lists it, with the key under which the open one lies.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    link: Link,
    key: SessionKey,
}

fn listed(group: &GroupId, store: &StoreId) -> Result<Space, StorageError> {
    Space::new(Some(group), Some(store), "@auth", "links", 1)
}

fn check_name(field: &'static str, text: &str) -> Result<(), AuthError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(());
    }
    Err(AuthError::rule(
        field,
        "must be an id of 1 to 64 letters, digits, `-`, `_`, `.`",
        "须为 1 至 64 位字母、数字、`-`、`_`、`.` 组成的编号",
    ))
}

impl NewLink {
    fn check(&self, now: Timestamp) -> Result<(), AuthError> {
        check_name("record", &self.record)?;
        self.customer.as_deref().map_or(Ok(()), |customer| check_name("customer", customer))?;
        let days = limits::LINK_DAYS;
        if self.expires <= now || self.expires > now.plus_millis(days as i64 * DAY_MS) {
            let rule =
                Bilingual::made(format!("must lie within the next {days} days"), format!("须在未来 {days} 天之内"));
            return Err(AuthError::invalid("expires", rule));
        }
        if !(1..=limits::LINK_OPERATIONS).contains(&self.operations.len()) {
            let most = limits::LINK_OPERATIONS;
            let rule = Bilingual::made(format!("must name 1 to {most}"), format!("须为 1 至 {most} 项"));
            return Err(AuthError::invalid("operations", rule));
        }
        Ok(())
    }
}

impl Auth {
    /// Makes a link within `tx`. The caller has checked that `by` may, and that the operations are open to links; he audits it.
    ///
    /// # Errors
    /// [`AuthError::Invalid`], [`AuthError::Storage`].
    pub async fn put_link(
        &self,
        tx: &mut Transaction,
        (group, store): (&GroupId, &StoreId),
        by: &UserId,
        new: &NewLink,
    ) -> Result<MadeLink, AuthError> {
        let now = self.clock.now();
        new.check(now)?;
        let (token, key) = new_token(self.random.as_ref(), Purpose::Link);
        let NewLink { customer, record, operations, expires } = new.clone();
        let link = Link {
            id: key.public_id(),
            group: group.clone(),
            store: store.clone(),
            customer,
            record,
            operations,
            created: now,
            created_by: by.clone(),
            expires,
            revoked: None,
        };
        tx.put_json(&self.spaces.links, key.as_bytes(), &link, Vec::new()).await?;
        let listed_link = Listed { link: link.clone(), key };
        tx.put_json(&listed(group, store)?, link.id.as_bytes(), &listed_link, Vec::new()).await?;
        Ok(MadeLink { token, link })
    }

    /// The links of a store, by id, those that are good no more too. The caller has checked the right to see them.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] page, [`AuthError::Storage`].
    pub async fn links(
        tx: &mut Transaction,
        (group, store): (&GroupId, &StoreId),
        page: &PageRequest,
    ) -> Result<Page<Link>, AuthError> {
        let Page { items, next } = page::list::<Listed>(tx, &listed(group, store)?, List::Links, page).await?;
        Ok(Page { items: items.into_iter().map(|listed| listed.link).collect(), next })
    }

    /// One link of a store. The same.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], [`AuthError::Storage`].
    pub async fn link(tx: &mut Transaction, (group, store): (&GroupId, &StoreId), id: &str) -> Result<Link, AuthError> {
        Ok(Self::listed_link(tx, (group, store), id).await?.link)
    }

    async fn listed_link(
        tx: &mut Transaction,
        (group, store): (&GroupId, &StoreId),
        id: &str,
    ) -> Result<Listed, AuthError> {
        check_name("link", id).map_err(|_| AuthError::unknown("link", id))?;
        tx.get_json(&listed(group, store)?, id.as_bytes()).await?.ok_or_else(|| AuthError::unknown("link", id))
    }

    /// Revokes a link within `tx`, at once: a call that commits after it has seen it. The caller has checked the right to, and audits it.
    ///
    /// # Errors
    /// [`AuthError::Unknown`], [`AuthError::Storage`].
    pub async fn drop_link(
        &self,
        tx: &mut Transaction,
        (group, store): (&GroupId, &StoreId),
        id: &str,
    ) -> Result<(), AuthError> {
        let Listed { mut link, key } = Self::listed_link(tx, (group, store), id).await?;
        tx.delete(&self.spaces.links, key.as_bytes()).await?;
        link.revoked.get_or_insert(self.clock.now());
        tx.put_json(&listed(group, store)?, id.as_bytes(), &Listed { link, key }, Vec::new()).await?;
        Ok(())
    }

    /// Who calls `operation` through the link of `token`, and the arguments with the link's record among them.
    ///
    /// # Errors
    /// [`AuthError::TokenRefused`], whatever is the matter; [`AuthError::Storage`].
    pub async fn open_link(
        &self,
        token: &str,
        operation: Option<&OperationPath>,
        arguments: &mut serde_json::Map<String, serde_json::Value>,
        (address, request_id): (IpAddr, &str),
    ) -> Result<(Arc<Principal>, Scope), AuthError> {
        // (links-alike): what has no token's form is looked up all the same.
        let key = SessionKey::for_purpose(Purpose::Link, token).unwrap_or(SessionKey::NONE);
        let link: Option<Link> =
            transaction!(self, ReadOnly, None, |tx| { Ok(tx.get_json(&self.spaces.links, key.as_bytes()).await?) })?;
        let (now, known) = (self.clock.now(), link.as_ref().map(|link| link.id.clone()));
        let within = link.is_none() || self.throttle.count_link(key, address, now);
        let linked = link.as_ref().and_then(|link| link.operations.iter().find(|of| Some(&of.operation) == operation));
        let reason = match (&link, linked) {
            (None, _) => "unknown-link",
            (Some(link), _) if now >= link.expires => "link-expired",
            (Some(_), None) => "not-linked",
            (Some(_), Some(of)) if names(arguments, &of.parameter) => "record-given",
            (Some(_), Some(_)) if !within => "throttled",
            (Some(link), Some(of)) => {
                arguments.insert(of.parameter.clone(), link.record.clone().into());
                let scope = Scope::store(link.group.clone(), link.store.clone());
                return Ok((Arc::new(principal(link, key)?), scope));
            }
        };
        self.refused_link(link.as_ref().zip(known.as_deref()), operation, reason, request_id);
        Err(AuthError::TokenRefused)
    }

    fn refused_link(
        &self,
        link: Option<(&Link, &str)>,
        operation: Option<&OperationPath>,
        reason: &str,
        request_id: &str,
    ) {
        // Operations that are none of the link's are made up at will: they are counted as one.
        let named = link
            .zip(operation)
            .filter(|((link, _), operation)| link.operations.iter().any(|of| of.operation == **operation));
        let action = named.map_or_else(|| "link".to_owned(), |(_, operation)| operation.to_string());
        let actor = link.and_then(|(link, id)| {
            let user = UserId::of_link(id)?;
            Some(Actor { group: Some(link.group.clone()), user, origin: Origin::Link, api_key: None })
        });
        let scope = link.map(|(link, _)| Scope::store(link.group.clone(), link.store.clone()));
        let outcome = Outcome::Denied(reason.to_owned());
        self.count_denial(AuditEntry::new(self.clock.now(), actor, scope, action, outcome, request_id));
    }
}

/// Whether the arguments name a parameter, in either way that JSON may.
fn names(arguments: &serde_json::Map<String, serde_json::Value>, parameter: &str) -> bool {
    arguments.keys().any(|name| name.replace('-', "_") == parameter)
}

fn principal(link: &Link, key: SessionKey) -> Result<Principal, AuthError> {
    let corrupt = || AuthError::Corrupt { what: "link" };
    Ok(Principal {
        group: Some(link.group.clone()),
        user: UserId::of_link(&link.id).ok_or_else(corrupt)?,
        name: String::new(),
        session: key,
        api_key: None,
        expires: link.expires,
        roles: vec![(RoleName::new(CUSTOMER).map_err(|_| corrupt())?, Some(link.store.clone()))],
        departments: Vec::new(),
        origin: Origin::Link,
        link: Some(Arc::new(link.clone())),
        version: Version::default(),
        revision: 0,
    })
}
