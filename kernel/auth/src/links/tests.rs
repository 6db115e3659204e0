use serde_json::{Map, Value, json};

use forecourt_storage::Mode;

use super::*;
use crate::audit::{AuditFilter, OutcomeKind};
use crate::testing::*;
use crate::{AdminRight, Decision};

const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 77));

fn path(text: &str) -> OperationPath {
    text.parse().unwrap()
}

fn approve() -> OperationPath {
    path("repair/orders/approve")
}

fn new(deployment: &Deployment) -> NewLink {
    NewLink {
        customer: Some("c-7".to_owned()),
        record: "o-1".to_owned(),
        operations: vec![LinkedOperation { operation: approve(), parameter: "order".to_owned() }],
        expires: deployment.auth.clock.now().plus_millis(DAY_MS),
    }
}

async fn put(deployment: &Deployment, new: &NewLink) -> Result<MadeLink, AuthError> {
    let mut tx = deployment.begin(Mode::ReadWrite);
    let made = deployment.auth.put_link(&mut tx, (&huadong(), &store("bj01")), &user("li.wei"), new).await?;
    tx.commit().await?;
    Ok(made)
}

async fn revoke(deployment: &Deployment, id: &str) -> Result<(), AuthError> {
    let mut tx = deployment.begin(Mode::ReadWrite);
    deployment.auth.drop_link(&mut tx, (&huadong(), &store("bj01")), id).await?;
    tx.commit().await?;
    Ok(())
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn open(
    deployment: &Deployment,
    token: &str,
    operation: Option<&OperationPath>,
    given: Value,
    address: IpAddr,
) -> Result<(Arc<Principal>, Value), AuthError> {
    let mut given = arguments(given);
    let opened = deployment.auth.open_link(token, operation, &mut given, (address, REQUEST)).await;
    opened.map(|(principal, scope)| {
        assert_eq!(scope, bj01());
        (principal, Value::Object(given))
    })
}

async fn refused(deployment: &Deployment, token: &str, operation: &OperationPath, given: Value) {
    let opened = open(deployment, token, Some(operation), given, HOME).await;
    assert!(matches!(opened, Err(AuthError::TokenRefused)), "{opened:?}");
}

#[tokio::test]
async fn a_link_opens_its_record_by_its_operations_and_nothing_else() {
    let deployment = Deployment::begun().await;
    let made = put(&deployment, &new(&deployment)).await.unwrap();
    assert!(!format!("{made:?}").contains(&made.token));
    let (principal, given) = open(&deployment, &made.token, Some(&approve()), json!({ "a": 1 }), HOME).await.unwrap();
    assert_eq!(given, json!({ "a": 1, "order": "o-1" }));
    assert_eq!(principal.user.as_str(), format!("link:{}", made.link.id));
    // INVARIANT (one-record)
    let mut tx = deployment.begin(Mode::ReadOnly);
    let policy = deployment.auth.policy(&mut tx, &huadong()).await.unwrap();
    let decide = |operation: &str, scope: &Scope| policy.decide(&principal, &path(operation), true, scope);
    assert_eq!(decide("repair/orders/approve", &bj01()), Decision::Allow);
    let (sh01, whole, other) =
        (Scope::store(huadong(), store("sh01")), Scope::group(huadong()), Scope::store(group("huabei"), store("bj01")));
    for scope in [&sh01, &whole, &other] {
        assert!(!decide("repair/orders/approve", scope).is_allowed(), "{scope}");
    }
    assert!(!decide("repair/orders/cancel", &bj01()).is_allowed());
    assert!(!policy.may(&principal, "repair.reopen", &bj01()));
    for right in [AdminRight::Operate, AdminRight::Administer, AdminRight::ReadAudit, AdminRight::Belong] {
        let authorised = deployment.auth.authorise(&mut tx, &principal, right, &bj01()).await;
        assert!(matches!(authorised, Err(AuthError::Denied { .. })), "{right:?}");
    }
}

#[tokio::test]
async fn whatever_is_the_matter_is_refused_alike() {
    let deployment = Deployment::begun().await;
    let made = put(&deployment, &new(&deployment)).await.unwrap();
    let session = deployment.sign_in("admin").await;
    for token in ["", "x", &"A".repeat(43), &session.token] {
        refused(&deployment, token, &approve(), json!({})).await;
    }
    refused(&deployment, &made.token, &path("repair/orders/cancel"), json!({})).await;
    assert!(matches!(open(&deployment, &made.token, None, json!({}), HOME).await, Err(AuthError::TokenRefused)));
    for own in ["order", "o-1"] {
        refused(&deployment, &made.token, &approve(), json!({ "order": own })).await;
    }
    // INVARIANT (revoked-at-once)
    let (principal, _) = open(&deployment, &made.token, Some(&approve()), json!({}), HOME).await.unwrap();
    let mut tx = deployment.begin(Mode::ReadWrite);
    deployment.auth.reauthenticate(&mut tx, &principal).await.unwrap();
    tx.put(&Space::new(Some(&huadong()), None, "probe", "things", 1).unwrap(), b"a", "b", Vec::new()).await.unwrap();
    revoke(&deployment, &made.link.id).await.unwrap();
    assert!(matches!(tx.commit().await, Err(StorageError::Conflict)));
    refused(&deployment, &made.token, &approve(), json!({})).await;
    revoke(&deployment, &made.link.id).await.unwrap();
    assert!(matches!(revoke(&deployment, "nothing").await, Err(AuthError::Unknown { what: "link", .. })));

    let short = put(&deployment, &new(&deployment)).await.unwrap();
    let (principal, _) = open(&deployment, &short.token, Some(&approve()), json!({}), HOME).await.unwrap();
    deployment.clock.set(short.link.expires);
    refused(&deployment, &short.token, &approve(), json!({})).await;
    let mut tx = deployment.begin(Mode::ReadOnly);
    assert!(matches!(deployment.auth.reauthenticate(&mut tx, &principal).await, Err(AuthError::SessionExpired)));

    let admin = deployment.principal("admin").await;
    let filter = AuditFilter {
        outcome: Some(OutcomeKind::Denied),
        user: UserId::of_link(&made.link.id),
        ..AuditFilter::default()
    };
    let scope = Scope::group(huadong());
    let page =
        deployment.auth.audit_page(acting(&admin), Some(&scope), &filter, &PageRequest::default()).await.unwrap();
    let mut reasons: Vec<_> = page
        .items
        .iter()
        .map(|row| match &row.outcome {
            Outcome::Denied(reason) => reason.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    reasons.sort();
    assert_eq!(reasons, ["not-linked", "record-given"], "the audit knows which");
}

#[tokio::test]
async fn a_flood_is_refused_and_hinders_nobody_at_another_address() {
    let deployment = Deployment::begun().await;
    let made = put(&deployment, &new(&deployment)).await.unwrap();
    let before = deployment.engine.stable_position();
    for _ in 0..limits::LINK_CALLS_ADDRESS {
        open(&deployment, &made.token, Some(&approve()), json!({}), HOME).await.unwrap();
    }
    for _ in 0..100 {
        refused(&deployment, &made.token, &approve(), json!({})).await;
    }
    open(&deployment, &made.token, Some(&approve()), json!({}), OTHER).await.unwrap();
    for last in 1..=250_u8 {
        for _ in 0..limits::LINK_CALLS_ADDRESS {
            let _ = open(&deployment, &made.token, Some(&approve()), json!({}), [10, 0, 0, last].into()).await;
        }
    }
    refused(&deployment, &made.token, &approve(), json!({})).await;
    assert_eq!(deployment.engine.stable_position(), before, "and forces no commit");
    let other = put(&deployment, &new(&deployment)).await.unwrap();
    open(&deployment, &other.token, Some(&approve()), json!({}), HOME).await.unwrap();
}

#[tokio::test]
async fn links_are_checked_when_they_are_made_and_listed_without_their_secret() {
    let deployment = Deployment::begun().await;
    let now = deployment.auth.clock.now();
    let good = new(&deployment);
    for (field, bad) in [
        ("record", NewLink { record: "a b".to_owned(), ..good.clone() }),
        ("record", NewLink { record: String::new(), ..good.clone() }),
        ("customer", NewLink { customer: Some("李".to_owned()), ..good.clone() }),
        ("expires", NewLink { expires: now, ..good.clone() }),
        ("expires", NewLink { expires: now.plus_millis(91 * DAY_MS), ..good.clone() }),
        ("operations", NewLink { operations: Vec::new(), ..good.clone() }),
    ] {
        let made = put(&deployment, &bad).await;
        assert!(matches!(&made, Err(AuthError::Invalid { field: wrong, .. }) if *wrong == field), "{field}: {made:?}");
    }
    let made = [put(&deployment, &good).await.unwrap(), put(&deployment, &good).await.unwrap()];
    revoke(&deployment, &made[0].link.id).await.unwrap();
    let mut tx = deployment.begin(Mode::ReadOnly);
    let place = (&huadong(), &store("bj01"));
    let page = Auth::links(&mut tx, place, &PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 2);
    for link in &page.items {
        assert_eq!(link.revoked.is_some(), link.id == made[0].link.id);
    }
    let elsewhere = Auth::links(&mut tx, (&huadong(), &store("sh01")), &PageRequest::default()).await.unwrap();
    assert!(elsewhere.items.is_empty());
    assert!(matches!(
        Auth::link(&mut tx, (&huadong(), &store("sh01")), &made[1].link.id).await,
        Err(AuthError::Unknown { .. })
    ));
}
