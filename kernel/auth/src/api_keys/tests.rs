use forecourt_base::{Area, OperationPath, Scope};
use forecourt_storage::Mode;

use super::*;
use crate::audit::{AuditFilter, Outcome};
use crate::testing::*;
use crate::{AuthError, Decision, NewServiceUser, PageRequest, PasswordChange};

fn new(roles: Option<&str>) -> NewApiKey {
    NewApiKey { name: "till".to_owned(), roles: roles.map(given), expires: None }
}

/// An advisor of both stores, with a key that may do less.
async fn begun() -> (Deployment, std::sync::Arc<crate::Principal>, MadeApiKey) {
    let deployment = Deployment::begun().await;
    let li = deployment.person("li.wei", "advisor@* cashier@bj01").await.principal;
    let made = deployment
        .auth
        .create_api_key(acting(&li), Some(&huadong()), &user("li.wei"), &new(Some("advisor@bj01")))
        .await
        .unwrap();
    (deployment, li, made)
}

#[tokio::test]
async fn a_key_signs_in_with_its_part_of_the_roles() {
    let (deployment, _, made) = begun().await;
    let auth = &deployment.auth;
    assert!(made.secret.starts_with("fk_") && !format!("{made:?}").contains(&made.secret));
    let principal = auth.authenticate(&made.secret).await.unwrap();
    assert_eq!(principal.roles, [(role("advisor"), Some(store("bj01")))]);
    assert_eq!((principal.user.as_str(), principal.api_key.as_deref()), ("li.wei", Some(made.key.id.as_str())));
    // INVARIANT (narrow-keys): what its owner loses, it loses.
    let admin = deployment.principal("admin").await;
    let mut tx = deployment.begin(Mode::ReadOnly);
    auth.assign_roles(acting(&admin), Some(&huadong()), &user("li.wei"), &given("advisor@sh01"), &[]).await.unwrap();
    assert!(auth.reauthenticate(&mut tx, &principal).await.is_ok(), "as of its own position");
    let mut tx = deployment.begin(Mode::ReadOnly);
    assert!(matches!(auth.reauthenticate(&mut tx, &principal).await, Err(AuthError::PrincipalChanged)));
    assert!(auth.refresh(&mut tx, &principal).await.unwrap().roles.is_empty());
    auth.disable_user(acting(&admin), Some(&huadong()), &user("li.wei")).await.unwrap();
    assert!(matches!(auth.authenticate(&made.secret).await, Err(AuthError::SessionEnded)));
}

#[tokio::test]
async fn a_key_is_revoked_at_once_and_expires_at_its_time() {
    let (deployment, li, made) = begun().await;
    let (auth, own, li_wei) = (&deployment.auth, Some(huadong()), user("li.wei"));
    let principal = auth.authenticate(&made.secret).await.unwrap();
    // INVARIANT (revoked-at-once)
    let mut tx = deployment.begin(Mode::ReadWrite);
    auth.reauthenticate(&mut tx, &principal).await.unwrap();
    let space = forecourt_storage::Space::new(own.as_ref(), None, "probe", "things", 1).unwrap();
    tx.put(&space, b"a", "b", Vec::new()).await.unwrap();
    auth.revoke_api_key(acting(&li), own.as_ref(), &li_wei, &made.key.id).await.unwrap();
    assert!(matches!(tx.commit().await, Err(forecourt_storage::StorageError::Conflict)));
    assert!(matches!(auth.authenticate(&made.secret).await, Err(AuthError::SessionEnded)));
    assert!(matches!(
        auth.revoke_api_key(acting(&li), own.as_ref(), &li_wei, &made.key.id).await,
        Err(AuthError::Unknown { what: "API key", .. })
    ));

    let expires = deployment.auth.clock.now().plus_millis(1_000);
    let short = NewApiKey { expires: Some(expires), ..new(None) };
    let made = auth.create_api_key(acting(&li), own.as_ref(), &li_wei, &short).await.unwrap();
    assert_eq!((made.key.roles.clone(), made.key.expires), (given("advisor@* cashier@bj01"), Some(expires)));
    let principal = auth.authenticate(&made.secret).await.unwrap();
    deployment.clock.advance_millis(1_000);
    assert!(matches!(auth.authenticate(&made.secret).await, Err(AuthError::SessionExpired)));
    let mut tx = deployment.begin(Mode::ReadOnly);
    assert!(matches!(auth.reauthenticate(&mut tx, &principal).await, Err(AuthError::SessionExpired)));
}

