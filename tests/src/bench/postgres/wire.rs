//! As much of PostgreSQL's protocol (version 3) as one prepared statement needs: a driver would bring two dozen crates for it.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PROTOCOL: i32 = 3 << 16;
const STATEMENT: &str = "command";
/// A connection with one prepared statement of text parameters and a text result.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    out: Vec<u8>,
}

impl Connection {
    /// Connects to the server whose socket this is.
    pub(super) async fn open(socket: &Path) -> std::io::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let mut connection = Self { stream, out: Vec::new() };
        let mut startup = PROTOCOL.to_be_bytes().to_vec();
        startup.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
        connection.message(None, &startup);
        connection.ask().await?;
        Ok(connection)
    }

    /// Runs statements without parameters.
    pub(super) async fn run(&mut self, sql: &str) -> std::io::Result<()> {
        self.message(Some(b'Q'), &[sql.as_bytes(), b"\0"].concat());
        self.ask().await.map(|_| ())
    }

    /// Prepares the statement.
    pub(super) async fn prepare(&mut self, sql: &str) -> std::io::Result<()> {
        let parse = [STATEMENT.as_bytes(), b"\0", sql.as_bytes(), b"\0", &0_i16.to_be_bytes()].concat();
        self.message(Some(b'P'), &parse);
        self.message(Some(b'S'), b"");
        self.ask().await.map(|_| ())
    }

    /// Executes the statement: the first column of its last row.
    pub(super) async fn execute(&mut self, parameters: &[&str]) -> std::io::Result<Vec<u8>> {
        let mut bind = [b"\0", STATEMENT.as_bytes(), b"\0", &0_i16.to_be_bytes()].concat();
        bind.extend(i16::try_from(parameters.len()).unwrap().to_be_bytes());
        for parameter in parameters {
            bind.extend(i32::try_from(parameter.len()).unwrap().to_be_bytes());
            bind.extend_from_slice(parameter.as_bytes());
        }
        bind.extend(0_i16.to_be_bytes());
        self.message(Some(b'B'), &bind);
        self.message(Some(b'E'), b"\0\0\0\0\0");
        self.message(Some(b'S'), b"");
        self.ask().await
    }

    fn message(&mut self, kind: Option<u8>, body: &[u8]) {
        self.out.extend(kind);
        self.out.extend(i32::try_from(body.len() + 4).unwrap().to_be_bytes());
        self.out.extend_from_slice(body);
    }

    /// Sends what was written, and reads until the server is ready for more.
    async fn ask(&mut self) -> std::io::Result<Vec<u8>> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        let (mut buffer, mut at) = (Vec::with_capacity(1 << 10), 0);
        let mut value = Vec::new();
        loop {
            while let Some((kind, body)) = message_at(&buffer, at) {
                at += 5 + body.len();
                match kind {
                    // A data row: the number of columns, then each with its length.
                    b'D' => value = body[6..].to_vec(),
                    b'E' => return Err(std::io::Error::other(String::from_utf8_lossy(body).replace('\0', " "))),
                    b'Z' => return Ok(value),
                    _ => {}
                }
            }
            if self.stream.read_buf(&mut buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The message that begins at `at`, once all of it is there.
fn message_at(buffer: &[u8], at: usize) -> Option<(u8, &[u8])> {
    let head = buffer.get(at..at + 5)?;
    let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
    Some((head[0], buffer.get(at + 5..at + 1 + length)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_once_they_are_whole() {
        let bytes = b"Z\0\0\0\x05I";
        assert_eq!(message_at(bytes, 0), Some((b'Z', &b"I"[..])));
        assert_eq!(message_at(&bytes[..5], 0), None);
        assert_eq!(message_at(bytes, 6), None);
    }
}
