//! Records that name files: refused where there is no such file, in the language of the reader.

use forecourt_tests::ground::GROUP;
use serde_json::json;

use super::*;

#[test]
fn what_names_a_file_that_is_not_there_is_refused_with_its_field() {
    let place = place();
    let advisor = place.user("advisor");
    let (scan, signature) = (b"%PDF-1.7 scan".to_vec(), bytes(100, 10));
    let side = |content: &[u8]| json!({ "scan": name_of(content), "note": "front" });
    let paper = json!({ "id": "p1", "sides": [side(&scan)], "signature": name_of(&signature) });
    let arguments = json!({ "paper": paper });
    let problem = advisor.call(&place.store, "archive/papers/file", &arguments).problem(400, "invalid-fields");
    let pointers: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["/paper/sides/0/scan", "/paper/signature"]);
    assert_eq!(problem["errors"][0]["rule"], "unknown-file");
    let zh = advisor.header("accept-language", "zh-CN");
    let problem = zh.call(&place.store, "archive/papers/file", &arguments).problem(400, "invalid-fields");
    assert_eq!(problem["errors"][0]["detail"], "所指文件不存在：请先上传");
    // Text that only the record's type makes a name is refused when the record is written.
    let plainly = json!({ "id": "p2", "scan": name_of(&scan) });
    let refused = advisor.call(&place.store, "archive/papers/file-plainly", &plainly).problem(422, "operation-refused");
    assert_eq!(refused["error"]["refused"][0], "/sides/0/scan");
    put(&advisor, &place.store, &scan).ok();
    put(&advisor, &place.store, &signature).ok();
    assert_eq!(advisor.call(&place.store, "archive/papers/file", &arguments).ok(), paper);
    advisor.call(&place.store, "archive/papers/file-plainly", &plainly).ok();
    let details = advisor.call(&place.store, "archive/papers/get-details", &json!({ "scan": name_of(&scan) })).ok();
    let by = place.user_name("advisor");
    assert_eq!(details, json!({ "bytes": scan.len(), "media_type": "application/pdf", "by": by }));
    let none = advisor.call(&place.store, "archive/papers/get-details", &json!({ "scan": name_of(b"none") })).ok();
    assert_eq!(none, Value::Null);
}

#[test]
fn a_record_of_the_group_names_files_of_the_group_alone() {
    let place = place();
    let advisor = place.user("advisor");
    let scan = bytes(50, 11);
    put(&advisor, &place.store, &scan).ok();
    let form = json!({ "id": place.store, "scan": name_of(&scan) });
    let refused = advisor.call(&place.store, "archive/papers/file-form", &form).problem(422, "operation-refused");
    assert_eq!(refused["error"]["refused"][0], "/sides/0/scan");
    let whole = format!("/v1/groups/{GROUP}/files/{}", name_of(&scan));
    advisor.send("PUT", &whole, Some("application/octet-stream"), &scan).unwrap().ok();
    advisor.call(&place.store, "archive/papers/file-form", &form).ok();
}

#[test]
fn another_stores_file_is_not_named() {
    let (here, there) = (place(), place());
    let (advisor, other) = (here.user("advisor"), there.user("advisor"));
    let scan = bytes(60, 12);
    put(&other, &there.store, &scan).ok();
    let paper = json!({ "paper": { "id": "p", "sides": [{ "scan": name_of(&scan), "note": "" }], "signature": null } });
    advisor.call(&here.store, "archive/papers/file", &paper).problem(400, "invalid-fields");
    other.call(&there.store, "archive/papers/file", &paper).ok();
}
