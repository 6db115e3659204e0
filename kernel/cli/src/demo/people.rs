//! The demo's users: one per role, named like the role.

use std::sync::Arc;

use forecourt_auth::{Acting, Assignment, AuthError, NewUser, PageRequest, Principal, Role};
use forecourt_base::{GroupId, StoreId, UserId};
use forecourt_runtime::Kernel;

use super::{ADMIN, DEPLOYMENT_ADMIN, REQUEST, STORES, made};
use crate::failure::Failure;

/// Roles whose work is for the whole group.
const GROUP_WIDE: [&str; 3] = [ADMIN, "operator", "auditor"];

/// Roles of callers that are no persons.
const NO_PERSONS: [&str; 2] = ["customer", "system"];

/// Where the demo's people work.
const DEPARTMENTS: &[(&str, &[&str])] = &[
    ("sales", &["sales_manager", "sales", "reception", "test_drive", "delivery"]),
    ("tele-sales", &["dcc"]),
    ("finance-insurance", &["fni", "cashier", "accountant"]),
    ("service-reception", &["svc_manager", "advisor", "warranty"]),
    ("workshop", &["foreman", "tech", "qc"]),
    ("parts", &["parts_manager", "parts", "buyer"]),
    ("customer-care", &["crm", "crm_manager"]),
    ("hr", &["hr", "trainer"]),
    ("rental", &["rental", "rental_manager"]),
];

/// Checks the one password against the rules for every user it is for.
pub(super) fn check_password(password: &str) -> Result<(), Failure> {
    let named = DEPARTMENTS.iter().flat_map(|(_, roles)| roles.iter()).chain(&GROUP_WIDE).chain([
        &DEPLOYMENT_ADMIN,
        &"store_manager",
        &"legal",
    ]);
    for user in named {
        forecourt_auth::check_password(password, &UserId::new(*user)?).map_err(|error| {
            Failure::usage(format!("the demo's password is not good for its user `{user}`: {error}"))
        })?;
    }
    Ok(())
}

/// Makes the users that are missing.
pub(super) async fn make(
    kernel: &Kernel,
    group: &GroupId,
    password: &str,
    admin: &Arc<Principal>,
) -> Result<(), Failure> {
    let acting = Acting { principal: admin, request_id: REQUEST };
    let known = kernel.auth().list_users(acting, Some(group), &everything()).await?.items;
    for role in kernel.auth().list_roles(acting, group, &everything()).await?.items {
        let person = role.built_in && !NO_PERSONS.contains(&role.name.as_str());
        if person && !known.iter().any(|user| user.id.as_str() == role.name.as_str()) {
            made(kernel.auth().create_user(acting, Some(group), &user_of(&role, password)?).await)?;
        }
    }
    Ok(())
}

fn everything() -> PageRequest {
    PageRequest { after: None, limit: Some(forecourt_base::limits::PAGE_ROWS) }
}

fn user_of(role: &Role, password: &str) -> Result<NewUser, Failure> {
    let id = role.name.as_str();
    let [(home, _), _] = STORES;
    let store = if GROUP_WIDE.contains(&id) { None } else { Some(StoreId::new(home)?) };
    let departments =
        DEPARTMENTS.iter().filter(|(_, roles)| roles.contains(&id)).map(|(department, _)| (*department).to_owned());
    Ok(NewUser {
        id: UserId::new(id)?,
        name: role.names.get("zh-CN").cloned().unwrap_or_else(|| id.to_owned()),
        password: password.to_owned(),
        roles: vec![Assignment { role: role.name.clone(), store }],
        departments: departments.collect(),
    })
}

/// A wrong password, told so that one sees what to do.
pub(super) fn not_signed_in(error: AuthError) -> Failure {
    match error {
        AuthError::BadCredentials => Failure::usage(format!(
            "{} is not the password that this demo was made with: use that one, or another data folder",
            super::PASSWORD
        )),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_must_do_for_every_user() {
        assert!(check_password("dusty road 42").is_ok());
        let failure = check_password("my foreman sleeps").unwrap_err();
        assert!(failure.to_string().contains("not good for its user `foreman`"), "{failure}");
        assert!(check_password("short").is_err());
    }
}
