use super::*;
use crate::testing::*;
use crate::{NewApiKey, PasswordChange};

const NEXT: &str = "a quite different one";

async fn issue(deployment: &Deployment, whose: &str) -> PasswordReset {
    let admin = deployment.principal("admin").await;
    deployment.auth.issue_password_reset(acting(&admin), Some(&huadong()), &user(whose)).await.unwrap()
}

async fn reset(deployment: &Deployment, token: &str, password: &str) -> Result<(), AuthError> {
    deployment.auth.reset_password(token, password, HOME, REQUEST).await
}

#[tokio::test]
async fn a_reset_sets_a_password_once_and_ends_what_was_open() {
    let deployment = Deployment::begun().await;
    let li = deployment.person("li.wei", "advisor@bj01").await;
    let auth = &deployment.auth;
    let key = NewApiKey { name: "till".to_owned(), roles: None, expires: None };
    let key = auth.create_api_key(acting(&li.principal), Some(&huadong()), &user("li.wei"), &key).await.unwrap();
    let earlier = issue(&deployment, "li.wei").await;
    let issued = issue(&deployment, "li.wei").await;
    assert!(!format!("{issued:?}").contains(&issued.token));
    assert!(
        matches!(reset(&deployment, &earlier.token, NEXT).await, Err(AuthError::TokenRefused)),
        "a later one is there"
    );
    let short = reset(&deployment, &issued.token, "short").await;
    assert!(matches!(short, Err(AuthError::Invalid { field: "password", .. })), "and the token stays good: {short:?}");
    assert!(auth.authenticate(&li.token).await.is_ok());
    reset(&deployment, &issued.token, NEXT).await.unwrap();
    assert!(matches!(reset(&deployment, &issued.token, NEXT).await, Err(AuthError::TokenRefused)));
    for ended in [&li.token, &key.secret] {
        assert!(matches!(auth.authenticate(ended).await, Err(AuthError::SessionEnded)));
    }
    assert!(deployment.try_sign_in("li.wei", PASSWORD).await.is_err());
    assert!(deployment.try_sign_in("li.wei", NEXT).await.is_ok());
}

#[tokio::test]
async fn resets_that_are_not_good_are_refused_alike_and_slowed_down() {
    let deployment = Deployment::begun().await;
    deployment.person("li.wei", "advisor@bj01").await;
    let admin = deployment.principal("admin").await;
    let (auth, own, li) = (&deployment.auth, Some(huadong()), user("li.wei"));
    let disabled = issue(&deployment, "li.wei").await;
    auth.disable_user(acting(&admin), own.as_ref(), &li).await.unwrap();
    assert!(matches!(reset(&deployment, &disabled.token, NEXT).await, Err(AuthError::TokenRefused)));
    auth.enable_user(acting(&admin), own.as_ref(), &li).await.unwrap();
    let outdated = issue(&deployment, "li.wei").await;
    let change = PasswordChange { user: &li, current: None, new: "some third one 42" };
    auth.set_password(acting(&admin), own.as_ref(), &change).await.unwrap();
    assert!(matches!(reset(&deployment, &outdated.token, NEXT).await, Err(AuthError::TokenRefused)));
    let expired = issue(&deployment, "li.wei").await;
    deployment.clock.set(expired.expires);
    assert!(matches!(reset(&deployment, &expired.token, NEXT).await, Err(AuthError::TokenRefused)));
    let session = deployment.sign_in("admin").await;
    for none in ["", "x", &"A".repeat(43), &session.token] {
        assert!(matches!(reset(&deployment, none, NEXT).await, Err(AuthError::TokenRefused)), "{none}");
    }
    let good = issue(&deployment, "li.wei").await;
    while !matches!(reset(&deployment, "x", NEXT).await, Err(AuthError::Throttled { .. })) {}
    assert!(matches!(reset(&deployment, &good.token, NEXT).await, Err(AuthError::Throttled { .. })));
    auth.reset_password(&good.token, NEXT, [192, 0, 2, 9].into(), REQUEST).await.unwrap();
}

#[tokio::test]
async fn only_admins_issue_resets() {
    let deployment = Deployment::begun().await;
    let li = deployment.person("li.wei", "advisor@bj01 auditor@*").await.principal;
    let refused = deployment.auth.issue_password_reset(acting(&li), Some(&huadong()), &user("li.wei")).await;
    assert!(matches!(refused, Err(AuthError::Denied { .. })));
    let admin = deployment.principal("admin").await;
    let unknown = deployment.auth.issue_password_reset(acting(&admin), Some(&huadong()), &user("nobody")).await;
    assert!(matches!(unknown, Err(AuthError::Unknown { what: "user", .. })));
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let deployment = Deployment::begun().await;
    let first = deployment.person("li.wei", "advisor@bj01").await;
    let (auth, own, li) = (&deployment.auth, Some(huadong()), user("li.wei"));
    deployment.clock.advance_millis(60_000);
    let request = crate::SignIn {
        group: Some(huadong()),
        user: "li.wei",
        password: PASSWORD,
        address: HOME,
        request_id: REQUEST,
    };
    let second = auth.sign_in_from(request, Some("curl/8\n")).await.unwrap();
    auth.authenticate(&second.token).await.unwrap();
    let list = auth.sessions(acting(&first.principal), own.as_ref(), &li).await.unwrap();
    let told: Vec<_> =
        list.iter().map(|session| (session.current, session.agent.as_deref(), session.address)).collect();
    assert_eq!(told, [(true, None, Some(HOME)), (false, Some("curl/8"), Some(HOME))]);
    assert_eq!((list[0].last_used, list[1].last_used), (None, Some(auth.clock.now())));
    auth.revoke_session(acting(&first.principal), own.as_ref(), &li, &list[1].id).await.unwrap();
    assert!(matches!(auth.authenticate(&second.token).await, Err(AuthError::SessionEnded)));
    assert!(auth.authenticate(&first.token).await.is_ok());
    let again = auth.revoke_session(acting(&first.principal), own.as_ref(), &li, &list[1].id).await;
    assert!(matches!(again, Err(AuthError::Unknown { what: "session", .. })));
    let other = deployment.person("wang.fang", "advisor@bj01").await.principal;
    for refused in [
        auth.sessions(acting(&other), own.as_ref(), &li).await.map(drop),
        auth.revoke_session(acting(&other), own.as_ref(), &li, &list[0].id).await,
    ] {
        assert!(matches!(refused, Err(AuthError::Denied { .. })));
    }
    let admin = deployment.principal("admin").await;
    assert_eq!(auth.sessions(acting(&admin), own.as_ref(), &li).await.unwrap().len(), 1);
    auth.revoke_session(acting(&admin), own.as_ref(), &li, &list[0].id).await.unwrap();
    assert!(matches!(auth.authenticate(&first.token).await, Err(AuthError::SessionEnded)));
}
