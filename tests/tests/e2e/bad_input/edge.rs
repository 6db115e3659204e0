//! The edge of HTTP itself: heads that are none, lengths that disagree, senders that are slow or gone.

use std::io::Write;

use super::raw::{connect, exchange, hear, left_open};
use super::world::world;

/// Heads that are none, and the statuses that may answer them. A connection that is closed without an answer is an answer too.
const HEADS: &[(&str, &[u16])] = &[
    ("GET /healthz\r\n\r\n", &[400]),
    ("GET  /healthz HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
    ("GET /healthz HTTP/1.1 x\r\nhost: x\r\n\r\n", &[400]),
    ("GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n", &[400, 505]),
    ("GET /healthz http/1.1\r\nhost: x\r\n\r\n", &[400]),
    ("GET healthz HTTP/1.1\r\nhost: x\r\n\r\n", &[400, 404]),
    ("GET /health z HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
    ("GET /healthz HTTP/1.1\r\nhost : x\r\n\r\n", &[400]),
    ("GET /healthz HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n", &[400]),
    ("GET /healthz HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n", &[400]),
    ("GET /healthz HTTP/1.1\r\nhost: x\r\n: empty\r\n\r\n", &[400]),
    ("GET /healthz HTTP/1.1\r\nhost: x\r\nnul: \0\r\n\r\n", &[400]),
    ("G\u{e9}T /healthz HTTP/1.1\r\nhost: x\r\n\r\n", &[400]),
    ("\0\0\0\0\r\n\r\n", &[400]),
    ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n", &[400]),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 505]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\n\r\n{}", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 2 2\r\n\r\n{}", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 2, 3\r\n\r\n{}", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 0x2\r\n\r\n{}", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n{}", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n", &[400]),
    ("POST /v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", &[400]),
    ("POST /v1/sessions HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
];

#[test]
fn heads_that_are_none_are_refused() {
    let server = &world().ground.server;
    for (head, allowed) in HEADS {
        let heard = exchange(server, head.as_bytes());
        let statuses = heard.statuses();
        assert!(
            statuses.len() <= 1 && statuses.iter().all(|status| allowed.contains(status)),
            "{head:?}: {}",
            heard.text()
        );
        assert!(heard.is_explained(), "{head:?}: {}", heard.text());
    }
    let long = "x".repeat(70_000);
    let many: String = (0..200).map(|at| format!("h{at}: 1\r\n")).collect();
    for (head, status) in [
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), 431),
    ] {
        let heard = exchange(server, head.as_bytes());
        assert!(heard.statuses().iter().all(|heard| [400, 414, status].contains(heard)), "{}", heard.text());
    }
    world().unchanged();
}

/// Chunks that are none, or too many, of a request that says so in its head.
#[test]
fn chunks_that_are_none_are_refused() {
    let server = &world().ground.server;
    let head =
        "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    for chunks in [
        "x\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\n{}",
        "3\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "2\r\n{}\r\n",
        "2",
    ] {
        let heard = exchange(server, format!("{head}{chunks}").as_bytes());
        assert!(heard.statuses().iter().all(|status| *status == 400), "{chunks:?}: {}", heard.text());
    }
    let large = "100000\r\n".to_owned() + &" ".repeat(0x10_0000) + "\r\n1\r\n{\r\n0\r\n\r\n";
    let heard = exchange(server, format!("{head}{large}").as_bytes());
    assert!(heard.statuses().iter().all(|status| *status == 413), "{}", heard.text());
    world().unchanged();
}

/// What disagrees about its own length begins no second request.
#[test]
fn no_request_is_smuggled_behind_another() {
    let server = &world().ground.server;
    let hidden = "GET /healthz HTTP/1.1\r\nhost: x\r\nx-request-id: smuggled\r\n\r\n";
    for head in [
        "content-length: 2\r\ncontent-length: 3",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "content-length: 2\r\ntransfer-encoding: chunked;x",
        "transfer-encoding:\u{b}chunked\r\ncontent-length: 2",
    ] {
        let request = format!(
            "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{head}\r\n\r\n{{}}{hidden}"
        );
        let heard = exchange(server, request.as_bytes());
        assert!(heard.statuses().len() <= 1 && !heard.text().contains("smuggled"), "{head}: {}", heard.text());
    }
    world().unchanged();
}

