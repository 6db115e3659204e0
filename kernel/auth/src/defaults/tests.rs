use forecourt_storage::Mode;

use super::*;
use crate::audit::AuditFilter;
use crate::testing::*;
use crate::{PageRequest, Policy};

type Pairs<'a> = &'a [(&'a str, &'a [&'a str])];

fn defaults(pairs: Pairs<'_>) -> Vec<(OperationPath, Vec<RoleName>)> {
    pairs.iter().map(|(path, roles)| (path.parse().unwrap(), roles.iter().map(|name| role(name)).collect())).collect()
}

async fn apply(deployment: &Deployment, pairs: Pairs<'_>, powers: Pairs<'_>) -> Result<(), AuthError> {
    let (group, plugin) = (huadong(), PluginName::new("repair").unwrap());
    let powers: Vec<_> = powers
        .iter()
        .map(|(power, roles)| ((*power).to_owned(), roles.iter().map(|name| role(name)).collect()))
        .collect();
    let mut tx = deployment.begin(Mode::ReadWrite);
    deployment.auth.apply_role_defaults(&mut tx, &group, &plugin, &defaults(pairs), &powers).await?;
    tx.commit().await?;
    Ok(())
}

async fn grants_of(deployment: &Deployment, name: &str) -> (Vec<String>, Vec<String>) {
    let mut tx = deployment.begin(Mode::ReadOnly);
    let stored: Role = tx.get_json(&space::roles(&huadong()).unwrap(), name.as_bytes()).await.unwrap().unwrap();
    (stored.grants.into_iter().filter_map(|grant| grant.operation).collect(), stored.powers)
}

async fn policy(deployment: &Deployment) -> std::sync::Arc<Policy> {
    deployment.auth.policy(&mut deployment.begin(Mode::ReadOnly), &huadong()).await.unwrap()
}

#[tokio::test]
async fn defaults_are_added_once_and_what_was_removed_stays_removed() {
    let deployment = Deployment::begun().await;
    let admin = deployment.principal("admin").await;
    let first: Pairs<'_> =
        &[("repair/orders/approve", &["advisor", "svc_manager"]), ("repair/orders/quote", &["advisor"])];
    let powers: Pairs<'_> = &[("repair.discount", &["advisor"])];
    apply(&deployment, first, powers).await.unwrap();
    let (mut operations, given) = grants_of(&deployment, "advisor").await;
    operations.sort_unstable();
    assert_eq!(
        (operations, given),
        (vec!["approve".to_owned(), "quote".to_owned()], vec!["repair.discount".to_owned()])
    );
    deployment.auth.set_role_grants(acting(&admin), &huadong(), &role("advisor"), &[], &[]).await.unwrap();
    apply(&deployment, first, powers).await.unwrap();
    assert_eq!(grants_of(&deployment, "advisor").await, (vec![], vec![]));
    let next: Pairs<'_> = &[("repair/orders/approve", &["advisor", "foreman"]), ("repair/orders/close", &["advisor"])];
    apply(&deployment, next, powers).await.unwrap();
    assert_eq!(grants_of(&deployment, "advisor").await, (vec!["close".to_owned()], vec![]));
    assert_eq!(grants_of(&deployment, "foreman").await.0, ["approve"]);
    assert_eq!(grants_of(&deployment, "svc_manager").await.0, ["approve"]);
}

#[tokio::test]
async fn a_change_reaches_the_policy_and_no_change_leaves_it() {
    let deployment = Deployment::begun().await;
    let advisor = deployment.person("li.wei", "advisor@bj01").await.principal;
    let pairs: Pairs<'_> = &[("repair/orders/approve", &["advisor"])];
    apply(&deployment, pairs, &[]).await.unwrap();
    let after = policy(&deployment).await;
    assert!(after.decide(&advisor, &pairs[0].0.parse().unwrap(), true, &bj01()).is_allowed());
    apply(&deployment, pairs, &[]).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&after, &policy(&deployment).await));
}

#[tokio::test]
async fn unknown_roles_and_powers_are_refused_and_leave_nothing() {
    let deployment = Deployment::begun().await;
    let unknown = apply(&deployment, &[("repair/orders/approve", &["advisor", "valet"])], &[]).await;
    assert!(matches!(unknown, Err(AuthError::Unknown { what: "role", .. })));
    let power = apply(&deployment, &[], &[("Discount", &["advisor"])]).await;
    assert!(matches!(power, Err(AuthError::Invalid { field: "powers", .. })));
    assert_eq!(grants_of(&deployment, "advisor").await, (vec![], vec![]));
}

#[tokio::test]
async fn fixed_roles_stay_as_they_are() {
    let deployment = Deployment::begun().await;
    apply(&deployment, &[("repair/orders/approve", &["group-admin", "auditor", "system"])], &[]).await.unwrap();
    for name in ["group-admin", "auditor"] {
        assert_eq!(grants_of(&deployment, name).await, (vec![], vec![]));
    }
    assert_eq!(grants_of(&deployment, "system").await.0, ["approve"]);
    // The one who approves audits it: nothing is written here.
    let admin = deployment.principal("admin").await;
    let scope = forecourt_base::Scope::group(huadong());
    let (filter, page) = (AuditFilter::default(), PageRequest::default());
    let rows = deployment.auth.audit_page(acting(&admin), Some(&scope), &filter, &page).await.unwrap();
    assert!(rows.items.iter().all(|entry| !entry.action.contains("default")));
}
