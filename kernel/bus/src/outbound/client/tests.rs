use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// Answers one connection with these bytes: the port, and what was asked.
fn answering(bytes: Vec<u8>) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        let _ = stream.write_all(&bytes);
        head
    });
    (port, asked)
}

fn wire(url: String) -> Wire {
    let headers = vec![("x-one".to_owned(), "1".to_owned())];
    Wire { method: "GET".to_owned(), url, headers, body: None, idempotency_key: "key-1".to_owned() }
}

fn client() -> Client {
    let outlets = Outlets {
        private: ["127.0.0.1".parse().unwrap()].into(),
        plain: ["127.0.0.1".to_owned(), "localhost".to_owned()].into(),
    };
    Client::new(Arc::new(outlets))
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(), body].concat()
}

#[test]
fn what_is_asked_arrives_and_what_is_answered_comes_back() {
    let (port, asked) = answering(answer("302 Found\r\nlocation: /a\r\nset-cookie: a=b\r\nretry-after: 5", b"\xFFa"));
    let answer = client().send(&wire(format!("http://127.0.0.1:{port}/path?a=b"))).unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), answer.retry_after_s), (302, b"\xFFa".as_slice(), Some(5)));
    let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"location") && !names.contains(&"set-cookie"), "{names:?}");
    let head = asked.join().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /path?a=b http/1.1\r\n"), "{head}");
    assert!(head.contains("idempotency-key: key-1\r\n") && head.contains("x-one: 1\r\n"), "{head}");
    assert!(!head.contains("accept-encoding: gzip"), "{head}");
}

#[test]
fn an_answer_without_an_end_is_not_read_to_it() {
    let (port, _) = answering(answer("200 OK", &vec![b'x'; limits::OUTBOUND_ANSWER_BYTES + 1]));
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(client().send(&wire(url)), Err(NotSent::Unreadable("answer-too-large")));
    let (port, _) =
        answering(answer(&format!("200 OK\r\nx-long: {}", "x".repeat(limits::OUTBOUND_ANSWER_HEAD_BYTES)), b""));
    let url = format!("http://127.0.0.1:{port}/");
    assert!(client().send(&wire(url)).is_err());
}

#[test]
fn nothing_is_sent_to_what_is_not_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let none = Client::new(Arc::default());
    for host in ["127.0.0.1", "localhost"] {
        let plain = wire(format!("http://{host}:{port}/"));
        assert_eq!(none.send(&plain), Err(NotSent::Refused("not-encrypted")));
        assert_eq!(none.send(&wire(format!("https://{host}:{port}/"))), Err(NotSent::Refused("address-refused")));
    }
    // One that may be asked by http, at an address that is not named.
    let outlets = Outlets { plain: ["127.0.0.1".to_owned()].into(), ..Outlets::default() };
    let named = Client::new(Arc::new(outlets));
    assert_eq!(named.send(&wire(format!("http://127.0.0.1:{port}/"))), Err(NotSent::Refused("address-refused")));
    assert!(listener.accept().is_err(), "nobody connected");
    assert_eq!(client().send(&wire("http://user@127.0.0.1/".to_owned())), Err(NotSent::Refused("bad-url")));
}

#[test]
fn nobody_there_may_pass() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    assert_eq!(client().send(&wire(url)), Err(NotSent::Passing("connection-failed")));
    let (port, _) = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".to_vec());
    let url = format!("http://127.0.0.1:{port}/");
    assert!(matches!(client().send(&wire(url)), Err(NotSent::Passing(_))), "it broke off");
    // No certificate of anybody known.
    let (port, _) = answering(answer("200 OK", b""));
    let url = format!("https://127.0.0.1:{port}/");
    assert!(matches!(client().send(&wire(url)), Err(NotSent::Passing(_))));
}