#[test]
fn old_and_odd_but_good_requests_are_answered() {
    let server = &world().ground.server;
    let old = left_open(server, b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(old.statuses(), [200], "{}", old.text());
    let nowhere = left_open(server, b"GET /nowhere HTTP/1.0\r\naccept-language: zh\r\n\r\n");
    assert!(nowhere.statuses() == [404] && nowhere.text().contains("路径不存在"), "{}", nowhere.text());
    for method in ["BREW", "get", "M-SEARCH", "CONNECT"] {
        let odd =
            left_open(server, format!("{method} /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
        assert!([vec![405], vec![400]].contains(&odd.statuses()), "{method}: {}", odd.text());
    }
    let two = b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(left_open(server, two).statuses(), [404, 200]);
    let tokens = format!(
        "GET /v1/sessions/current HTTP/1.1\r\nhost: x\r\n{}\r\nconnection: close\r\n\r\n",
        "authorization: Bearer a\r\nauthorization: Bearer b"
    );
    assert_eq!(left_open(server, tokens.as_bytes()).statuses(), [401]);
    // A wrong body is read to its end, so the connection goes on.
    let wrong = "POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(left_open(server, wrong.as_bytes()).statuses(), [400, 200]);
    world().unchanged();
}

/// INVARIANT (bounded-requests): whoever is slow or gone is given up. All of them wait at once, for as long as the kernel is patient.
#[test]
fn whoever_is_slow_or_gone_is_given_up() {
    let server = &world().ground.server;
    let post = "POST /v1/sessions HTTP/1.1\r\nhost: x\r\naccept-language: zh\r\ncontent-type: application/json\r\n";
    let nothing: Vec<u16> = Vec::new();
    let senders: [(&str, String, Vec<u16>); 6] = [
        ("says nothing", String::new(), nothing.clone()),
        ("stops in the first line", "GET /hea".to_owned(), nothing.clone()),
        ("stops in the head", "GET /healthz HTTP/1.1\r\nhost: x\r\n".to_owned(), nothing),
        ("stops before the body", format!("{post}content-length: 10\r\n\r\n"), vec![408]),
        ("stops in the body", format!("{post}content-length: 10\r\n\r\n{{"), vec![408]),
        ("stops in a chunk", format!("{post}transfer-encoding: chunked\r\n\r\n5\r\n{{"), vec![408]),
    ];
    std::thread::scope(|scope| {
        for (what, bytes, statuses) in &senders {
            scope.spawn(move || {
                let heard = left_open(server, bytes.as_bytes());
                let bare_timeout = statuses.is_empty() && heard.statuses() == [408];
                assert!(heard.statuses() == *statuses || bare_timeout, "who {what}: {}", heard.text());
                assert!(
                    statuses.is_empty() || heard.text().contains("request-timeout"),
                    "who {what}: {}",
                    heard.text()
                );
            });
        }
        scope.spawn(move || {
            // One that is answered and then says nothing more.
            let mut idle = connect(server);
            idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert_eq!(hear(&mut idle).statuses(), [200]);
        });
    });
    for half in ["", "GET /hea", "GET /healthz HTTP/1.1\r\nhost: x\r\n"] {
        let heard = exchange(server, half.as_bytes());
        assert!(heard.statuses().iter().all(|status| *status == 400), "{half}: {}", heard.text());
    }
    let half_body = exchange(server, format!("{post}content-length: 10\r\n\r\n{{").as_bytes());
    assert!(half_body.statuses().iter().all(|status| *status == 400), "{}", half_body.text());
    world().unchanged();
}
