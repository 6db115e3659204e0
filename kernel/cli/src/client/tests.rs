use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// Answers one request with `answer` and gives what was asked.
fn once(answer: &'static str) -> (Connection, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 1024];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap().to_ascii_lowercase()
    });
    (Connection { url }, served)
}

fn client(connection: &Connection) -> Client {
    Client { token: Some("secret".to_owned()), ..Client::anonymous(connection).unwrap() }
}

#[test]
fn a_request_carries_token_and_language_and_its_answer_is_read() {
    let (connection, served) = once(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nx-warnings: UTF-8''odd%20VIN\r\nconnection: close\r\n\r\n{\"a\": 1} ",
    );
    let reply = client(&connection)
        .send("PUT", "/v1/x", Body::Json(serde_json::json!({})), &[("idempotency-key", "k")])
        .unwrap();
    assert_eq!(reply.value, serde_json::json!({"a": 1}));
    assert_eq!(reply.warnings, ["odd VIN"]);
    let request = served.join().unwrap();
    for part in [
        "put /v1/x http/1.1",
        "authorization: bearer secret",
        "accept-language: ",
        "idempotency-key: k",
        "content-type: application/json",
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[test]
fn a_problem_is_a_failure_that_tells_it() {
    let (connection, served) = once(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 47\r\nconnection: close\r\n\r\n{\"title\": \"Not allowed\", \"type\": \"/problems/d\"}",
    );
    let failure = client(&connection).get("/v1/x").unwrap_err();
    served.join().unwrap();
    assert_eq!(failure.exit(), Exit::Refused);
    assert_eq!(failure.to_string(), "Not allowed (403, /problems/d)");
}

#[test]
fn a_stranger_is_told_from_a_kernel() {
    let (connection, served) = once("HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>");
    let failure = client(&connection).get("/").unwrap_err();
    served.join().unwrap();
    assert_eq!(failure.exit(), Exit::Unreachable);
    assert!(failure.to_string().contains("is no forecourt"), "{failure}");
}

#[test]
fn nobody_there_says_where_and_what_to_do() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connection = Connection { url: format!("http://127.0.0.1:{port}") };
    let failure = client(&connection).get("/").unwrap_err();
    assert_eq!(failure.exit(), Exit::Unreachable);
    let expected = format!("nothing answers at http://127.0.0.1:{port}: start a kernel with `forecourt serve`");
    assert!(failure.to_string().starts_with(&expected), "{failure}");
}

#[test]
fn only_http_urls_are_taken() {
    for url in ["https://example.com", "localhost:8080", ""] {
        let failure = Client::anonymous(&Connection { url: url.to_owned() }).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }
}

#[test]
fn the_language_is_that_of_the_environment() {
    let from = |set: &'static [(&str, &str)]| {
        language(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(from(&[("LANG", "zh_CN.UTF-8")]), "zh-CN");
    assert_eq!(from(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), "en");
    assert_eq!(from(&[("LC_ALL", ""), ("LANG", "zh_CN")]), "zh-CN");
    assert_eq!(from(&[]), "en");
}
