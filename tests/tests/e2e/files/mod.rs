//! Files: up and down, refused, broken off, named by records, collected, verified, and brought back by a backup.

mod collected;
mod kept;
mod named;
mod refused;

use std::io::Read;
use std::sync::LazyLock;

use forecourt_tests::ground::{Ground, grant, ground, publish};
use forecourt_tests::{Answer, Client, Place};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What a file is called.
fn name_of(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that look like nothing, of this length, which differ by their seed.
fn bytes(length: usize, seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn path(store: &str, sha256: &str) -> String {
    format!("/v1/stores/{store}/files/{sha256}")
}

fn put(client: &Client, store: &str, content: &[u8]) -> Answer {
    client.send("PUT", &path(store, &name_of(content)), Some("application/octet-stream"), content).unwrap()
}

/// An answer with bytes.
struct Bytes {
    status: u16,
    headers: ureq::http::HeaderMap,
    body: Vec<u8>,
}

impl Bytes {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Asks for bytes at a kernel that listens at `url`.
fn fetch(url: &str, client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Bytes, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{url}{path}"));
    request = request.header("authorization", format!("Bearer {}", client.token().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = agent.run(request.body(()).unwrap())?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let mut body = Vec::new();
    answer.into_body().into_with_config().limit(1 << 30).reader().read_to_end(&mut body)?;
    Ok(Bytes { status, headers, body })
}

fn get(client: &Client, path: &str) -> Bytes {
    fetch(shared().server.url(), client, "GET", path, &[]).unwrap()
}

/// The shared kernel, with the guest `archive`.
fn shared() -> &'static Ground {
    static PUBLISHED: LazyLock<()> = LazyLock::new(|| offer_archive(&ground().admin));
    LazyLock::force(&PUBLISHED);
    ground()
}

fn offer_archive(admin: &Client) {
    publish(admin, "archive");
    grant(admin, "archive", "0.1.0");
}

/// A store of the shared kernel with `archive`.
fn place() -> Place<'static> {
    let place = shared().place();
    place.enable("archive", "archive", "0.1.0").ok();
    place
}

/// The actions of the audit's lines of the last requests in a store, with their outcomes and notes.
fn audited(place: &Place<'_>, action: &str) -> Vec<(String, String, String)> {
    let lines = place.admin.all(&format!("/v1/stores/{}/audit?action={action}", place.store));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    lines.iter().map(|line| (text(&line["user"]), text(&line["outcome"]), text(&line["note"]))).collect()
}

#[test]
fn large_and_empty_files_go_up_and_come_down_as_they_were() {
    let place = place();
    let advisor = place.user("advisor");
    for (content, kind) in [
        (bytes(30 << 20, 1), "application/octet-stream"),
        (Vec::new(), "application/octet-stream"),
        (b"%PDF-1.7 a contract".to_vec(), "application/pdf"),
        ("维修合同\n".as_bytes().to_vec(), "text/plain; charset=utf-8"),
    ] {
        let sha256 = name_of(&content);
        let made = put(&advisor, &place.store, &content);
        assert_eq!(made.status, 201, "{made}");
        let info = made.ok();
        assert_eq!((&info["sha256"], &info["type"]), (&Value::from(sha256.clone()), &Value::from(kind)));
        assert_eq!(info["bytes"], content.len());
        assert_eq!(info["uploaded_by"], place.user_name("advisor"));
        assert_eq!(put(&advisor, &place.store, &content).status, 200, "the same again is nothing new");
        let came = get(&advisor, &path(&place.store, &sha256));
        assert_eq!(came.status, 200);
        assert!(came.body == content, "{} bytes came", came.body.len());
        assert_eq!(came.header("content-type"), kind);
        assert_eq!(came.header("x-content-type-options"), "nosniff");
        assert_eq!(came.header("content-length"), content.len().to_string());
        let shown = came.header("content-disposition").starts_with("inline");
        assert_eq!(shown, kind == "application/pdf", "{}", came.header("content-disposition"));
    }
}

#[test]
fn a_file_is_uploaded_without_knowing_its_name_and_asked_for_in_part() {
    let place = place();
    let advisor = place.user("advisor");
    let content = bytes(700_000, 2);
    let files = format!("/v1/stores/{}/files", place.store);
    let made = advisor.send("POST", &files, Some("application/octet-stream"), &content).unwrap();
    assert_eq!(made.status, 201, "{made}");
    let sha256 = name_of(&content);
    assert_eq!(made.ok()["sha256"], sha256);
    let (url, path) = (shared().server.url(), path(&place.store, &sha256));
    let ask = |method: &str, headers: &[(&str, &str)]| fetch(url, &advisor, method, &path, headers).unwrap();
    let head = ask("HEAD", &[]);
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "700000", 0));
    let tag = head.header("etag").to_owned();
    let part = ask("GET", &[("range", "bytes=300000-399999")]);
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 300000-399999/700000"));
    assert!(part.body == content[300_000..400_000]);
    let end = ask("GET", &[("range", "bytes=-5"), ("if-range", &tag)]);
    assert_eq!((end.status, end.body.as_slice()), (206, &content[699_995..]));
    assert_eq!(ask("GET", &[("range", "bytes=0-9"), ("if-range", "\"other\"")]).body.len(), 700_000);
    assert_eq!(ask("GET", &[("range", "bytes=700000-")]).status, 416);
    let same = ask("GET", &[("if-none-match", &tag)]);
    assert_eq!((same.status, same.body.len()), (304, 0));
}

#[test]
fn the_same_bytes_may_be_uploaded_by_many_at_once() {
    let place = place();
    let users = [place.user("advisor"), place.user("tech"), place.admin.clone()];
    let content = bytes(3 << 20, 3);
    std::thread::scope(|threads| {
        let uploads: Vec<_> = (0..12)
            .map(|n| {
                let (client, content, store) = (&users[n % 3], &content, &place.store);
                threads.spawn(move || {
                    let answer = std::iter::repeat_with(|| put(client, store, content));
                    answer.into_iter().find(|answer| answer.status != 503).unwrap()
                })
            })
            .collect();
        let statuses: Vec<u16> = uploads.into_iter().map(|upload| upload.join().unwrap().status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 11, "{statuses:?}");
    });
    assert!(get(&users[0], &path(&place.store, &name_of(&content))).body == content);
}
