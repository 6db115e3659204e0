//! Where the demo's people act: each signs in once and calls operations as over HTTP.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use forecourt_auth::{Principal, SignIn};
use forecourt_base::{GroupId, Scope, StoreId};
use forecourt_runtime::{Call, CallError, Kernel};
use serde_json::Value;

use super::{REQUEST, people};
use crate::failure::Failure;

/// The kernel with the people who are signed in.
pub(super) struct Stage<'a> {
    kernel: &'a Arc<Kernel>,
    group: &'a GroupId,
    password: &'a str,
    sessions: Mutex<BTreeMap<String, (String, Arc<Principal>)>>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(kernel: &'a Arc<Kernel>, group: &'a GroupId, password: &'a str) -> Self {
        Self { kernel, group, password, sessions: Mutex::default() }
    }

    /// The user, signed in.
    pub(super) async fn sign_in(&self, user: &str) -> Result<Arc<Principal>, Failure> {
        let signed_in = self
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(user)
            .map(|(_, principal)| Arc::clone(principal));
        if let Some(principal) = signed_in {
            return Ok(principal);
        }
        let request = SignIn {
            group: Some(self.group.clone()),
            user,
            password: self.password,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request_id: REQUEST,
        };
        let session = self.kernel.auth().sign_in(request).await.map_err(people::not_signed_in)?;
        let principal = Arc::clone(&session.principal);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(user.to_owned(), (session.token, session.principal));
        Ok(principal)
    }

    /// Ends every session that was begun here.
    pub(super) async fn sign_out(self) -> Result<(), Failure> {
        for (token, _) in self.sessions.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
            self.kernel.auth().sign_out(&token, REQUEST).await?;
        }
        Ok(())
    }

    /// Calls an operation. A command needs a `key` that no other call of the demo has.
    pub(super) async fn call(
        &self,
        store: &str,
        user: &str,
        operation: &str,
        key: &str,
        arguments: Value,
    ) -> Result<Value, Failure> {
        self.try_call(store, user, operation, key, arguments).await.map_err(|error| {
            let told = match error {
                CallError::Domain { error, .. } => error.to_string(),
                CallError::Malformed { fields } => {
                    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                }
                other => other.to_string(),
            };
            anyhow::anyhow!("the demo's {user} was refused {operation} in {store} ({key}): {told}").into()
        })
    }

    async fn try_call(
        &self,
        store: &str,
        user: &str,
        operation: &str,
        key: &str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        let internal = |error: &dyn std::fmt::Display| CallError::Internal(error.to_string());
        let principal = self.sign_in(user).await.map_err(|error| internal(&error))?;
        let call = Call {
            principal,
            scope: Scope::store(self.group.clone(), StoreId::new(store).map_err(|error| internal(&error))?),
            operation: operation.parse().map_err(|error| internal(&error))?,
            arguments,
            by_get: false,
            idempotency_key: Some(format!("demo-{store}-{key}")),
            request_id: REQUEST.to_owned(),
            trace: None,
        };
        Ok(self.kernel.call(call).await?.value)
    }
}