#[tokio::test]
async fn keys_are_made_by_their_owner_within_his_roles_and_by_no_key() {
    let (deployment, li, made) = begun().await;
    let (auth, own, li_wei) = (&deployment.auth, Some(huadong()), user("li.wei"));
    let create = async |by: &crate::Principal, whose: &str, new: NewApiKey| {
        auth.create_api_key(acting(by), Some(&huadong()), &user(whose), &new).await.map(drop)
    };
    for wide in ["group-admin@*", "cashier@sh01", "cashier@*"] {
        assert!(matches!(create(&li, "li.wei", new(Some(wide))).await, Err(AuthError::Invalid { field: "roles", .. })));
    }
    let past = NewApiKey { expires: Some(deployment.auth.clock.now()), ..new(None) };
    assert!(matches!(create(&li, "li.wei", past).await, Err(AuthError::Invalid { field: "expires", .. })));
    let admin = deployment.principal("admin").await;
    assert!(matches!(create(&admin, "li.wei", new(None)).await, Err(AuthError::Invalid { field: "user", .. })));
    assert!(matches!(create(&li, "admin", new(None)).await, Err(AuthError::Denied { .. })));
    let by_key = auth.authenticate(&made.secret).await.unwrap();
    let change = PasswordChange { user: &li_wei, current: Some(PASSWORD), new: "another long one" };
    for refused in [
        create(&by_key, "li.wei", new(None)).await,
        auth.api_keys(acting(&by_key), own.as_ref(), &li_wei).await.map(drop),
        auth.revoke_api_key(acting(&by_key), own.as_ref(), &li_wei, &made.key.id).await,
        auth.sessions(acting(&by_key), own.as_ref(), &li_wei).await.map(drop),
        auth.revoke_sessions(acting(&by_key), own.as_ref(), &li_wei).await.map(drop),
        auth.set_password(acting(&by_key), own.as_ref(), &change).await,
    ] {
        assert!(matches!(refused, Err(AuthError::Denied { .. })), "{refused:?}");
    }
    assert!(matches!(auth.sign_out(&made.secret, REQUEST).await, Err(AuthError::Invalid { .. })));
    for _ in 1..limits::API_KEYS_PER_USER {
        create(&li, "li.wei", new(None)).await.unwrap();
    }
    assert!(matches!(create(&li, "li.wei", new(None)).await, Err(AuthError::Invalid { field: "user", .. })));
}

#[tokio::test]
async fn a_service_user_has_keys_and_no_password() {
    let deployment = Deployment::begun().await;
    let (auth, own) = (&deployment.auth, Some(huadong()));
    let admin = deployment.principal("admin").await;
    let till = user("till");
    let made = NewServiceUser {
        id: till.clone(),
        name: "Till".to_owned(),
        roles: given("cashier@bj01"),
        departments: Vec::new(),
    };
    assert!(auth.create_service_user(acting(&admin), own.as_ref(), &made).await.unwrap().service);
    for password in ["", PASSWORD] {
        assert!(matches!(deployment.try_sign_in("till", password).await, Err(AuthError::BadCredentials)));
    }
    let change = PasswordChange { user: &till, current: None, new: PASSWORD };
    assert!(matches!(auth.set_password(acting(&admin), own.as_ref(), &change).await, Err(AuthError::Invalid { .. })));
    assert!(matches!(
        auth.issue_password_reset(acting(&admin), own.as_ref(), &till).await,
        Err(AuthError::Invalid { field: "user", .. })
    ));
    let key = auth.create_api_key(acting(&admin), own.as_ref(), &till, &new(None)).await.unwrap();
    let principal = auth.authenticate(&key.secret).await.unwrap();
    let scope = Scope::group(huadong());
    let path =
        OperationPath { area: Area::new("repair").unwrap(), interface: "a".to_owned(), operation: "b".to_owned() };
    let policy = auth.policy(&mut deployment.begin(Mode::ReadOnly), &huadong()).await.unwrap();
    assert!(matches!(policy.decide(&principal, &path, true, &scope), Decision::Deny(_)));
    // It acts under its own name, and the audit names the key.
    auth.create_store(acting(&principal), &huadong(), &new_store("mine")).await.unwrap_err();
    let filter = AuditFilter { user: Some(till), ..AuditFilter::default() };
    let page = auth.audit_page(acting(&admin), Some(&scope), &filter, &PageRequest::default()).await.unwrap();
    let named = page.items.iter().find(|entry| entry.action == "create-store").unwrap();
    assert!(matches!(named.outcome, Outcome::Denied(_)));
    assert_eq!(named.actor.as_ref().unwrap().api_key.as_deref(), Some(key.key.id.as_str()));
}

#[tokio::test]
async fn use_is_noted_without_a_commit_and_kept_over_a_restart() {
    let (deployment, li, made) = begun().await;
    let auth = &deployment.auth;
    let last = async |auth: &crate::Auth| {
        auth.api_keys(acting(&li), Some(&huadong()), &user("li.wei")).await.unwrap()[0].last_used
    };
    assert_eq!(last(auth).await, None);
    let before = deployment.engine.stable_position();
    deployment.clock.advance_millis(60_000);
    for _ in 0..100 {
        auth.authenticate(&made.secret).await.unwrap();
    }
    let now = auth.clock.now();
    assert_eq!((last(auth).await, deployment.engine.stable_position()), (Some(now), before));
    auth.write_uses().await.unwrap();
    assert_eq!(deployment.engine.stable_position(), before + 1);
    let cost = crate::PasswordCost::new(8, 1, 1).unwrap();
    let random = std::sync::Arc::new(forecourt_base::SeededRandom::new(4));
    let later = crate::Auth::with_password_cost(
        std::sync::Arc::clone(&deployment.engine),
        std::sync::Arc::clone(&deployment.clock) as _,
        random,
        cost,
    );
    assert_eq!(last(&later.unwrap()).await, Some(now));
}

#[tokio::test]
async fn guesses_of_keys_are_told_to_wait_and_good_keys_pass() {
    let (deployment, _, made) = begun().await;
    let auth = &deployment.auth;
    let guess = format!("fk_{}", "A".repeat(43));
    for _ in 0..limits::GUESSES_ADDRESS {
        assert!(matches!(auth.authenticate_from(&guess, HOME).await, Err(AuthError::SessionEnded)));
    }
    assert!(matches!(auth.authenticate_from(&guess, HOME).await, Err(AuthError::Throttled { .. })));
    assert!(auth.authenticate_from(&made.secret, HOME).await.is_ok());
    assert!(matches!(auth.authenticate_from(&guess, [192, 0, 2, 2].into()).await, Err(AuthError::SessionEnded)));
    assert!(matches!(auth.authenticate_from("A", HOME).await, Err(AuthError::SessionEnded)));
}
