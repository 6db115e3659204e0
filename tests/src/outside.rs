//! A server outside the kernel, that answers as its paths say and remembers what it was asked.
//!
//! `/ok…` answers 200 with what it was sent; `/fail/N…` 500 to the first N requests under a key, `/busy…` 429 to the first, then 200; `/redirect…` 302; `/big…` more than
//! anybody reads; `/slow…` nothing at all; `/hold…` nothing until it is released.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long a request is waited for before it counts as never coming.
const NEVER: Duration = Duration::from_secs(90);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: String,
}

impl Asked {
    /// The value of a header; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct Seen {
    asked: Vec<Asked>,
    released: bool,
}

type Shared = Arc<(Mutex<Seen>, Condvar)>;

/// The server.
#[derive(Debug)]
pub struct Outside {
    address: SocketAddr,
    seen: Shared,
}

impl Outside {
    /// One on the loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Shared::default();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, seen }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    /// What was asked under this path so far.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let seen = self.seen.0.lock().unwrap();
        seen.asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// Waits until so much was asked under this path.
    pub fn wait_for(&self, path: &str, count: usize) -> Vec<Asked> {
        let (seen, changed) = &*self.seen;
        let enough = |seen: &mut Seen| seen.asked.iter().filter(|asked| asked.path == path).count() < count;
        let (seen, waited) = changed.wait_timeout_while(seen.lock().unwrap(), NEVER, enough).unwrap();
        assert!(!waited.timed_out(), "{path} was not asked {count} times");
        seen.asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// Lets what is held be answered, from now on at once.
    pub fn release(&self) {
        self.seen.0.lock().unwrap().released = true;
        self.seen.1.notify_all();
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(asked) = read(&stream) else { return };
    let (seen, changed) = &**shared;
    let before = {
        let mut seen = seen.lock().unwrap();
        let same = |other: &&Asked| other.path == asked.path && other.header("x-key") == asked.header("x-key");
        let before = seen.asked.iter().filter(same).count();
        seen.asked.push(asked.clone());
        changed.notify_all();
        before
    };
    let path = asked.path.as_str();
    let failures = path.strip_prefix("/fail/").and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
    let told = format!("{} {}", asked.header("authorization"), asked.body);
    let (status, more, body) = match path {
        _ if failures.is_some_and(|failures| before < failures) => ("500 Failed", String::new(), String::new()),
        _ if path.starts_with("/busy") && before == 0 => ("429 Busy", "retry-after: 1\r\n".to_owned(), String::new()),
        _ if path.starts_with("/redirect") => ("302 Found", "location: /ok/elsewhere\r\n".to_owned(), String::new()),
        _ if path.starts_with("/big") => ("200 OK", String::new(), "x".repeat(1 << 20)),
        _ if path.starts_with("/slow") => {
            // Until the other side has had enough.
            let _ = stream.read(&mut [0]);
            return;
        }
        _ if path.starts_with("/hold") => {
            drop(changed.wait_timeout_while(seen.lock().unwrap(), NEVER, |seen| !seen.released));
            ("200 OK", String::new(), told)
        }
        _ => ("200 OK", String::new(), told),
    };
    let head = format!("HTTP/1.1 {status}\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
}
