use std::net::Ipv4Addr;

use forecourt_base::RoleName;
use forecourt_storage::{Mode, Space, StorageError, transact};

use super::*;
use crate::audit::{AuditFilter, OutcomeKind};
use crate::testing::*;
use crate::{PageRequest, PasswordChange};

async fn begun_with_advisor() -> (Deployment, NewSession) {
    let deployment = Deployment::begun().await;
    let session = deployment.person("li.wei", "advisor@bj01").await;
    (deployment, session)
}

fn notes() -> Space {
    Space::new(Some(&huadong()), None, "notes", "notes", 1).unwrap()
}

async fn reauthenticate(deployment: &Deployment, principal: &Principal) -> Result<(), AuthError> {
    deployment.auth.reauthenticate(&mut deployment.begin(Mode::ReadOnly), principal).await
}

#[tokio::test]
async fn a_session_lasts_until_its_time_is_over() {
    let (deployment, session) = begun_with_advisor().await;
    let principal = deployment.auth.authenticate(&session.token).await.unwrap();
    assert_eq!(*principal, *session.principal);
    assert_eq!(principal.user, user("li.wei"));
    assert_eq!(principal.group, Some(huadong()));
    assert_eq!(principal.roles, [(RoleName::new("advisor").unwrap(), Some(store("bj01")))]);
    assert_eq!(principal.departments, ["service"]);
    deployment.clock.set(session.expires.plus_millis(-1));
    assert!(reauthenticate(&deployment, &principal).await.is_ok());
    deployment.clock.set(session.expires);
    assert!(matches!(reauthenticate(&deployment, &principal).await, Err(AuthError::SessionExpired)));
    assert!(matches!(deployment.auth.authenticate(&session.token).await, Err(AuthError::SessionExpired)));
}

#[tokio::test]
async fn names_are_read_in_any_case() {
    let (deployment, _) = begun_with_advisor().await;
    assert_eq!(deployment.principal(" Li.Wei ").await.user, user("li.wei"));
}

#[tokio::test]
async fn made_up_tokens_open_nothing() {
    let (deployment, session) = begun_with_advisor().await;
    let other = format!("{}{}", if session.token.starts_with('A') { 'B' } else { 'A' }, &session.token[1..]);
    for token in ["", "汽车", &other, &session.token[1..]] {
        assert!(matches!(deployment.auth.authenticate(token).await, Err(AuthError::SessionEnded)), "{token}");
        assert!(matches!(deployment.auth.sign_out(token, REQUEST).await, Err(AuthError::SessionEnded)), "{token}");
    }
}

