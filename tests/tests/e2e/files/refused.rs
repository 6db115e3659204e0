//! Uploads and downloads that are refused, and what is left of them: nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use forecourt_tests::ground::GROUP;
use forecourt_tests::{Client, Folder, Server};
use serde_json::json;

use super::*;

/// How long something is waited for before it counts as never coming.
const NEVER: Duration = Duration::from_secs(60);

pub(super) fn incoming(folder: &Folder) -> PathBuf {
    Path::new(folder.data()).join("storage/files/incoming")
}

pub(super) fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

pub(super) fn wait_until(what: &str, met: impl Fn() -> bool) {
    let since = Instant::now();
    while !met() {
        assert!(since.elapsed() < NEVER, "{what}");
        std::thread::yield_now();
    }
}

/// The head of an upload of so many bytes, and a connection on which it was sent.
pub(super) fn begin_upload(server: &Server, client: &Client, path: &str, length: u64) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    let token = client.token().unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: kernel\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn content_that_hashes_otherwise_is_refused_and_leaves_nothing() {
    let place = place();
    let advisor = place.user("advisor");
    let (content, other) = (bytes(400_000, 4), bytes(400_000, 5));
    let wrong = |name: &str, body: &[u8]| {
        advisor.send("PUT", &path(&place.store, name), Some("application/octet-stream"), body).unwrap()
    };
    let problem = wrong(&name_of(&content), &other).problem(400, "other-content");
    assert!(problem["detail"].as_str().unwrap().contains(&name_of(&other)), "{problem}");
    for name in [name_of(&content), name_of(&other)] {
        assert_eq!(get(&advisor, &path(&place.store, &name)).status, 404);
    }
    for name in ["abc", &"g".repeat(64), &"a".repeat(63)] {
        wrong(name, b"x").problem(404, "unknown-path");
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_sent() {
    let place = place();
    let advisor = place.user("advisor");
    let name = path(&place.store, &name_of(b"x"));
    let mut stream = begin_upload(&shared().server, &advisor, &name, 1 << 40);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("/problems/body-too-large"), "{answer}");
}

#[test]
fn only_who_may_run_a_command_uploads_and_only_members_download() {
    let (here, there) = (place(), place());
    let (advisor, auditor, stranger) = (here.user("advisor"), here.user("auditor"), there.user("advisor"));
    let content = b"%PDF-1.7 order".to_vec();
    put(&auditor, &here.store, &content).problem(403, "forbidden");
    put(&stranger, &here.store, &content).problem(403, "forbidden");
    put(&advisor, "no-such-store", &content).problem(403, "forbidden");
    put(&shared().server.client(), &here.store, &content).problem(401, "unauthenticated");
    assert_eq!(put(&advisor, &here.store, &content).status, 201);
    let file = path(&here.store, &name_of(&content));
    assert_eq!(get(&auditor, &file).body, content);
    assert_eq!(get(&stranger, &file).status, 403);
    assert_eq!(get(&stranger, &path(&there.store, &name_of(&content))).status, 404, "each store has its own files");
    let root = shared().server.client().sign_in(None, "root", forecourt_tests::server::PASSWORD);
    assert_eq!(get(&root, &file).status, 403);
    let uploads = audited(&here, "upload-file");
    let names = |outcome: &str| {
        let told = uploads.iter().filter(|(_, said, _)| said == outcome);
        told.map(|(user, _, note)| (user.clone(), note.clone())).collect::<Vec<_>>()
    };
    assert_eq!(names("done"), [(here.user_name("advisor"), name_of(&content))]);
    assert_eq!(names("denied").len(), 2, "{uploads:?}");
    let downloads = audited(&here, "download-file");
    assert!(downloads.contains(&(here.user_name("auditor"), "done".to_owned(), name_of(&content))), "{downloads:?}");
    assert!(downloads.iter().any(|(user, said, _)| *user == there.user_name("advisor") && said == "denied"));
}

#[test]
fn the_files_of_the_group_are_reached_from_its_stores() {
    let (here, there) = (place(), place());
    let (advisor, other) = (here.user("advisor"), there.user("tech"));
    let content = bytes(1_000, 6);
    let whole = format!("/v1/groups/{GROUP}/files/{}", name_of(&content));
    assert_eq!(advisor.send("PUT", &whole, Some("application/octet-stream"), &content).unwrap().status, 201);
    assert_eq!(get(&other, &whole).body, content);
    assert_eq!(get(&other, &path(&there.store, &name_of(&content))).body, content);
    let elsewhere = format!("/v1/groups/elsewhere/files/{}", name_of(&content));
    advisor.send("PUT", &elsewhere, Some("application/octet-stream"), &content).unwrap().problem(403, "forbidden");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let folder = Folder::with_group(GROUP);
    let server = Server::start(&folder, &[]);
    let admin = server.client().sign_in(Some(GROUP), "admin", forecourt_tests::server::PASSWORD);
    admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": "s", "name": "s" })).ok();
    let content = bytes(2 << 20, 7);
    let name = path("s", &name_of(&content));
    let mut stream = begin_upload(&server, &admin, &name, content.len() as u64);
    stream.write_all(&content[..1 << 20]).unwrap();
    wait_until("the upload has begun", || count(&incoming(&folder)) == 1);
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    wait_until("what was broken off is removed", || count(&incoming(&folder)) == 0);
    admin.get(&name).problem(404, "unknown-resource");
    // Now the kernel goes in the middle of one.
    let mut stream = begin_upload(&server, &admin, &name, content.len() as u64);
    stream.write_all(&content[..1 << 20]).unwrap();
    wait_until("the upload has begun", || count(&incoming(&folder)) == 1);
    server.kill();
    assert_eq!(count(&incoming(&folder)), 1);
    let server = Server::start(&folder, &[]);
    assert_eq!(count(&incoming(&folder)), 0);
    let admin = admin.at(server.url());
    admin.get(&name).problem(404, "unknown-resource");
    assert_eq!(put(&admin, "s", &content).status, 201);
}

#[test]
fn a_store_has_its_quota() {
    let folder = Folder::with_group(GROUP);
    let server = Server::start(&folder, &["--file-quota-mib", "1"]);
    let admin = server.client().sign_in(Some(GROUP), "admin", forecourt_tests::server::PASSWORD);
    for store in ["a", "b"] {
        admin.post(&format!("/v1/groups/{GROUP}/stores"), &json!({ "id": store, "name": store })).ok();
    }
    let (first, second) = (bytes(600_000, 8), bytes(600_000, 9));
    assert_eq!(put(&admin, "a", &first).status, 201);
    let problem = put(&admin, "a", &second).problem(429, "file-quota");
    assert!(problem["detail"].as_str().unwrap().contains("1048576"), "{problem}");
    assert_eq!(count(&incoming(&folder)), 0);
    assert_eq!(put(&admin, "a", &first).status, 200, "what is there needs no room");
    assert_eq!(put(&admin, "b", &second).status, 201, "each store has its own");
    let whole = format!("/v1/groups/{GROUP}/files/{}", name_of(&second));
    assert_eq!(admin.send("PUT", &whole, Some("application/octet-stream"), &second).unwrap().status, 201);
    // An empty file counts too.
    let small = (0..200_u8).map(|n| put(&admin, "a", &[n; 3]).status).find(|status| *status != 201);
    assert_eq!(small, Some(429));
}
