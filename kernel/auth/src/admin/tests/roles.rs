use super::*;

fn path(text: &str) -> OperationPath {
    text.parse().unwrap()
}

fn approve() -> Grant {
    Grant::operation(&path("repair/orders/approve"))
}

async fn decide(deployment: &Deployment, principal: &Principal, operation: &str) -> Decision {
    let policy = deployment.auth.policy(&mut deployment.begin(Mode::ReadOnly), &huadong()).await.unwrap();
    policy.decide(principal, &path(operation), true, &bj01())
}

#[tokio::test]
async fn grants_take_effect_at_once_in_both_directions() {
    let deployment = Deployment::begun().await;
    let (admin, auth) = (deployment.principal("admin").await, &deployment.auth);
    let advisor = deployment.person("li.wei", "advisor@bj01").await.principal;
    let operation = "repair/orders/approve";
    assert_eq!(decide(&deployment, &advisor, operation).await, Decision::Deny(DenyReason::NoGrant));
    assert_eq!(decide(&deployment, &admin, operation).await, Decision::Allow);
    let set = async |grants: &[Grant]| {
        auth.set_role_grants(acting(&admin), &huadong(), &role("advisor"), grants, &["repair.discount".to_owned()])
            .await
    };
    let stored = set(&[approve(), approve()]).await.unwrap();
    assert_eq!(stored.grants, [approve()]);
    assert_eq!(decide(&deployment, &advisor, operation).await, Decision::Allow);
    assert!(auth.reauthenticate(&mut deployment.begin(Mode::ReadOnly), &advisor).await.is_ok());
    set(&[]).await.unwrap();
    assert_eq!(decide(&deployment, &advisor, operation).await, Decision::Deny(DenyReason::NoGrant));
}

#[tokio::test]
async fn own_roles_are_made_and_granted() {
    let deployment = Deployment::begun().await;
    let (admin, auth) = (deployment.principal("admin").await, &deployment.auth);
    let names = Names::from([("zh-CN".to_owned(), "洗车工".to_owned())]);
    let made = auth.create_role(acting(&admin), &huadong(), &role("valet"), &names).await.unwrap();
    assert!(!made.built_in);
    let again = auth.create_role(acting(&admin), &huadong(), &role("valet"), &names).await;
    assert!(matches!(again, Err(AuthError::Exists { what: "role", .. })));
    let whole = Grant { area: Area::new("wash").unwrap(), interface: None, operation: None, kind: Kind::Any };
    auth.set_role_grants(acting(&admin), &huadong(), &role("valet"), &[whole], &[]).await.unwrap();
    let valet = deployment.person("zhao", "valet@bj01").await.principal;
    assert_eq!(decide(&deployment, &valet, "wash/bays/take").await, Decision::Allow);
    let page = PageRequest { after: None, limit: Some(200) };
    let roles = auth.list_roles(acting(&admin), &huadong(), &page).await.unwrap();
    assert_eq!(roles.items.len(), crate::role::built_in().count() + 1);
    assert_eq!(roles.items.iter().filter(|role| role.fixed()).count(), 2);
}

#[tokio::test]
async fn grants_that_are_none_are_refused() {
    let deployment = Deployment::begun().await;
    let (admin, auth) = (deployment.principal("admin").await, &deployment.auth);
    let set = async |name: &str, grants: &[Grant], powers: &[&str]| {
        let powers: Vec<_> = powers.iter().map(|power| (*power).to_owned()).collect();
        auth.set_role_grants(acting(&admin), &huadong(), &role(name), grants, &powers).await.unwrap_err()
    };
    for name in ["group-admin", "auditor"] {
        assert!(matches!(set(name, &[], &[]).await, AuthError::FixedRole { .. }));
    }
    assert!(matches!(set("valet", &[], &[]).await, AuthError::Unknown { what: "role", .. }));
    let operation_alone = Grant { interface: None, ..approve() };
    assert!(matches!(set("tech", &[operation_alone], &[]).await, AuthError::Invalid { field: "grants", .. }));
    assert!(matches!(set("tech", &vec![approve(); 4_097], &[]).await, AuthError::Invalid { field: "grants", .. }));
    assert!(matches!(set("tech", &[], &["no power"]).await, AuthError::Invalid { field: "powers", .. }));
}

