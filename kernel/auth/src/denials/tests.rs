use forecourt_base::Timestamp;
use forecourt_storage::Mode;

use super::*;
use crate::audit::{AuditFilter, OutcomeKind};
use crate::page::PageRequest;
use crate::testing::*;

fn denied(who: &str, action: &str, n: i64) -> AuditEntry {
    let actor = Actor::user(Some(huadong()), user(who));
    let at = Timestamp::from_millis(1_768_000_000_000 + n);
    let outcome = Outcome::Denied("no-grant".to_owned());
    AuditEntry::new(at, Some(actor), Some(bj01()), action, outcome, format!("req-{n}"))
}

async fn trail(deployment: &Deployment) -> Vec<AuditEntry> {
    let filter = AuditFilter { outcome: Some(OutcomeKind::Denied), ..AuditFilter::default() };
    let scope = Scope::group(huadong());
    let page = PageRequest { after: None, limit: Some(200) };
    audit::page(&mut deployment.begin(Mode::ReadOnly), Some(&scope), &filter, &page).await.unwrap().items
}

fn count(entry: &AuditEntry) -> u64 {
    entry.repeated.as_ref().map_or(1, |repeated| repeated.count)
}

#[tokio::test]
async fn a_flood_of_refusals_forces_no_commit() {
    let deployment = Deployment::begun().await;
    let before = deployment.engine.stable_position();
    for n in 0..10_000 {
        deployment.auth.count_denial(denied("li.wei", "repair/orders/approve", n));
    }
    assert_eq!(deployment.engine.stable_position(), before, "INVARIANT (counted-denials)");
    deployment.auth.write_denials().await.unwrap();
    assert_eq!(deployment.engine.stable_position(), before + 1);
    let rows = trail(&deployment).await;
    let [row] = &rows[..] else { panic!("{rows:#?}") };
    let repeated = row.repeated.as_ref().unwrap();
    assert_eq!((row.request_id.as_str(), repeated.count), ("req-0", 10_000));
    assert_eq!(repeated.until.as_millis() - row.at.as_millis(), 9_999);
    assert_eq!(repeated.requests, (1..8).map(|n| format!("req-{n}")).collect::<Vec<_>>());
    deployment.auth.write_denials().await.unwrap();
    assert_eq!(deployment.engine.stable_position(), before + 1, "what was written is not written again");
}

#[tokio::test]
async fn real_refusals_force_no_commit_and_are_seen_by_who_reads_the_trail() {
    let deployment = Deployment::begun().await;
    let advisor = deployment.person("li.wei", "advisor@bj01").await.principal;
    let admin = deployment.principal("admin").await;
    let before = deployment.engine.stable_position();
    for n in 0..20 {
        let refused = deployment.auth.create_store(acting(&advisor), &huadong(), &new_store("mine")).await;
        assert!(matches!(refused, Err(AuthError::Denied { .. })));
        if n < 5 {
            assert!(deployment.try_sign_in("li.wei", "another road 43").await.is_err());
        }
    }
    assert_eq!(deployment.engine.stable_position(), before);
    let scope = Scope::group(huadong());
    let filter = AuditFilter { outcome: Some(OutcomeKind::Denied), ..AuditFilter::default() };
    let page =
        deployment.auth.audit_page(acting(&admin), Some(&scope), &filter, &PageRequest::default()).await.unwrap();
    let told: Vec<_> = page.items.iter().map(|row| (row.action.as_str(), count(row))).collect();
    assert_eq!(told, [("sign-in", 5), ("create-store", 20)], "the newest first");
}

#[tokio::test]
async fn every_refusal_is_counted_where_there_is_no_room_for_its_kind() {
    let deployment = Deployment::begun().await;
    for n in 0..1_000 {
        deployment.auth.count_denial(denied("li.wei", &format!("act-{n}"), n));
    }
    {
        let held = deployment.auth.denials.held();
        assert_eq!(held.rows.len(), limits::DENIALS_OF_ONE + 1);
    }
    deployment.auth.count_denial(denied("wang.fang", "act-1", 1));
    deployment.auth.write_denials().await.unwrap();
    let rows = trail(&deployment).await;
    let of_li: Vec<_> =
        rows.iter().filter(|row| row.actor.as_ref().is_some_and(|actor| actor.user == user("li.wei"))).collect();
    assert_eq!(of_li.iter().map(|row| count(row)).sum::<u64>(), 1_000);
    let rest: Vec<_> = of_li.iter().filter(|row| row.action == ANY).collect();
    assert_eq!((rest.len(), count(rest[0])), (1, 1_000 - limits::DENIALS_OF_ONE as u64));
    assert!(rows.iter().any(|row| row.action == "act-1" && count(row) == 1));

    for n in 0..(2 * limits::DENIALS_HELD as i64) {
        deployment.auth.count_denial(denied(&format!("user-{n}"), "act", n));
    }
    assert_eq!(deployment.auth.denials.held().rows.len(), limits::DENIALS_HELD + 1);
    let held: u64 = deployment.auth.denials.held().rows.values().map(|(_, row)| count(row)).sum();
    assert_eq!(held, 2 * limits::DENIALS_HELD as u64);
}

#[tokio::test]
async fn what_could_not_be_written_is_kept() {
    let deployment = Deployment::begun().await;
    deployment.auth.count_denial(denied("li.wei", "act", 0));
    deployment.engine.close().await.unwrap();
    assert!(deployment.auth.write_denials().await.is_err());
    deployment.auth.count_denial(denied("li.wei", "act", 1));
    let held = deployment.auth.denials.held();
    assert_eq!(held.rows.values().map(|(_, row)| count(row)).collect::<Vec<_>>(), [2]);
}
