//! The audit trail is sealed while the kernel runs; whoever touches it afterwards is found out, and floods of refusals cost no syncs.

use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;

use forecourt_base::GroupId;
use forecourt_storage::{
    Bytes, Direction, Engine, KeyRange, LogEngine, LogOptions, Mode, RealFiles, Row, Space, Transaction,
};
use forecourt_tests::ground::GROUP;
use forecourt_tests::server::{PASSWORD, forecourt, run};
use forecourt_tests::{Client, Folder, Server};
use serde_json::{Value, json};

use crate::deliveries::until;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A kernel whose admin has made some users.
fn begun() -> (Folder, Server, Client) {
    let folder = Folder::with_group(GROUP);
    let server = Server::start(&folder, &[]);
    let admin = server.client().sign_in(Some(GROUP), "admin", PASSWORD);
    admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "bj01", "name": "One" })).ok();
    for name in ["a", "b", "c", "d"] {
        let roles = json!([{ "role": "advisor", "store": "bj01" }]);
        let body = json!({ "id": name, "name": name, "password": PASSWORD, "roles": roles });
        admin.post(&format!("/v1/groups/{GROUP}/users"), &body).ok();
    }
    (folder, server, admin)
}

fn head(admin: &Client) -> Value {
    admin.get(&format!("/v1/groups/{GROUP}/audit/head")).ok()
}

/// Waits until the sealer has made a seal after this one.
fn sealed_after(admin: &Client, seal: u64) -> Value {
    until("a seal is made", || {
        let head = head(admin);
        if head["seal"].as_u64().unwrap() > seal { Ok(head) } else { Err(head.to_string()) }
    })
}

fn verify(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(forecourt(&["verify", "--data", folder.data()]).args(arguments), "");
    (output.status.code(), said(&output))
}

/// Does something to the rows of the group's trail on a stopped folder.
fn spoil(folder: &Folder, spoil: impl AsyncFn(&mut Transaction, &Space, &[Row])) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let path = PathBuf::from(folder.data()).join("storage");
        let engine: Arc<dyn Engine> = LogEngine::open(&path, Arc::new(RealFiles), LogOptions::default()).await.unwrap();
        let group = GroupId::new(GROUP).unwrap();
        let space = Space::new(Some(&group), None, "@audit", "entries", 1).unwrap();
        let mut tx = Transaction::begin(&engine, Some(group), Mode::ReadWrite).unwrap();
        let rows = tx.scan(&space, &KeyRange::all(), Direction::Forward, 1_000).await.unwrap().items;
        spoil(&mut tx, &space, &rows).await;
        tx.commit().await.unwrap();
        engine.close().await.unwrap();
    });
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_changed_a_removed_and_a_swapped_line_are_each_found_and_named() {
    let (folder, server, admin) = begun();
    let kept = sealed_after(&admin, 0);
    assert!(server.stop().success());
    let (code, text) = verify(&folder, &[]);
    assert_eq!(code, Some(0), "{text}");
    let sealed = text.lines().find_map(|line| line.strip_prefix("audit trails: ")).unwrap();
    let lines: u64 = sealed.split(' ').next().unwrap().parse().unwrap();
    // The first sign-in, the store and the users; the stop has sealed what came last.
    assert!(lines >= 6, "{text}");

    let keys = std::sync::Mutex::new(Vec::new());
    let changed = folder.copy();
    spoil(&changed, async |tx, space, rows| {
        let text = String::from_utf8(rows[1].value.to_vec())
            .unwrap()
            .replace("create-", "delete-")
            .replace("sign-in", "sign-on");
        tx.put(space, &rows[1].key, Bytes::from(text), Vec::new()).await.unwrap();
        *keys.lock().unwrap() = vec![hex(&rows[1].key)];
    });
    let removed = folder.copy();
    spoil(&removed, async |tx, space, rows| {
        let last = &rows.last().unwrap().key;
        assert!(tx.delete(space, last).await.unwrap());
        keys.lock().unwrap().push(hex(last));
    });
    let swapped = folder.copy();
    spoil(&swapped, async |tx, space, rows| {
        tx.put(space, &rows[2].key, rows[4].value.clone(), Vec::new()).await.unwrap();
        tx.put(space, &rows[4].key, rows[2].value.clone(), Vec::new()).await.unwrap();
        keys.lock().unwrap().extend([hex(&rows[2].key), hex(&rows[4].key)]);
    });
    let keys = keys.into_inner().unwrap();
    for (folder, told) in [
        (&changed, format!("line `{}` was changed", keys[0])),
        (&removed, format!("line `{}` was removed", keys[1])),
        (&swapped, format!("lines `{}` and `{}` were swapped", keys[2], keys[3])),
    ] {
        let (code, text) = verify(folder, &[]);
        assert_eq!((code, text.contains(&told), text.contains("findings: 1")), (Some(5), true, true), "{told}\n{text}");
    }

    // The kernel that runs tells the same to auditors, in their language.
    let server = Server::start(&swapped, &[]);
    let admin = admin.at(server.url());
    let path = format!("/v1/groups/{GROUP}/audit/verification");
    let flaws = |client: &Client| client.get(&path).ok()["flaws"].as_array().unwrap().clone();
    let found = flaws(&admin);
    assert_eq!((found.len(), &found[0]["code"], &found[0]["line"]), (1, &json!("lines-swapped"), &json!(keys[2])));
    assert!(flaws(&admin.header("accept-language", "zh-CN"))[0]["problem"].as_str().unwrap().contains("对调"));
    let advisor = server.client().sign_in(Some(GROUP), "a", PASSWORD);
    for path in ["verification", "head", "export"] {
        advisor.get(&format!("/v1/groups/{GROUP}/audit/{path}")).problem(403, "forbidden");
        advisor.get(&format!("/v1/groups/other/audit/{path}")).problem(403, "forbidden");
    }
    admin.get(&format!("{path}?after=999")).problem(400, "invalid-fields");
    admin.get(&format!("{path}?known_seal=1&known_hash={}", kept["hash"].as_str().unwrap())).ok();
    drop(server);
    // Without the end of the chain only a head that was kept elsewhere tells.
    let head = format!("{}/head.json", folder.data());
    std::fs::write(&head, kept.to_string()).unwrap();
    assert_eq!(verify(&folder, &["--head", &head]).0, Some(0));
    let other = json!({ "trail": kept["trail"], "seal": kept["seal"], "hash": "0".repeat(64) });
    std::fs::write(&head, other.to_string()).unwrap();
    let (code, text) = verify(&folder, &["--head", &head]);
    assert!(code == Some(5) && text.contains("is not the one that is known"), "{text}");
}

