use std::sync::Arc;

use forecourt_base::{Area, OperationPath};
use forecourt_storage::Mode;

use super::*;
use crate::audit::{AuditFilter, OutcomeKind};
use crate::testing::*;
use crate::{Decision, DenyReason, Grant, Kind, Names, PasswordChange};

mod actions;
mod roles;

async fn trail(deployment: &Deployment, filter: AuditFilter) -> Vec<AuditEntry> {
    deployment.auth.write_denials().await.unwrap();
    let scope = Scope::group(huadong());
    audit::page(&mut deployment.begin(Mode::ReadOnly), Some(&scope), &filter, &PageRequest::default())
        .await
        .unwrap()
        .items
}

/// Every administrative action once, each in the group `huadong`.
async fn every_action(deployment: &Deployment, principal: &Principal) -> Vec<(&'static str, Result<(), AuthError>)> {
    let (auth, acting, group, li) = (&deployment.auth, acting(principal), huadong(), user("li.wei"));
    let page = PageRequest::default();
    let change = PasswordChange { user: &li, current: None, new: "another long one" };
    let scope = Scope::group(group.clone());
    let own = Some(&group);
    vec![
        ("create-store", auth.create_store(acting, &group, &new_store("gz01")).await.map(drop)),
        ("create-user", auth.create_user(acting, own, &new_user("zhao", "tech@bj01")).await.map(drop)),
        ("list-users", auth.list_users(acting, own, &page).await.map(drop)),
        ("get-user", auth.user(acting, own, &li).await.map(drop)),
        ("disable-user", auth.disable_user(acting, own, &li).await.map(drop)),
        ("enable-user", auth.enable_user(acting, own, &li).await.map(drop)),
        ("assign-roles", auth.assign_roles(acting, own, &li, &given("qc@bj01"), &[]).await.map(drop)),
        ("set-password", auth.set_password(acting, own, &change).await),
        ("revoke-sessions", auth.revoke_sessions(acting, own, &li).await.map(drop)),
        ("create-role", auth.create_role(acting, &group, &role("valet"), &Names::new()).await.map(drop)),
        ("list-roles", auth.list_roles(acting, &group, &page).await.map(drop)),
        ("set-role-grants", auth.set_role_grants(acting, &group, &role("tech"), &[], &[]).await.map(drop)),
        ("read-audit", auth.audit_page(acting, Some(&scope), &AuditFilter::default(), &page).await.map(drop)),
    ]
}

const READS: [&str; 4] = ["list-users", "get-user", "list-roles", "read-audit"];

#[tokio::test]
async fn a_group_admin_may_do_everything_in_the_group() {
    let deployment = Deployment::begun().await;
    deployment.person("li.wei", "advisor@bj01").await;
    let admin = deployment.principal("admin").await;
    for (action, result) in every_action(&deployment, &admin).await {
        assert!(result.is_ok(), "{action}: {result:?}");
    }
    let done = trail(&deployment, AuditFilter { outcome: Some(OutcomeKind::Done), ..AuditFilter::default() }).await;
    for (action, _) in every_action(&deployment, &admin).await.iter().filter(|(action, _)| !READS.contains(action)) {
        assert!(done.iter().any(|entry| entry.action == *action), "{action}");
    }
}

#[tokio::test]
async fn others_are_refused_and_the_refusal_is_audited() {
    let deployment = Deployment::begun().await;
    deployment.person("li.wei", "advisor@bj01").await;
    let root = deployment.principal("root").await;
    deployment.auth.create_group(acting(&root), &new_group("huabei"), &first("boss")).await.unwrap();
    let request = crate::SignIn {
        group: Some(group("huabei")),
        user: "boss",
        password: PASSWORD,
        address: HOME,
        request_id: REQUEST,
    };
    let stranger = deployment.auth.sign_in(request).await.unwrap().principal;
    let mut refused = vec![(stranger, DenyReason::OtherGroup), (root, DenyReason::OtherGroup)];
    for (id, roles, reason) in [
        ("wang.fang", "advisor@bj01", DenyReason::NotMember),
        ("nobody", "", DenyReason::NotMember),
        ("operator", "operator@*", DenyReason::NoGrant),
        ("manager", "store_manager@*", DenyReason::NoGrant),
    ] {
        refused.push((deployment.person(id, roles).await.principal, reason));
    }
    for (principal, expected) in refused {
        for (action, result) in every_action(&deployment, &principal).await {
            match result {
                Err(AuthError::Denied { reason, .. }) => assert_eq!(reason, expected, "{principal:?} {action}"),
                other => panic!("{principal:?} {action}: {other:?}"),
            }
        }
        if principal.group == Some(huadong()) {
            let filter = AuditFilter { user: Some(principal.user.clone()), ..AuditFilter::default() };
            let denied = trail(&deployment, AuditFilter { outcome: Some(OutcomeKind::Denied), ..filter }).await;
            let count = |entry: &AuditEntry| entry.repeated.as_ref().map_or(1, |repeated| repeated.count);
            assert_eq!(denied.iter().map(count).sum::<u64>(), 13);
            assert!(denied.iter().all(|entry| entry.outcome == Outcome::Denied(expected.code().to_owned())));
        }
    }
    for stranger in ["boss", "root"] {
        let rows = trail(&deployment, AuditFilter { user: Some(user(stranger)), ..AuditFilter::default() }).await;
        assert!(rows.is_empty(), "{stranger} writes into the trail of another group");
    }
}

