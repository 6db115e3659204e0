use super::*;

#[tokio::test]
async fn a_group_can_not_lose_its_last_admin() {
    let deployment = Deployment::begun().await;
    let (admin, auth, own) = (deployment.principal("admin").await, &deployment.auth, Some(huadong()));
    let me = user("admin");
    let disabled = auth.disable_user(acting(&admin), own.as_ref(), &me).await.unwrap_err();
    assert!(matches!(disabled, AuthError::LastAdmin { .. }));
    assert_eq!(
        disabled.to_string(),
        "`huadong` would be left without a `group-admin`: give another user the role first"
    );
    let demoted = auth.assign_roles(acting(&admin), own.as_ref(), &me, &given("tech@bj01"), &[]).await;
    assert!(matches!(demoted, Err(AuthError::LastAdmin { .. })));
    deployment.person("second", "group-admin@*").await;
    auth.disable_user(acting(&admin), own.as_ref(), &user("second")).await.unwrap();
    let still = auth.disable_user(acting(&admin), own.as_ref(), &me).await;
    assert!(matches!(still, Err(AuthError::LastAdmin { .. })), "a disabled admin does not count");
    auth.enable_user(acting(&admin), own.as_ref(), &user("second")).await.unwrap();
    auth.disable_user(acting(&admin), own.as_ref(), &me).await.unwrap();
}

