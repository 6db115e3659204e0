//! Clients that choose at random what their transactions do.

use std::sync::Arc;

use forecourt_base::{OsRandom, Random, SeededRandom};
use forecourt_checker::{Key, Outcome};

use crate::history::client::{BUCKET, Client, How, Put};
use crate::history::number;
use crate::history::world::{COUNTERS, STAMPED, World};
use crate::{Direction, Mode, StorageError};

/// Lists in use at one time; as many stamped ones.
const KEYS: u64 = 12;
/// Transactions after which a list gives way to a new one, so that lists stay short however long the history.
const TURN: u64 = 40;

/// Random choices that follow from a seed.
pub(super) struct Choices {
    seed: u64,
    random: SeededRandom,
}

impl Choices {
    pub(super) fn new() -> Self {
        Self::of(number("FORECOURT_SEED").unwrap_or_else(|| OsRandom.next_u64()))
    }

    pub(super) fn of(seed: u64) -> Self {
        Self { seed, random: SeededRandom::new(seed) }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn branch(&self, number: u64) -> Self {
        Self { seed: self.seed, random: SeededRandom::new(self.seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93)) }
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of the lists in use when transaction `id` runs.
    fn key(&self, id: u64) -> Key {
        let key = id / TURN + self.below(KEYS);
        if self.once_in(4) { STAMPED + key } else { key }
    }

    fn how(&self) -> How {
        How {
            indexed: self.once_in(3),
            direction: if self.once_in(2) { Direction::Forward } else { Direction::Backward },
            limit: usize::try_from(1 + self.below(6)).unwrap(),
            pages: self.once_in(2),
        }
    }
}

/// Runs transactions until `transactions` were begun by all.
pub(super) async fn client(world: Arc<World>, choices: Choices, transactions: u64) {
    loop {
        let mode = if choices.once_in(4) { Mode::ReadOnly } else { Mode::ReadWrite };
        let mut client = Client::begin(&world, mode);
        if client.id() >= transactions {
            client.leave(Outcome::Aborted);
            return;
        }
        let acts = 1 + choices.below(if mode == Mode::ReadOnly { 8 } else { 4 });
        let mut result = Ok(());
        for _ in 0..acts {
            result = act(&mut client, &choices, mode).await;
            if result.is_err() {
                break;
            }
            // Others get their turn in the midst of it.
            tokio::task::yield_now().await;
        }
        match result {
            Err(StorageError::Conflict) if mode == Mode::ReadWrite => client.leave(Outcome::Aborted),
            Err(error) => panic!("T{} ({mode:?}): {error}", client.id()),
            Ok(()) if choices.once_in(12) => client.leave(Outcome::Aborted),
            Ok(()) if choices.once_in(8) => client.finish().await,
            Ok(()) => {
                client.commit().await;
            }
        }
    }
}

async fn act(client: &mut Client<'_>, choices: &Choices, mode: Mode) -> Result<(), StorageError> {
    let writes = mode == Mode::ReadWrite;
    match choices.below(if writes { 12 } else { 6 }) {
        0..2 => client.read(choices.key(client.id())).await,
        2..5 => range(client, choices).await,
        5 => client.counters().await.map(|_| ()),
        6 => {
            let (from, n) = (choices.below(COUNTERS), choices.below(9).cast_signed());
            client.transfer(from, (from + 1) % COUNTERS, n).await
        }
        7 => {
            let point = client.savepoint();
            append(client, choices).await?;
            range(client, choices).await?;
            client.rollback_to(&point);
            Ok(())
        }
        _ => append(client, choices).await,
    }
}

async fn append(client: &mut Client<'_>, choices: &Choices) -> Result<(), StorageError> {
    let put = Put { moves: choices.once_in(4), large: choices.once_in(50) };
    client.append(choices.key(client.id()), put).await
}

async fn range(client: &mut Client<'_>, choices: &Choices) -> Result<(), StorageError> {
    let (from, how) = (choices.key(client.id()), choices.how());
    let from = if how.indexed { from / BUCKET * BUCKET } else { from };
    let length = if how.indexed { BUCKET * (1 + choices.below(3)) } else { 1 + choices.below(KEYS) };
    client.range(from, from + length, &how).await
}
