//! A load of closed loops: each connection sends its next request once the last is answered.
//!
//! One thread for all connections, so that it takes as little as it can of a machine that it shares with the server, and of every server the
//! same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// When a round ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After each connection has had this many answers.
    Answers(u64),
}

/// Which request a connection sends next.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// Tells rounds of this process apart.
    pub round: u64,
    /// The connection, counted from 0.
    pub connection: u64,
    /// How many connections there are.
    pub connections: u64,
    /// How many requests the connection sent before.
    pub number: u64,
}

/// Writes a whole request into an empty buffer.
pub type Request = Arc<dyn Fn(Turn, &mut Vec<u8>) + Send + Sync>;

/// What came of a round.
#[derive(Debug, Clone)]
pub struct Round {
    /// How long it took.
    pub elapsed: Duration,
    /// How long each answer took, in nanoseconds, shortest first.
    pub latencies_ns: Vec<u32>,
}

impl Round {
    /// Answers a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.latencies_ns.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share (0 to 1) of the answers did not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.latencies_ns.len() - 1;
        let at = (last as f64 * share).round() as usize;
        Duration::from_nanos(u64::from(self.latencies_ns[at]))
    }
}

/// Runs a round on this thread.
///
/// # Panics
/// Where a server answers anything but 200, or not at all.
pub fn run(address: SocketAddr, connections: u64, until: Until, request: &Request) -> Round {
    static ROUNDS: AtomicU64 = AtomicU64::new(0);
    let round = ROUNDS.fetch_add(1, Ordering::Relaxed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let mut loops = JoinSet::new();
        let begun = Instant::now();
        for (stream, connection) in streams.into_iter().zip(0..) {
            let first = Turn { round, connection, connections, number: 0 };
            loops.spawn(closed_loop(stream, begun, until, first, Arc::clone(request)));
        }
        let mut latencies_ns = loops.join_all().await.concat();
        let elapsed = begun.elapsed();
        latencies_ns.sort_unstable();
        Round { elapsed, latencies_ns }
    })
}

async fn closed_loop(
    mut stream: TcpStream,
    begun: Instant,
    until: Until,
    mut turn: Turn,
    request: Request,
) -> Vec<u32> {
    let mut latencies = Vec::with_capacity(1 << 12);
    let (mut asked, mut answered) = (Vec::with_capacity(1 << 10), Vec::with_capacity(1 << 12));
    let mut now = begun;
    loop {
        let go_on = match until {
            Until::Elapsed(time) => now.duration_since(begun) < time,
            Until::Answers(count) => turn.number < count,
        };
        if !go_on {
            return latencies;
        }
        asked.clear();
        request(turn, &mut asked);
        let sent = Instant::now();
        stream.write_all(&asked).await.unwrap();
        answer(&mut stream, &mut answered).await;
        now = Instant::now();
        latencies.push(u32::try_from(now.duration_since(sent).as_nanos()).unwrap_or(u32::MAX));
        turn.number += 1;
    }
}

/// Reads one answer whole.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection: {}", String::from_utf8_lossy(buffer));
        if let Some(length) = length(buffer)
            && buffer.len() >= length
        {
            assert!(buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(buffer));
            return;
        }
    }
}

/// The length of head and body, once the head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let name = b"content-length: ";
    let at = answer[..head].windows(name.len()).position(|window| window == name).expect("answers tell their length");
    let digits = answer[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_its_head_says() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\nx: y\r\n\r\n{";
        assert_eq!(length(text), Some(text.len() + 11));
        assert_eq!(length(&text[..text.len() - 3]), None);
    }

    #[test]
    fn quantiles_are_of_the_sorted_latencies() {
        let round = Round { elapsed: Duration::from_secs(2), latencies_ns: (1..=101).collect() };
        assert_eq!(round.quantile(0.5), Duration::from_nanos(51));
        assert_eq!(round.quantile(0.99), Duration::from_nanos(100));
        assert!((round.throughput() - 50.5).abs() < 1e-9);
    }
}