#[tokio::test]
async fn an_auditor_reads_and_changes_nothing() {
    let deployment = Deployment::begun().await;
    deployment.person("li.wei", "advisor@bj01").await;
    let auditor = deployment.person("audit", "auditor@*").await.principal;
    for (action, result) in every_action(&deployment, &auditor).await {
        assert_eq!(result.is_ok(), READS.contains(&action), "{action}: {result:?}");
    }
}

#[tokio::test]
async fn an_ended_session_may_do_nothing_and_leaves_no_row() {
    let deployment = Deployment::begun().await;
    let session = deployment.sign_in("admin").await;
    deployment.auth.sign_out(&session.token, REQUEST).await.unwrap();
    let before = trail(&deployment, AuditFilter::default()).await.len();
    for (action, result) in every_action(&deployment, &session.principal).await {
        assert!(matches!(result, Err(AuthError::SessionEnded)), "{action}: {result:?}");
    }
    assert_eq!(trail(&deployment, AuditFilter::default()).await.len(), before);
}

#[tokio::test]
async fn rights_follow_the_scope_of_their_role() {
    let deployment = Deployment::begun().await;
    let operator = deployment.person("operator", "operator@bj01 auditor@sh01").await.principal;
    let authorise = async |right, store_id: Option<&str>| {
        let scope = Scope { group: huadong(), store: store_id.map(store) };
        deployment.auth.authorise(&mut deployment.begin(Mode::ReadOnly), &operator, right, &scope).await
    };
    assert!(authorise(AdminRight::Operate, Some("bj01")).await.is_ok());
    assert!(authorise(AdminRight::ReadAudit, Some("sh01")).await.is_ok());
    assert!(authorise(AdminRight::Belong, None).await.is_ok());
    for (right, at) in [
        (AdminRight::Operate, Some("sh01")),
        (AdminRight::Operate, None),
        (AdminRight::ReadAudit, Some("bj01")),
        (AdminRight::Administer, Some("bj01")),
        (AdminRight::Deployment, Some("bj01")),
        (AdminRight::Operate, Some("xx09")),
    ] {
        assert!(matches!(authorise(right, at).await, Err(AuthError::Denied { .. })), "{right:?} {at:?}");
    }
    let admin = deployment.principal("admin").await;
    let scope = Scope::store(huadong(), store("xx09"));
    let mut tx = deployment.begin(Mode::ReadOnly);
    let refused = deployment.auth.authorise(&mut tx, &admin, AdminRight::Operate, &scope);
    assert_eq!(
        refused.await.unwrap_err().to_string(),
        "`operate` in `huadong/xx09` is refused: the group has no such store"
    );
}

#[tokio::test]
async fn only_deployment_admins_make_groups() {
    let deployment = Deployment::begun().await;
    let (root, admin) = (deployment.principal("root").await, deployment.principal("admin").await);
    let auth = &deployment.auth;
    let refused = auth.create_group(acting(&admin), &new_group("huabei"), &first("boss")).await;
    assert!(matches!(refused, Err(AuthError::Denied { reason: DenyReason::OtherGroup, .. })));
    auth.create_group(acting(&root), &new_group("huabei"), &first("boss")).await.unwrap();
    let again = auth.create_group(acting(&root), &new_group("huabei"), &first("boss")).await;
    assert!(matches!(again, Err(AuthError::Exists { what: "group", .. })));
    let ids = async |principal: &Principal| {
        let page = auth.list_groups(acting(principal), &PageRequest::default()).await.unwrap();
        page.items.into_iter().map(|group| group.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&root).await, ["huabei", "huadong"]);
    assert_eq!(ids(&admin).await, ["huadong"]);
    let li = deployment.person("li.wei", "advisor@bj01").await.principal;
    let stores = auth.list_stores(acting(&li), &huadong(), &PageRequest::default()).await.unwrap();
    assert_eq!(stores.items.iter().map(|store| store.id.as_str()).collect::<Vec<_>>(), ["bj01", "sh01"]);
    let foreign = auth.list_stores(acting(&li), &group("huabei"), &PageRequest::default()).await;
    assert!(matches!(foreign, Err(AuthError::Denied { reason: DenyReason::OtherGroup, .. })));
}

