use forecourt_base::{Scope, Timestamp};
use forecourt_storage::Bytes;

use super::*;
use crate::audit::{self, Outcome};
use crate::testing::*;
use forecourt_storage::{Direction, KeyRange, Mode};

/// A trail of `count` lines, sealed.
async fn sealed(count: i64) -> Deployment {
    let deployment = Deployment::empty();
    write(&deployment, 0..count).await;
    seal_all(&deployment).await;
    deployment
}

async fn write(deployment: &Deployment, numbers: std::ops::Range<i64>) {
    for n in numbers {
        let at = Timestamp::from_millis(1_768_000_000_000 + n);
        let entry =
            audit::AuditEntry::new(at, None, Some(bj01()), format!("act-{n}"), Outcome::Done, format!("req-{n}"));
        let mut tx = deployment.begin(Mode::ReadWrite);
        audit::append(&mut tx, &entry).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn seal_all(deployment: &Deployment) {
    while deployment.auth.seal(Some(&huadong())).await.unwrap().more {}
}

async fn rows(deployment: &Deployment, space: &Space) -> Vec<(Vec<u8>, Bytes)> {
    let mut tx = deployment.begin(Mode::ReadOnly);
    let rows = tx.scan(space, &KeyRange::all(), Direction::Forward, usize::MAX).await.unwrap();
    rows.items.into_iter().map(|row| (row.key.to_vec(), row.value)).collect()
}

async fn lines(deployment: &Deployment) -> Vec<(Vec<u8>, Bytes)> {
    rows(deployment, &audit::space(Some(&huadong()), None).unwrap()).await
}

async fn put(deployment: &Deployment, space: &Space, key: &[u8], value: Option<Bytes>) {
    let mut tx = deployment.begin(Mode::ReadWrite);
    match value {
        Some(value) => tx.put(space, key, value, Vec::new()).await.unwrap(),
        None => assert!(tx.delete(space, key).await.unwrap()),
    }
    tx.commit().await.unwrap();
}

async fn put_line(deployment: &Deployment, key: &[u8], value: Option<Bytes>) {
    put(deployment, &audit::space(Some(&huadong()), None).unwrap(), key, value).await;
}

async fn change_seal(deployment: &Deployment, number: u64, change: impl FnOnce(&mut Seal)) {
    let space = seals(Some(&huadong())).unwrap();
    let mut tx = deployment.begin(Mode::ReadWrite);
    let mut seal: Seal = tx.get_json(&space, &number.to_be_bytes()).await.unwrap().unwrap();
    change(&mut seal);
    tx.put_json(&space, &number.to_be_bytes(), &seal, Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn check(deployment: &Deployment, known: Option<Head>) -> ChainCheck {
    deployment.auth.check_chain(Some(&huadong()), known).await.unwrap()
}

async fn flaws(deployment: &Deployment) -> Vec<Flaw> {
    check(deployment, None).await.flaws().to_vec()
}

async fn head(deployment: &Deployment) -> Head {
    crate::Auth::chain_head(&mut deployment.begin(Mode::ReadOnly), Some(&huadong())).await.unwrap()
}

/// The code, the line and the English of the one flaw there is.
async fn one(deployment: &Deployment) -> (&'static str, Option<String>, String) {
    let flaws = flaws(deployment).await;
    let [flaw] = &flaws[..] else { panic!("one flaw, not {flaws:#?}") };
    (flaw.kind.code(), flaw.line.clone(), flaw.bilingual().en.into_owned())
}

#[tokio::test]
async fn a_trail_is_sealed_in_batches_that_follow_one_another() {
    let count = 2 * forecourt_base::limits::SEAL_LINES as i64 + 3;
    let deployment = sealed(count).await;
    assert_eq!(deployment.auth.seal(Some(&huadong())).await.unwrap(), Sealed { lines: 0, more: false });
    let whole = check(&deployment, None).await;
    assert_eq!((whole.lines(), whole.number(), whole.flaws()), (count as u64, 3, &[][..]));
    write(&deployment, count..count + 1).await;
    seal_all(&deployment).await;
    let head = head(&deployment).await;
    assert_eq!((head.seal, head.trail.as_str()), (4, "group huadong"));
    assert_eq!(check(&deployment, Some(head.clone())).await.hash(), head.hash);
    assert_eq!(deployment.auth.seal(None).await.unwrap().lines, 0, "another trail has its own chain");
}

#[tokio::test]
async fn what_was_done_to_a_line_is_found_and_the_line_is_named() {
    for spoilt in [0, 4, 9] {
        let deployment = sealed(10).await;
        let all = lines(&deployment).await;
        let (key, value) = &all[spoilt];
        let other = Bytes::from(String::from_utf8(value.to_vec()).unwrap().replace("act-", "ace-"));
        put_line(&deployment, key, Some(other)).await;
        let (code, line, text) = one(&deployment).await;
        assert_eq!((code, line.unwrap()), ("line-changed", hex(key)));
        assert!(text.contains(&hex(key)) && text.contains(&format!("ace-{spoilt}")), "{text}");

        put_line(&deployment, key, None).await;
        assert_eq!(one(&deployment).await.0, "line-removed");
        assert_eq!(one(&deployment).await.1.unwrap(), hex(key));

        put_line(&deployment, key, Some(value.clone())).await;
        assert_eq!(flaws(&deployment).await, []);
    }
}

#[tokio::test]
async fn lines_that_were_swapped_added_or_taken_from_their_store_are_named() {
    let deployment = sealed(10).await;
    let all = lines(&deployment).await;
    put_line(&deployment, &all[2].0, Some(all[7].1.clone())).await;
    put_line(&deployment, &all[7].0, Some(all[2].1.clone())).await;
    let (code, line, text) = one(&deployment).await;
    assert_eq!((code, line.unwrap()), ("lines-swapped", hex(&all[2].0)));
    assert!(text.contains(&hex(&all[7].0)), "{text}");
    put_line(&deployment, &all[2].0, Some(all[2].1.clone())).await;
    put_line(&deployment, &all[7].0, Some(all[7].1.clone())).await;

    // A key between two commits that no commit could have had.
    let added = [&all[4].0[..11], &[200]].concat();
    put_line(&deployment, &added, Some(all[4].1.clone())).await;
    let found = flaws(&deployment).await;
    assert_eq!(found[0].kind.code(), "line-not-in-store", "{found:?}");
    assert_eq!((found[1].kind.code(), found[1].line.clone().unwrap()), ("line-added", hex(&added)));
    put_line(&deployment, &added, None).await;

    let before = crate::audit::stamp_before(&all[3].0).unwrap();
    put(&deployment, &audit::space(Some(&huadong()), Some(&store("bj01"))).unwrap(), &before, None).await;
    let (code, line, _) = one(&deployment).await;
    assert_eq!((code, line.unwrap()), ("line-not-in-store", hex(&all[3].0)));
}

#[tokio::test]
async fn a_tail_removed_below_the_last_seal_is_found() {
    let deployment = sealed(10).await;
    let all = lines(&deployment).await;
    for (key, _) in &all[7..] {
        put_line(&deployment, key, None).await;
    }
    let found = flaws(&deployment).await;
    let named: Vec<_> = found.iter().map(|flaw| (flaw.kind.code(), flaw.line.clone().unwrap())).collect();
    assert_eq!(named, all[7..].iter().map(|(key, _)| ("line-removed", hex(key))).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_done_to_a_seal_is_found() {
    let three = async || {
        let deployment = sealed(4).await;
        for n in 1..3 {
            write(&deployment, 4 * n..4 * n + 4).await;
            seal_all(&deployment).await;
        }
        deployment
    };
    let deployment = three().await;
    let known = head(&deployment).await;
    change_seal(&deployment, 2, |seal| seal.at = "2020-01-01T00:00:00.000Z".to_owned()).await;
    assert_eq!(one(&deployment).await.0, "seal-changed");

    // One that was made anew to fit a changed line shows at the next.
    let deployment = three().await;
    let all = lines(&deployment).await;
    put_line(&deployment, &all[5].0, Some(all[6].1.clone())).await;
    change_seal(&deployment, 2, |seal| {
        seal.lines[1] = format!("{} {}", hex(&all[5].0), sha256(&all[6].1));
        seal.hash = seal.computed();
    })
    .await;
    assert_eq!(one(&deployment).await.0, "seal-foreign");

    let deployment = three().await;
    put(&deployment, &seals(Some(&huadong())).unwrap(), &2_u64.to_be_bytes(), None).await;
    let (code, _, text) = one(&deployment).await;
    assert_eq!((code, text.as_str()), ("seal-removed", "seal 2 was removed"));

    let deployment = three().await;
    put(&deployment, &seals(Some(&huadong())).unwrap(), &2_u64.to_be_bytes(), Some(Bytes::from_static(b"x"))).await;
    assert_eq!(one(&deployment).await.0, "seal-unreadable");

    // The end alone can be cut without a trace, but for a head that somebody kept.
    let deployment = three().await;
    put(&deployment, &seals(Some(&huadong())).unwrap(), &3_u64.to_be_bytes(), None).await;
    assert_eq!(flaws(&deployment).await, []);
    let found = check(&deployment, Some(known.clone())).await;
    assert_eq!(found.flaws()[0].kind.code(), "chain-shortened");
    let anew = Head { hash: NO_HASH.to_owned(), ..known };
    assert_eq!(check(&three().await, Some(anew)).await.flaws()[0].kind.code(), "not-as-known");
}

#[tokio::test]
async fn an_export_is_checked_by_whoever_has_it_and_by_hand() {
    let deployment = Deployment::begun().await;
    seal_all(&deployment).await;
    write(&deployment, 0..3).await;
    seal_all(&deployment).await;
    let admin = deployment.principal("admin").await;
    let (mut text, mut after) = (String::new(), 0);
    while let Some(part) = deployment.auth.export_audit(acting(&admin), &huadong(), after).await.unwrap() {
        (after, text) = (part.seal, text + &part.text);
    }
    let checked = |text: &str| {
        let mut check = ChainCheck::new("group huadong".to_owned(), None);
        text.lines().for_each(|line| check.exported(line).unwrap());
        check.end();
        check
    };
    let head = deployment.auth.audit_head(acting(&admin), &huadong()).await.unwrap();
    let whole = checked(&text);
    assert_eq!((whole.flaws(), whole.number(), whole.hash()), (&[][..], head.seal, head.hash.as_str()));
    assert_eq!(checked(&text.replace("act-1", "act-9")).flaws()[0].kind.code(), "line-changed");
    let without: String = text.lines().filter(|line| !line.contains("act-1")).map(|line| format!("{line}\n")).collect();
    assert_eq!(checked(&without).flaws()[0].kind.code(), "line-removed");
    assert!(ChainCheck::new("x".to_owned(), None).exported("{}").is_err());

    // By the words of the canonical form alone.
    let seal: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let seal = &seal["seal"];
    let of = |name: &str| seal[name].as_str().unwrap().to_owned();
    let mut form =
        format!("forecourt audit seal 1\n{}\n{}\n{}\n{}\n", of("trail"), seal["number"], of("at"), of("previous"));
    for line in text.lines().rev().skip(1).take(3).collect::<Vec<_>>().into_iter().rev() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let digest = Sha256::digest(line["text"].as_str().unwrap());
        form += &format!("{} {digest:x}\n", line["line"].as_str().unwrap());
    }
    assert_eq!(format!("{:x}", Sha256::digest(form)), of("hash"));
}

#[tokio::test]
async fn a_check_goes_on_where_another_stopped_and_is_for_auditors() {
    let deployment = Deployment::begun().await;
    let auditor = deployment.person("li.wei", "auditor@*").await.principal;
    let advisor = deployment.person("wang.fang", "advisor@bj01").await.principal;
    for n in 0..3 {
        write(&deployment, n..n + 1).await;
        seal_all(&deployment).await;
    }
    let auth = &deployment.auth;
    let first = auth.verify_audit(acting(&auditor), &huadong(), 0, 2, None).await.unwrap();
    assert_eq!((first.check.number(), first.more, first.check.flaws()), (2, true, &[][..]));
    let rest = auth.verify_audit(acting(&auditor), &huadong(), 2, 100, None).await.unwrap();
    assert_eq!((rest.check.number(), rest.more, rest.check.flaws()), (3, false, &[][..]));
    assert!(matches!(
        auth.verify_audit(acting(&auditor), &huadong(), 9, 1, None).await,
        Err(crate::AuthError::Invalid { field: "after", .. })
    ));
    for refused in [
        auth.verify_audit(acting(&advisor), &huadong(), 0, 1, None).await.map(|_| ()),
        auth.audit_head(acting(&advisor), &huadong()).await.map(|_| ()),
        auth.export_audit(acting(&advisor), &huadong(), 0).await.map(|_| ()),
        auth.audit_head(acting(&auditor), &group("huabei")).await.map(|_| ()),
    ] {
        assert!(matches!(refused, Err(crate::AuthError::Denied { .. })), "{refused:?}");
    }
    let scope = Scope::group(huadong());
    assert!(auth.audit_page(acting(&auditor), Some(&scope), &Default::default(), &Default::default()).await.is_ok());
}