#[tokio::test]
async fn the_deployment_can_not_lose_its_last_admin() {
    let deployment = Deployment::begun().await;
    let root = deployment.principal("root").await;
    let disabled = deployment.auth.disable_user(acting(&root), None, &user("root")).await;
    assert!(matches!(disabled, Err(AuthError::LastAdmin { role: "deployment-admin", .. })));
    deployment.auth.create_user(acting(&root), None, &new_user("second", "deployment-admin@*")).await.unwrap();
    deployment.auth.disable_user(acting(&root), None, &user("root")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_can_not_disable_each_other_at_once() {
    for _ in 0..20 {
        let deployment = Deployment::begun().await;
        let second = deployment.person("second", "group-admin@*").await.principal;
        let first = deployment.principal("admin").await;
        let disable = |principal: Arc<Principal>, other: &'static str| {
            let auth = Arc::clone(&deployment.auth);
            tokio::spawn(async move { auth.disable_user(acting(&principal), Some(&huadong()), &user(other)).await })
        };
        let results = [disable(first, "second"), disable(second, "admin")];
        let mut done = 0;
        for result in results {
            match result.await.unwrap() {
                Ok(_) => done += 1,
                Err(error) => {
                    assert!(matches!(error, AuthError::SessionEnded | AuthError::LastAdmin { .. }), "{error}")
                }
            }
        }
        assert_eq!(done, 1);
    }
}

#[tokio::test]
async fn what_belongs_to_the_deployment_is_not_a_groups_to_give() {
    let deployment = Deployment::begun().await;
    let (admin, auth, own) = (deployment.principal("admin").await, &deployment.auth, Some(huadong()));
    let reserved = auth.create_user(acting(&admin), own.as_ref(), &new_user("li", "deployment-admin@*")).await;
    assert!(matches!(reserved, Err(AuthError::ReservedRole { .. })));
    let made = auth.create_role(acting(&admin), &huadong(), &role("deployment-admin"), &Names::new()).await;
    assert!(matches!(made, Err(AuthError::ReservedRole { .. })));
    let foreign = auth.create_user(acting(&admin), None, &new_user("li", "deployment-admin@*")).await;
    assert!(matches!(foreign, Err(AuthError::Denied { .. })));
    let root = deployment.principal("root").await;
    let other = user("admin");
    let change = PasswordChange { user: &other, current: None, new: "another long one" };
    let into = auth.set_password(acting(&root), own.as_ref(), &change).await;
    assert!(matches!(into, Err(AuthError::Denied { .. })));
}

#[tokio::test]
async fn names_of_the_deployments_users_are_not_given_again() {
    let deployment = Deployment::begun().await;
    let (admin, root) = (deployment.principal("admin").await, deployment.principal("root").await);
    let auth = &deployment.auth;
    let taken = auth.create_user(acting(&admin), Some(&huadong()), &new_user("root", "tech@bj01")).await;
    assert!(matches!(taken, Err(AuthError::Exists { what: "user", .. })));
    let taken = auth.create_user(acting(&root), None, &new_user("admin", "deployment-admin@*")).await;
    assert!(matches!(taken, Err(AuthError::Exists { what: "user", .. })));
}

#[tokio::test]
async fn refused_fields_are_named() {
    let deployment = Deployment::begun().await;
    let (admin, auth, own) = (deployment.principal("admin").await, &deployment.auth, Some(huadong()));
    let create = async |change: &dyn Fn(&mut NewUser)| {
        let mut new = new_user("li.wei", "advisor@bj01");
        change(&mut new);
        auth.create_user(acting(&admin), own.as_ref(), &new).await.unwrap_err().to_string()
    };
    type Spoil<'a> = &'a dyn Fn(&mut NewUser);
    let beginning: [(Spoil<'_>, &str); 9] = [
        (&|new| new.password = "short".into(), "`password` must have at least 10"),
        (&|new| new.name = " ".into(), "`name` must have 1 to 80"),
        (&|new| new.departments = vec!["Workshop".into()], "`departments` have `Workshop`"),
        (&|new| new.roles = given("valet@bj01"), "role `valet` is not known"),
        (&|new| new.roles = given("advisor@xx09"), "store `xx09` is not known"),
        (&|new| new.roles = given("customer@bj01"), "`roles` can't have `customer`"),
        (&|new| new.roles = given("group-admin@bj01"), "`roles` must give `group-admin` for the whole group"),
        (&|new| new.roles = vec![given("tech@bj01").remove(0); 257], "`roles` must be at most 256"),
        (&|new| new.id = user("admin"), "user `admin` exists already"),
    ];
    for (change, expected) in beginning {
        let error = create(change).await;
        assert!(error.starts_with(expected), "{error}");
    }
    let mut zone = new_store("gz01");
    zone.time_zone = Some("Asia/Beijing".to_owned());
    let error = auth.create_store(acting(&admin), &huadong(), &zone).await.unwrap_err().to_string();
    assert!(error.starts_with("`time_zone` is `Asia/Beijing`"), "{error}");
    let taken = auth.create_store(acting(&admin), &huadong(), &new_store("bj01")).await;
    assert!(matches!(taken, Err(AuthError::Exists { what: "store", .. })));
    let gone = auth.disable_user(acting(&admin), own.as_ref(), &user("nobody")).await;
    assert!(matches!(gone, Err(AuthError::Unknown { what: "user", .. })));
}

#[tokio::test]
async fn users_change_their_own_password_with_the_one_they_have() {
    let deployment = Deployment::begun().await;
    let session = deployment.person("li.wei", "advisor@bj01").await;
    let (auth, li, own) = (&deployment.auth, user("li.wei"), Some(huadong()));
    let change = async |current, new| {
        let change = PasswordChange { user: &li, current, new };
        auth.set_password(acting(&session.principal), own.as_ref(), &change).await
    };
    let needed = change(None, "another long one").await.unwrap_err();
    assert_eq!(needed.to_string(), "`current` is needed to change your own password");
    let weak = change(Some(PASSWORD), "short").await;
    assert!(matches!(weak, Err(AuthError::Invalid { field: "password", .. })));
    for _ in 0..forecourt_base::limits::SIGN_IN_FAILURES {
        let wrong = change(Some("wrong password"), "another long one").await;
        assert!(matches!(wrong, Err(AuthError::Invalid { field: "current", .. })));
    }
    assert!(matches!(change(Some(PASSWORD), "another long one").await, Err(AuthError::Throttled { .. })));
    assert!(deployment.try_sign_in("li.wei", PASSWORD).await.is_ok(), "the owner can still sign in");
    deployment.clock.advance_millis(900_000);
    change(Some(PASSWORD), "another long one").await.unwrap();
    assert!(matches!(auth.authenticate(&session.token).await, Err(AuthError::SessionEnded)));
    assert!(deployment.try_sign_in("li.wei", "another long one").await.is_ok());
}

#[tokio::test]
async fn sessions_are_revoked_by_admins_and_by_their_own_user() {
    let deployment = Deployment::begun().await;
    let (admin, auth, own) = (deployment.principal("admin").await, &deployment.auth, Some(huadong()));
    let first = deployment.person("li.wei", "advisor@bj01").await;
    let second = deployment.sign_in("li.wei").await;
    assert_eq!(auth.revoke_sessions(acting(&admin), own.as_ref(), &user("li.wei")).await.unwrap(), 2);
    for session in [&first, &second] {
        assert!(matches!(auth.authenticate(&session.token).await, Err(AuthError::SessionEnded)));
    }
    let third = deployment.sign_in("li.wei").await.principal;
    let other = auth.revoke_sessions(acting(&third), own.as_ref(), &user("admin")).await;
    assert!(matches!(other, Err(AuthError::Denied { .. })));
    assert_eq!(auth.revoke_sessions(acting(&third), own.as_ref(), &user("li.wei")).await.unwrap(), 1);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let deployment = Deployment::begun().await;
    let (admin, auth, own) = (deployment.principal("admin").await, &deployment.auth, Some(huadong()));
    for n in 0..5 {
        auth.create_user(acting(&admin), own.as_ref(), &new_user(&format!("u{n}"), "")).await.unwrap();
    }
    let (mut page, mut names) = (PageRequest { after: None, limit: Some(2) }, Vec::new());
    loop {
        let part = auth.list_users(acting(&admin), own.as_ref(), &page).await.unwrap();
        assert!(part.items.len() <= 2);
        names.extend(part.items.into_iter().map(|user| user.id.to_string()));
        match part.next {
            None => break,
            next => page.after = next,
        }
    }
    assert_eq!(names, ["admin", "u0", "u1", "u2", "u3", "u4"]);
    for (after, limit, field) in
        [(None, Some(0), "limit"), (None, Some(201), "limit"), (Some("?"), None, "after"), (Some(""), None, "after")]
    {
        let page = PageRequest { after: after.map(str::to_owned), limit };
        let error = auth.list_users(acting(&admin), own.as_ref(), &page).await.unwrap_err();
        assert!(matches!(error, AuthError::Invalid { field: named, .. } if named == field), "{error}");
    }
}

#[tokio::test]
async fn a_deployment_begins_once() {
    let deployment = Deployment::empty();
    assert!(!deployment.auth.is_bootstrapped().await.unwrap());
    let mut bootstrap = crate::Bootstrap { group: new_group("huadong"), admin: first("admin"), deployment_admin: None };
    bootstrap.admin.password = "short".to_owned();
    let weak = deployment.auth.bootstrap(&bootstrap, REQUEST).await;
    assert!(matches!(weak, Err(AuthError::Invalid { field: "password", .. })));
    assert!(!deployment.auth.is_bootstrapped().await.unwrap());
    bootstrap.admin = first("admin");
    bootstrap.deployment_admin = Some(first("admin"));
    let twice = deployment.auth.bootstrap(&bootstrap, REQUEST).await;
    assert!(matches!(twice, Err(AuthError::Exists { what: "user", .. })));
    bootstrap.deployment_admin = None;
    deployment.auth.bootstrap(&bootstrap, REQUEST).await.unwrap();
    assert!(deployment.auth.is_bootstrapped().await.unwrap());
    let runs = deployment.auth.argon2_runs();
    let again = deployment.auth.bootstrap(&bootstrap, REQUEST).await;
    assert!(matches!(again, Err(AuthError::Exists { what: "deployment", .. })));
    assert_eq!(deployment.auth.argon2_runs(), runs);
    assert!(deployment.principal("admin").await.holds("group-admin", None));
}