#[tokio::test]
async fn a_failed_action_leaves_its_row_and_nothing_else() {
    let deployment = Deployment::begun().await;
    let admin = deployment.principal("admin").await;
    let own = Some(huadong());
    let result = deployment.auth.create_user(acting(&admin), own.as_ref(), &new_user("li.wei", "tech@xx09")).await;
    assert!(matches!(result, Err(AuthError::Unknown { what: "store", .. })));
    let failed = trail(&deployment, AuditFilter { outcome: Some(OutcomeKind::Failed), ..AuditFilter::default() }).await;
    assert_eq!(failed[0].outcome, Outcome::Failed("unknown".to_owned()));
    assert_eq!(failed[0].action, "create-user");
    let missing = deployment.auth.user(acting(&admin), own.as_ref(), &user("li.wei")).await;
    assert!(matches!(missing, Err(AuthError::Unknown { what: "user", .. })));
}

#[tokio::test]
async fn rows_name_what_was_written_and_nothing_personal() {
    let deployment = Deployment::begun().await;
    deployment.person("li.wei", "advisor@bj01 qc@*").await;
    let rows =
        trail(&deployment, AuditFilter { action: Some("create-user".to_owned()), ..AuditFilter::default() }).await;
    assert_eq!(rows[0].note, "advisor@bj01 qc@*");
    assert_eq!((rows[0].records[0].collection.as_str(), rows[0].records[0].key.as_str()), ("users", "li.wei"));
    assert_eq!(rows[0].records[0].digest.as_ref().unwrap().len(), 32);
    let text = serde_json::to_string(&rows).unwrap();
    assert!(!text.contains("李伟") && !text.contains("argon2"), "{text}");
}

#[test]
fn what_holds_a_password_does_not_show_it() {
    let change = PasswordChange { user: &user("li.wei"), current: Some(PASSWORD), new: PASSWORD };
    let shown = format!("{:?} {:?} {change:?}", new_user("li.wei", ""), first("li.wei"));
    assert!(!shown.contains(PASSWORD) && !shown.contains("李伟"), "{shown}");
}

/// The callers are tasks that move between threads. Nothing runs here: that it compiles is the proof.
#[tokio::test]
async fn every_future_may_move_between_threads() {
    fn send<T: Send>(_: T) {}
    let deployment = Deployment::begun().await;
    let (auth, admin) = (&deployment.auth, deployment.principal("admin").await);
    let (acting, group, li, page) = (acting(&admin), huadong(), user("li.wei"), PageRequest::default());
    let (own, names, filter) = (Some(&group), Names::new(), AuditFilter::default());
    let change = PasswordChange { user: &li, current: None, new: "" };
    send(every_action(&deployment, &admin));
    send(auth.set_password(acting, own, &change));
    send(auth.create_role(acting, &group, &role("valet"), &names));
    send(auth.create_group(acting, &new_group("huabei"), &first("boss")));
    send(auth.list_groups(acting, &page));
    send(auth.list_stores(acting, &group, &page));
    send(auth.audit_page(acting, None, &filter, &page));
    send(auth.authenticate(""));
    send(auth.sign_out("", ""));
    send(auth.sign_in(crate::SignIn { group: None, user: "", password: "", address: HOME, request_id: "" }));
    let mut tx = deployment.begin(Mode::ReadWrite);
    send(auth.apply_role_defaults(&mut tx, &group, &"repair".parse().unwrap(), &[], &[]));
    send(auth.authorise(&mut tx, &admin, AdminRight::Operate, &bj01()));
    send(auth.refresh(&mut tx, &admin));
    send(auth.policy(&mut tx, &group));
    let bootstrap = crate::Bootstrap { group: new_group("x"), admin: first("x"), deployment_admin: None };
    send(auth.bootstrap(&bootstrap, ""));
}
