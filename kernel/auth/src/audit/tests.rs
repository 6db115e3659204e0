use forecourt_storage::Mode;

use super::*;
use crate::testing::*;

fn at(n: i64) -> Timestamp {
    Timestamp::from_millis(1_768_000_000_000 + n * 60_000)
}

fn entry(n: i64, action: &str, scope: Option<Scope>) -> AuditEntry {
    let actor = Actor::user(Some(huadong()), user(&format!("u{}", n % 3)));
    let outcome = match n % 3 {
        0 => Outcome::Done,
        1 => Outcome::Failed("stale".to_owned()),
        _ => Outcome::Denied("no-grant".to_owned()),
    };
    AuditEntry::new(at(n), Some(actor), scope, action, outcome, format!("req-{n}"))
}

async fn append_all(deployment: &Deployment, entries: impl IntoIterator<Item = AuditEntry>) {
    for entry in entries {
        let mut tx = deployment.begin(Mode::ReadWrite);
        append(&mut tx, &entry).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// The request ids of all pages of at most `limit` rows.
async fn all(deployment: &Deployment, scope: Option<&Scope>, filter: &AuditFilter, limit: usize) -> Vec<String> {
    let mut request = PageRequest { after: None, limit: Some(limit) };
    let mut ids = Vec::new();
    loop {
        let part = page(&mut deployment.begin(Mode::ReadOnly), scope, filter, &request).await.unwrap();
        assert!(part.items.len() <= limit);
        ids.extend(part.items.into_iter().map(|entry| entry.request_id));
        match part.next {
            None => return ids,
            next => request.after = next,
        }
    }
}

fn ids(numbers: &[i64]) -> Vec<String> {
    numbers.iter().map(|n| format!("req-{n}")).collect()
}

#[tokio::test]
async fn rows_lie_in_their_store_and_in_their_group() {
    let deployment = Deployment::empty();
    let sh01 = Scope::store(huadong(), store("sh01"));
    let (whole, other) = (Scope::group(huadong()), Scope::group(group("huabei")));
    let scopes = [Some(bj01()), Some(sh01.clone()), Some(whole.clone()), None];
    append_all(&deployment, scopes.into_iter().zip(0..).map(|(scope, n)| entry(n, "repair/orders/approve", scope)))
        .await;
    let filter = AuditFilter::default();
    assert_eq!(all(&deployment, Some(&bj01()), &filter, 2).await, ids(&[0]));
    assert_eq!(all(&deployment, Some(&sh01), &filter, 2).await, ids(&[1]));
    assert_eq!(all(&deployment, Some(&whole), &filter, 2).await, ids(&[2, 1, 0]));
    assert_eq!(all(&deployment, None, &filter, 2).await, ids(&[3]));
    assert!(all(&deployment, Some(&other), &filter, 2).await.is_empty());
}

#[tokio::test]
async fn filters_fit_alone_and_together_on_pages_of_any_size() {
    let deployment = Deployment::empty();
    let actions = ["repair/orders/approve", "repair/orders/quote", "sign-in"];
    let rows = (0..30_i64).map(|n| entry(n, actions[(n % 2 + n / 20) as usize], Some(bj01())));
    append_all(&deployment, rows).await;
    let filters = [
        AuditFilter::default(),
        AuditFilter { action: Some("repair/orders/approve".to_owned()), ..AuditFilter::default() },
        AuditFilter { action: Some("repair/".to_owned()), ..AuditFilter::default() },
        AuditFilter { action: Some("repair".to_owned()), ..AuditFilter::default() },
        AuditFilter { user: Some(user("u1")), ..AuditFilter::default() },
        AuditFilter { outcome: Some(OutcomeKind::Denied), ..AuditFilter::default() },
        AuditFilter { outcome: Some(OutcomeKind::Failed), user: Some(user("u2")), ..AuditFilter::default() },
        AuditFilter { from: Some(at(10)), until: Some(at(20)), ..AuditFilter::default() },
        AuditFilter { from: Some(at(29)), user: Some(user("u2")), ..AuditFilter::default() },
    ];
    let counts = [30, 10, 25, 0, 10, 10, 0, 10, 1];
    for (filter, count) in filters.iter().zip(counts) {
        let whole = all(&deployment, Some(&bj01()), filter, 200).await;
        assert_eq!(whole.len(), count, "{filter:?}");
        for limit in [1, 3, 7] {
            assert_eq!(all(&deployment, Some(&bj01()), filter, limit).await, whole, "{filter:?} {limit}");
        }
        let numbers: Vec<i64> = whole.iter().map(|id| id[4..].parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|newer, older| newer > older), "{numbers:?}");
    }
}

#[tokio::test]
async fn a_filter_that_fits_little_ends_its_page_early_and_goes_on() {
    let deployment = Deployment::empty();
    let mut tx = deployment.begin(Mode::ReadWrite);
    append(&mut tx, &entry(0, "rare", Some(Scope::group(huadong())))).await.unwrap();
    for n in 1..=SCANNED_ROWS as i64 {
        append(&mut tx, &entry(n, "common", Some(Scope::group(huadong())))).await.unwrap();
    }
    tx.commit().await.unwrap();
    let filter = AuditFilter { action: Some("rare".to_owned()), ..AuditFilter::default() };
    let scope = Scope::group(huadong());
    let request = PageRequest::default();
    let first = page(&mut deployment.begin(Mode::ReadOnly), Some(&scope), &filter, &request).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some());
    assert_eq!(all(&deployment, Some(&scope), &filter, 10).await, ids(&[0]));
}

#[tokio::test]
async fn a_row_is_kept_with_its_transaction_or_not_at_all() {
    let deployment = Deployment::empty();
    let mut tx = deployment.begin(Mode::ReadWrite);
    let savepoint = tx.savepoint();
    append(&mut tx, &entry(1, "sign-in", Some(bj01()))).await.unwrap();
    tx.rollback_to(&savepoint);
    append(&mut tx, &entry(2, "sign-in", Some(bj01()))).await.unwrap();
    tx.commit().await.unwrap();
    let mut lost = deployment.begin(Mode::ReadWrite);
    append(&mut lost, &entry(3, "sign-in", Some(bj01()))).await.unwrap();
    drop(lost);
    assert_eq!(all(&deployment, Some(&bj01()), &AuditFilter::default(), 10).await, ids(&[2]));
}

#[tokio::test]
async fn appending_makes_no_two_transactions_conflict() {
    let deployment = Deployment::empty();
    let (mut first, mut second) = (deployment.begin(Mode::ReadWrite), deployment.begin(Mode::ReadWrite));
    append(&mut first, &entry(1, "sign-in", Some(bj01()))).await.unwrap();
    append(&mut second, &entry(2, "sign-in", Some(bj01()))).await.unwrap();
    second.commit().await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(all(&deployment, Some(&bj01()), &AuditFilter::default(), 10).await, ids(&[1, 2]));
}

#[test]
fn digests_are_sixteen_bytes_of_sha_256() {
    assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223");
    let space = Space::new(Some(&huadong()), None, "repair", "orders", 1).unwrap();
    let record = AuditRecord::new(&space, "车1".as_bytes(), None);
    assert_eq!((record.owner.as_str(), record.collection.as_str(), record.key.as_str()), ("repair", "orders", "车1"));
    assert_eq!(record.digest, None);
}