#[tokio::test]
async fn tokens_and_passwords_are_not_stored() {
    let (deployment, session) = begun_with_advisor().await;
    let users = space::users(Some(&huadong())).unwrap();
    let audit = Space::new(Some(&huadong()), None, "@audit", "entries", 1).unwrap();
    let mut tx = deployment.begin(Mode::ReadOnly);
    for space in [&deployment.auth.spaces.sessions, &users, &audit] {
        let rows = tx.scan(space, &KeyRange::all(), Direction::Forward, 200).await.unwrap();
        assert!(!rows.items.is_empty());
        for row in rows.items {
            let text = String::from_utf8_lossy(&row.value).into_owned();
            assert!(!text.contains(&session.token) && !text.contains(PASSWORD), "{text}");
            assert_ne!(row.key, session.token.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_refused_sign_in_tells_nothing_and_costs_the_same() {
    let (deployment, _) = begun_with_advisor().await;
    let admin = deployment.principal("admin").await;
    deployment.person("gone", "tech@bj01").await;
    deployment.auth.disable_user(acting(&admin), Some(&huadong()), &user("gone")).await.unwrap();
    let elsewhere = || Some(group("nowhere"));
    let cases = [
        (Some(huadong()), "li.wei", "wrong password"),
        (Some(huadong()), "nobody", PASSWORD),
        (Some(huadong()), "gone", PASSWORD),
        (Some(huadong()), "店 长", PASSWORD),
        (Some(huadong()), "root", PASSWORD),
        (elsewhere(), "li.wei", PASSWORD),
        (None, "li.wei", "wrong password"),
        (None, "nobody", PASSWORD),
    ];
    for (group, name, password) in cases {
        let before = deployment.auth.argon2_runs();
        let request = SignIn { group, user: name, password, address: HOME, request_id: REQUEST };
        let error = deployment.auth.sign_in(request).await.unwrap_err();
        assert!(matches!(error, AuthError::BadCredentials), "{name}: {error}");
        assert_eq!(deployment.auth.argon2_runs() - before, 1, "{name}");
    }
    let before = deployment.auth.argon2_runs();
    deployment.sign_in("li.wei").await;
    assert_eq!(deployment.auth.argon2_runs() - before, 1);
}

#[tokio::test]
async fn refused_sign_ins_are_audited_without_what_was_typed() {
    let (deployment, _) = begun_with_advisor().await;
    for name in ["li.wei", "secret-in-wrong-field"] {
        deployment.try_sign_in(name, "wrong password").await.unwrap_err();
    }
    let admin = deployment.principal("admin").await;
    let filter = AuditFilter { outcome: Some(OutcomeKind::Denied), ..AuditFilter::default() };
    let scope = Scope::group(huadong());
    let page =
        deployment.auth.audit_page(acting(&admin), Some(&scope), &filter, &PageRequest::default()).await.unwrap();
    let who: Vec<_> = page.items.iter().map(|entry| entry.actor.as_ref().map(|actor| actor.user.clone())).collect();
    assert_eq!(who, [None, Some(user("li.wei"))]);
    assert!(page.items.iter().all(|entry| entry.action == "sign-in" && entry.request_id == REQUEST));
    assert!(!serde_json::to_string(&page.items).unwrap().contains("secret"));
}

#[tokio::test]
async fn guessing_is_slowed_where_it_comes_from_and_not_for_the_owner() {
    let (deployment, _) = begun_with_advisor().await;
    for _ in 0..limits::SIGN_IN_FAILURES {
        assert!(matches!(deployment.try_sign_in("li.wei", "wrong").await, Err(AuthError::BadCredentials)));
    }
    let runs = deployment.auth.argon2_runs();
    let error = deployment.try_sign_in("li.wei", PASSWORD).await.unwrap_err();
    assert!(matches!(error, AuthError::Throttled { retry_after_s: 900 }), "{error}");
    assert_eq!(deployment.auth.argon2_runs(), runs);
    let address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    let owner = SignIn { group: Some(huadong()), user: "li.wei", password: PASSWORD, address, request_id: REQUEST };
    assert!(deployment.auth.sign_in(owner).await.is_ok());
    deployment.clock.advance_millis(900_000);
    assert!(deployment.try_sign_in("li.wei", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn without_a_group_the_only_one_or_the_deployment_is_meant() {
    let (deployment, _) = begun_with_advisor().await;
    let sign_in = async |name, password| {
        let request = SignIn { group: None, user: name, password, address: HOME, request_id: REQUEST };
        deployment.auth.sign_in(request).await.map(|session| session.principal.group.clone())
    };
    assert_eq!(sign_in("li.wei", PASSWORD).await.unwrap(), Some(huadong()));
    let root = deployment.principal("root").await;
    assert_eq!(root.group, None);
    deployment.auth.create_group(acting(&root), &new_group("huabei"), &first("admin")).await.unwrap();
    assert_eq!(sign_in("root", PASSWORD).await.unwrap(), None);
    for (name, password) in [("li.wei", PASSWORD), ("nobody", PASSWORD), ("root", "wrong password")] {
        let before = deployment.auth.argon2_runs();
        assert!(matches!(sign_in(name, password).await, Err(AuthError::GroupNeeded)), "{name}");
        assert_eq!(deployment.auth.argon2_runs() - before, 1, "{name}");
    }
}

#[tokio::test]
async fn the_oldest_session_makes_room() {
    let (deployment, first) = begun_with_advisor().await;
    let mut later = Vec::new();
    for _ in 1..limits::SESSIONS_PER_USER {
        deployment.clock.advance_millis(1);
        later.push(deployment.sign_in("li.wei").await);
    }
    assert!(deployment.auth.authenticate(&first.token).await.is_ok());
    deployment.clock.advance_millis(1);
    later.push(deployment.sign_in("li.wei").await);
    assert!(matches!(deployment.auth.authenticate(&first.token).await, Err(AuthError::SessionEnded)));
    for session in later {
        assert!(deployment.auth.authenticate(&session.token).await.is_ok());
    }
}

#[tokio::test]
async fn a_session_that_was_signed_out_is_over_and_the_others_are_not() {
    let (deployment, session) = begun_with_advisor().await;
    let other = deployment.sign_in("li.wei").await;
    deployment.auth.sign_out(&session.token, REQUEST).await.unwrap();
    assert!(matches!(deployment.auth.authenticate(&session.token).await, Err(AuthError::SessionEnded)));
    assert!(matches!(reauthenticate(&deployment, &session.principal).await, Err(AuthError::SessionEnded)));
    assert!(deployment.auth.authenticate(&other.token).await.is_ok());
}

#[tokio::test]
async fn changes_of_a_user_take_effect_at_once_and_leave_others_alone() {
    let (deployment, session) = begun_with_advisor().await;
    let other = deployment.person("wang.fang", "tech@bj01").await;
    let (admin, huadong) = (deployment.principal("admin").await, huadong());
    let li = user("li.wei");
    deployment.auth.assign_roles(acting(&admin), Some(&huadong), &li, &given("qc@sh01"), &[]).await.unwrap();
    assert!(matches!(reauthenticate(&deployment, &session.principal).await, Err(AuthError::PrincipalChanged)));
    let mut tx = deployment.begin(Mode::ReadOnly);
    let fresh = deployment.auth.refresh(&mut tx, &session.principal).await.unwrap();
    assert_eq!(fresh.roles, [(role("qc"), Some(store("sh01")))]);
    assert!(reauthenticate(&deployment, &fresh).await.is_ok());
    let change = PasswordChange { user: &li, current: None, new: "another long one" };
    deployment.auth.set_password(acting(&admin), Some(&huadong), &change).await.unwrap();
    assert!(matches!(reauthenticate(&deployment, &fresh).await, Err(AuthError::SessionEnded)));
    assert!(matches!(deployment.try_sign_in("li.wei", PASSWORD).await, Err(AuthError::BadCredentials)));
    let again = deployment.try_sign_in("li.wei", "another long one").await.unwrap();
    deployment.auth.disable_user(acting(&admin), Some(&huadong), &li).await.unwrap();
    assert!(matches!(reauthenticate(&deployment, &again.principal).await, Err(AuthError::SessionEnded)));
    assert!(matches!(deployment.auth.authenticate(&again.token).await, Err(AuthError::SessionEnded)));
    assert!(reauthenticate(&deployment, &other.principal).await.is_ok());
    deployment.auth.enable_user(acting(&admin), Some(&huadong), &li).await.unwrap();
    assert!(matches!(deployment.auth.authenticate(&again.token).await, Err(AuthError::SessionEnded)));
    assert!(deployment.try_sign_in("li.wei", "another long one").await.is_ok());
}

#[tokio::test]
async fn a_call_does_not_commit_after_a_revocation_it_did_not_see() {
    let (deployment, session) = begun_with_advisor().await;
    let mut tx = deployment.begin(Mode::ReadWrite);
    deployment.auth.reauthenticate(&mut tx, &session.principal).await.unwrap();
    tx.put(&notes(), b"a", "1", Vec::new()).await.unwrap();
    deployment.auth.sign_out(&session.token, REQUEST).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StorageError::Conflict)));
}

#[tokio::test]
async fn a_retried_call_sees_the_revocation() {
    let (deployment, session) = begun_with_advisor().await;
    let admin = deployment.principal("admin").await;
    let mut attempts = 0;
    let random = forecourt_base::SeededRandom::new(5);
    let result = transact(&deployment.engine, Some(&huadong()), &random, async |tx| {
        attempts += 1;
        deployment.auth.reauthenticate(tx, &session.principal).await?;
        tx.put(&notes(), b"a", "1", Vec::new()).await?;
        if attempts == 1 {
            deployment.auth.disable_user(acting(&admin), Some(&huadong()), &user("li.wei")).await?;
        }
        Ok::<_, AuthError>(())
    })
    .await;
    assert!(matches!(result, Err(AuthError::SessionEnded)));
    assert_eq!(attempts, 2);
    assert_eq!(deployment.begin(Mode::ReadOnly).get(&notes(), b"a").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_a_revocation_at_once_end_in_order() {
    for _ in 0..20 {
        let (deployment, session) = begun_with_advisor().await;
        let (auth, principal) = (Arc::clone(&deployment.auth), Arc::clone(&session.principal));
        let call = tokio::spawn(async move {
            let (group, notes, mut done) = (huadong(), notes(), 0_u32);
            while done < 100_000 {
                let one = transaction!(&auth, ReadWrite, Some(&group), |tx| {
                    auth.reauthenticate(tx, &principal).await?;
                    tx.put(&notes, &done.to_be_bytes(), "1", Vec::new()).await?;
                    Ok(())
                });
                match one {
                    Ok(()) => done += 1,
                    Err(error) => return (done, error),
                }
            }
            panic!("the revocation was never seen");
        });
        deployment.auth.sign_out(&session.token, REQUEST).await.unwrap();
        let mut tx = deployment.begin(Mode::ReadOnly);
        let seen = tx.scan(&notes(), &KeyRange::all(), Direction::Forward, 100_000).await.unwrap().items.len();
        let (done, error) = call.await.unwrap();
        assert!(matches!(error, AuthError::SessionEnded), "{error}");
        assert_eq!(seen, done as usize, "no call commits once the revocation was answered");
    }
}

#[tokio::test]
async fn a_password_that_changed_while_its_hash_was_computed_opens_nothing() {
    let (deployment, _) = begun_with_advisor().await;
    let (admin, li, own) = (deployment.principal("admin").await, user("li.wei"), Some(huadong()));
    let load = async || load_user(&mut deployment.begin(Mode::ReadOnly), own.as_ref(), Some(&li)).await.unwrap();
    let checked = load().await.unwrap();
    let candidate = Candidate { group: own.clone(), record: Some(checked.clone()), group_needed: false };
    let request = SignIn { group: own.clone(), user: "li.wei", password: PASSWORD, address: HOME, request_id: REQUEST };
    assert!(deployment.auth.open_session(&candidate, &checked, (&request, None)).await.is_ok());
    let change = PasswordChange { user: &li, current: None, new: "another long one" };
    deployment.auth.set_password(acting(&admin), own.as_ref(), &change).await.unwrap();
    let late = deployment.auth.open_session(&candidate, &checked, (&request, None)).await;
    assert!(matches!(late, Err(AuthError::BadCredentials)));
    let checked = load().await.unwrap();
    deployment.auth.disable_user(acting(&admin), own.as_ref(), &li).await.unwrap();
    let late = deployment.auth.open_session(&candidate, &checked, (&request, None)).await;
    assert!(matches!(late, Err(AuthError::BadCredentials)));
}
