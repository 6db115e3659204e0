//! The requests that the benches send: of the areas of guests `jobs` and `desk`, in one store, by one user.

use std::io::Write;
use std::sync::Arc;

use crate::bench::load::{Request, Turn};

/// The store.
pub const STORE: &str = "bj01";
/// How many cards the commands write, over and over.
pub const CARDS: u64 = 1_000;
/// Among how many bays the cards move.
const BAYS: u64 = 50;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A durable command of one plugin.
    Command,
    /// A command with a nested one.
    Nested,
    /// A query of one record.
    Read,
    /// A page of an index.
    List,
}

impl Kind {
    /// The path of its operation.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::Command => "jobs/cards/put-card",
            Self::Nested => "desk/visits/receive",
            Self::Read => "jobs/cards/get-card",
            Self::List => "jobs/cards/list-cards",
        }
    }

    fn body(self, turn: Turn) -> String {
        let (card, bay) = (card(turn), bay(card(turn) + turn.number));
        let change = || {
            format!(
                r#"{{"id":"card-{card:04}","title":"更换机油和机油滤清器","bay":"{bay}","price":{}}}"#,
                9_900 + card
            )
        };
        match self {
            Self::Command => format!(r#"{{"change":{}}}"#, change()),
            Self::Nested => format!(r#"{{"visit":"visit-{card:04}","change":{}}}"#, change()),
            Self::Read => format!(r#"{{"card":"card-{card:04}"}}"#),
            Self::List => format!(r#"{{"bay":"{bay}","limit":20}}"#),
        }
    }

    /// Requests of this kind for the holder of a token. No two connections of a round write the same card; each command has a key of its own.
    #[must_use]
    pub fn requests(self, token: &str) -> Request {
        let head = self.head(token);
        let keyed = matches!(self, Self::Command | Self::Nested);
        Arc::new(move |turn: Turn, to: &mut Vec<u8>| {
            to.extend_from_slice(head.as_bytes());
            if keyed {
                let Turn { round, connection, number, .. } = turn;
                write!(to, "idempotency-key: {round}-{connection}-{number}\r\n").unwrap();
            }
            end(to, &self.body(turn));
        })
    }

    /// The same request over and over.
    #[must_use]
    pub fn with_body(self, body: &str, token: &str) -> Request {
        let mut request = self.head(token).into_bytes();
        end(&mut request, body);
        Arc::new(move |_, to: &mut Vec<u8>| to.extend_from_slice(&request))
    }

    fn head(self, token: &str) -> String {
        let path = format!("/v1/stores/{STORE}/{}", self.operation());
        format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        )
    }
}

fn end(to: &mut Vec<u8>, body: &str) {
    write!(to, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
}

/// The bay of this number: after the last comes the first.
#[must_use]
pub fn bay(number: u64) -> String {
    format!("bay-{:02}", number % BAYS)
}

/// The card that a connection's turn is about: each connection has its own.
fn card(turn: Turn) -> u64 {
    let each = (CARDS / turn.connections).max(1);
    turn.connection * each + turn.number % each
}