#[tokio::test]
async fn a_change_that_was_not_committed_is_not_served_from_the_cache() {
    let deployment = Deployment::begun().await;
    let (auth, group, plugin) = (&deployment.auth, huadong(), "repair".parse().unwrap());
    let advisor = deployment.person("li.wei", "advisor@bj01").await.principal;
    let defaults = [(path("repair/orders/approve"), vec![role("advisor")])];
    let mut lost = deployment.begin(Mode::ReadWrite);
    auth.apply_role_defaults(&mut lost, &group, &plugin, &defaults, &[]).await.unwrap();
    let seen = auth.policy(&mut lost, &group).await.unwrap();
    assert!(seen.decide(&advisor, &defaults[0].0, true, &bj01()).is_allowed(), "the transaction sees its own change");
    drop(lost);
    assert!(!decide(&deployment, &advisor, "repair/orders/approve").await.is_allowed());
    let admin = deployment.principal("admin").await;
    auth.set_role_grants(acting(&admin), &group, &role("tech"), &[], &[]).await.unwrap();
    assert!(!decide(&deployment, &advisor, "repair/orders/approve").await.is_allowed());
}

#[tokio::test]
async fn an_unchanged_policy_is_compiled_once() {
    let deployment = Deployment::begun().await;
    let policy = async || deployment.auth.policy(&mut deployment.begin(Mode::ReadOnly), &huadong()).await.unwrap();
    let first = policy().await;
    assert!(Arc::ptr_eq(&first, &policy().await));
    assert_eq!(first.store(&store("bj01")).unwrap().time_zone, "Asia/Shanghai");
    let unknown = deployment.auth.policy(&mut deployment.begin(Mode::ReadOnly), &group("made-up")).await.unwrap();
    assert!(unknown.store(&store("bj01")).is_none());
    assert_eq!(deployment.auth.policies.read().unwrap().len(), 1);
}

#[tokio::test]
async fn a_role_is_shown_with_who_holds_it_and_deleted_when_nobody_does() {
    let deployment = Deployment::begun().await;
    let admin = deployment.principal("admin").await;
    let (auth, group, valet) = (&deployment.auth, huadong(), role("valet"));
    auth.create_role(acting(&admin), &group, &valet, &Names::new()).await.unwrap();
    deployment.person("li.wei", "valet@bj01 tech@sh01").await;
    deployment.person("wang.fang", "tech@bj01").await;
    assert_eq!(auth.role(acting(&admin), &group, &valet).await.unwrap().name, valet);
    let page = PageRequest { after: None, limit: Some(2) };
    let first = auth.role_holders(acting(&admin), &group, &valet, &page).await.unwrap();
    let ids = |page: &Page<crate::User>| page.items.iter().map(|user| user.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["li.wei"]);
    let rest = PageRequest { after: first.next, limit: None };
    assert!(ids(&auth.role_holders(acting(&admin), &group, &valet, &rest).await.unwrap()).is_empty());
    let held = auth.delete_role(acting(&admin), &group, &valet).await;
    assert!(matches!(held, Err(AuthError::RoleHeld { user, .. }) if user.as_str() == "li.wei"));
    auth.assign_roles(acting(&admin), Some(&group), &user("li.wei"), &given("tech@sh01"), &[]).await.unwrap();
    auth.delete_role(acting(&admin), &group, &valet).await.unwrap();
    for gone in [
        auth.role(acting(&admin), &group, &valet).await.map(drop),
        auth.role_holders(acting(&admin), &group, &valet, &page).await.map(drop),
        auth.delete_role(acting(&admin), &group, &valet).await,
    ] {
        assert!(matches!(gone, Err(AuthError::Unknown { what: "role", .. })), "{gone:?}");
    }
    let built_in = auth.delete_role(acting(&admin), &group, &role("tech")).await;
    assert!(matches!(built_in, Err(AuthError::BuiltInRole { .. })));
}