#[test]
fn an_export_is_taken_away_and_checked_without_the_kernel() {
    let (folder, server, admin) = begun();
    let head = sealed_after(&admin, 0);
    // A kill loses no seal and leaves none half made.
    server.kill();
    let server = Server::start(&folder, &[]);
    let admin = admin.at(server.url());
    admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "sh01", "name": "Two" })).ok();
    let later = sealed_after(&admin, head["seal"].as_u64().unwrap());
    let as_admin = |arguments: &[&str]| {
        let token = admin.token().unwrap();
        let output = run(forecourt(arguments).env("FORECOURT_URL", server.url()).env("FORECOURT_TOKEN", token), "");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let (export, kept) = (format!("{}/audit.jsonl", folder.data()), format!("{}/head.json", folder.data()));
    std::fs::write(&kept, as_admin(&["audit", "head"])).unwrap();
    std::fs::write(&export, as_admin(&["audit", "export"])).unwrap();
    assert!(as_admin(&["audit", "verify", "--head", &kept]).contains("is as it was sealed"));
    let rest = as_admin(&["audit", "export", "--after", &head["seal"].to_string()]);
    let whole = std::fs::read_to_string(&export).unwrap();
    assert!(whole.ends_with(&rest) && rest.len() < whole.len() && rest.contains("create-store"), "{rest}");
    assert!(whole.lines().count() as u64 > later["seal"].as_u64().unwrap());
    assert!(server.stop().success());

    let check = || run(&mut forecourt(&["audit", "check", &export, "--head", &kept]), "");
    let good = check();
    assert!(good.status.success() && said(&good).contains("is as it was sealed"), "{}", said(&good));
    std::fs::write(&export, whole.replace("create-user", "create-boss")).unwrap();
    let bad = check();
    assert_eq!(
        (bad.status.code(), said(&bad).contains("was changed; it now says: `create-boss`")),
        (Some(5), true),
        "{}",
        said(&bad)
    );
}

#[test]
fn a_flood_of_refusals_forces_no_syncs_and_is_counted_whole() {
    const FLOOD: u64 = 400;
    let position = |folder: &Folder| -> u64 {
        let text = verify(folder, &[]).1;
        text.split("last position ").nth(1).unwrap().lines().next().unwrap().parse().unwrap()
    };
    let (folder, server, admin) = begun();
    assert!(server.stop().success());
    let before = position(&folder);
    let server = Server::start(&folder, &[]);
    let advisor = server.client().sign_in(Some(GROUP), "a", PASSWORD);
    for _ in 0..FLOOD {
        advisor
            .post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "mine", "name": "M" }))
            .problem(403, "forbidden");
    }
    let rows = admin.at(server.url()).all(&format!("/v1/groups/{GROUP}/audit?limit=200&outcome=denied&user=a"));
    assert_eq!(rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>(), FLOOD);
    assert!(
        rows.iter()
            .any(|row| row["count"].as_u64() > Some(1) && !row["further_requests"].as_array().unwrap().is_empty()),
        "{rows:?}"
    );
    assert!(server.stop().success());
    // INVARIANT (counted-denials): commits go by time, not by refusals: sign-in, a few writings, a few seals.
    let commits = position(&folder) - before;
    assert!(commits < FLOOD / 4, "{commits} commits for {FLOOD} refusals");
}
