//! Requests as bytes on a connection, for what no client sends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use forecourt_tests::Server;

/// How long an answer is waited for before it counts as a hang. The kernel's own patience is much shorter.
const HANG: Duration = Duration::from_secs(60);

/// What came back on a connection until the kernel closed it.
#[derive(Debug)]
pub(super) struct Heard(pub(super) Vec<u8>);

impl Heard {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// The statuses of the answers, in order.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let text = self.text();
        // No body of the kernel's has these bytes: JSON escapes line ends.
        let heads = text.match_indices("HTTP/1.").filter(|(at, _)| *at == 0 || !text[..*at].ends_with(['"', '/']));
        heads.filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect()
    }
}

impl Heard {
    /// Each refusal is a problem, and says under which id it is logged.
    pub(super) fn is_explained(&self) -> bool {
        let text = self.text().to_ascii_lowercase();
        let count = |what: &str| text.matches(what).count();
        let refusals = self.statuses().iter().filter(|status| **status >= 400).count();
        count("content-type: application/problem+json") == refusals
            && count("x-request-id: ") == self.statuses().iter().filter(|status| **status >= 200).count()
    }
}

pub(super) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.set_write_timeout(Some(HANG)).unwrap();
    stream
}

/// Reads until the kernel closes. A reset is an end like another: what was sent in vain is why.
pub(super) fn hear(stream: &mut TcpStream) -> Heard {
    let mut heard = Vec::new();
    if let Err(error) = stream.read_to_end(&mut heard) {
        let hung = matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
        assert!(!hung, "the kernel neither answered nor closed: {}", String::from_utf8_lossy(&heard));
    }
    Heard(heard)
}

/// Sends bytes, says that no more come, and reads what is answered.
pub(super) fn exchange(server: &Server, bytes: &[u8]) -> Heard {
    let mut stream = connect(server);
    // A kernel that has heard enough may close before all is sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    hear(&mut stream)
}

/// Sends bytes and leaves the connection open, as somebody does who is slow or gone.
pub(super) fn left_open(server: &Server, bytes: &[u8]) -> Heard {
    let mut stream = connect(server);
    let _ = stream.write_all(bytes);
    hear(&mut stream)
}
