//! Slows down guessing of passwords: failures are counted per account and address, and per address, in windows of a quarter of an hour. Guesses of tokens
//! are counted per address and kind.
//!
//! INVARIANT (no-lock-out): no count is of an account alone, so failures from elsewhere never keep the owner out.
//! The tables live in memory and are bounded; when one is full its oldest window goes.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use forecourt_base::{GroupId, Timestamp, UserId, limits};

use crate::error::AuthError;
use crate::token::SessionKey;

#[cfg(test)]
mod tests;

const WINDOW_MS: i64 = 15 * 60 * 1_000;
const TABLE_ENTRIES: usize = 65_536;

/// One account as named at sign-in. All names that can't be a user's count as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) group: Option<GroupId>,
    pub(crate) user: Option<UserId>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start: Timestamp,
    failures: usize,
}

/// Counts in windows. Windows begin in the order of `order`, whose front is therefore the oldest.
#[derive(Debug)]
struct Table<K> {
    windows: HashMap<K, Window>,
    order: VecDeque<(K, Timestamp)>,
    entries_max: usize,
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn new(entries_max: usize) -> Self {
        Self { windows: HashMap::new(), order: VecDeque::new(), entries_max }
    }

    /// Milliseconds until `key` may try again, when it has failed `failures_max` times in its window.
    fn wait_ms(&self, key: &K, failures_max: usize, now: Timestamp) -> Option<i64> {
        let window = self.windows.get(key)?;
        let left = window.start.plus_millis(WINDOW_MS).as_millis() - now.as_millis();
        (window.failures >= failures_max && left > 0).then_some(left.min(WINDOW_MS))
    }

    fn add(&mut self, key: &K, now: Timestamp) {
        match self.windows.get_mut(key) {
            Some(window) if now < window.start.plus_millis(WINDOW_MS) => window.failures += 1,
            _ => {
                self.windows.insert(key.clone(), Window { start: now, failures: 1 });
                self.order.push_back((key.clone(), now));
                self.trim(now);
            }
        }
    }

    fn take_back(&mut self, key: &K) {
        if let Some(window) = self.windows.get_mut(key) {
            window.failures = window.failures.saturating_sub(1);
        }
    }

    /// Drops windows that are over, and the oldest while there are too many. A key whose window began anew has a later place in the order.
    fn trim(&mut self, now: Timestamp) {
        while let Some((key, start)) = self.order.front() {
            let full = self.order.len() > self.entries_max;
            if !full && now < start.plus_millis(WINDOW_MS) {
                return;
            }
            if self.windows.get(key).is_some_and(|window| window.start == *start) {
                self.windows.remove(key);
            }
            self.order.pop_front();
        }
    }
}

/// Tokens that may be guessed at. None of it hinders those who show a good one, but of a reset, which is used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// API keys.
    ApiKey,
    /// Password resets.
    Reset,
}

#[derive(Debug)]
struct Tables {
    accounts: Table<(Account, Option<IpAddr>)>,
    addresses: Table<IpAddr>,
    guesses: Table<(Guess, IpAddr)>,
    /// Calls through links, from one address and from all.
    links: Table<(SessionKey, Option<IpAddr>)>,
}

impl Tables {
    fn take_back_of(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address {
            self.addresses.take_back(&address);
        }
    }
}

/// The counts of failed sign-ins.
#[derive(Debug)]
pub(crate) struct Throttle(Mutex<Tables>);

impl Throttle {
    pub(crate) fn new() -> Self {
        Self::bounded(TABLE_ENTRIES)
    }

    fn bounded(entries_max: usize) -> Self {
        let (accounts, addresses) = (Table::new(entries_max), Table::new(entries_max));
        Self(Mutex::new(Tables {
            accounts,
            addresses,
            guesses: Table::new(entries_max),
            links: Table::new(entries_max),
        }))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether more tokens of a kind may be guessed from an address.
    pub(crate) fn check_guesses(&self, guess: Guess, address: IpAddr, now: Timestamp) -> Result<(), AuthError> {
        let wait = self.tables().guesses.wait_ms(&(guess, network(address)), limits::GUESSES_ADDRESS, now);
        wait.map_or(Ok(()), |wait| Err(throttled(wait)))
    }

    /// Counts a token that was none.
    pub(crate) fn count_guess(&self, guess: Guess, address: IpAddr, now: Timestamp) {
        self.tables().guesses.add(&(guess, network(address)), now);
    }

    /// Counts a call through a link; whether it is within the limits. Whoever floods a link from one address hinders nobody at another before the link's own
    /// limit is reached.
    pub(crate) fn count_link(&self, link: SessionKey, address: IpAddr, now: Timestamp) -> bool {
        let mut tables = self.tables();
        let both = [((link, Some(network(address))), limits::LINK_CALLS_ADDRESS), ((link, None), limits::LINK_CALLS)];
        if both.iter().any(|(key, most)| tables.links.wait_ms(key, *most, now).is_some()) {
            return false;
        }
        both.iter().for_each(|(key, _)| tables.links.add(key, now));
        true
    }

    /// Begins an attempt from `address`, or from none that matters. It counts as failed until it is told otherwise: many at once get no more guesses
    /// than one after another.
    pub(crate) fn begin(
        &self,
        account: Account,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Attempt<'_>, AuthError> {
        let address = address.map(network);
        let pair = (account, address);
        let mut tables = self.tables();
        let waits = [
            tables.accounts.wait_ms(&pair, limits::SIGN_IN_FAILURES, now),
            address.and_then(|address| tables.addresses.wait_ms(&address, limits::SIGN_IN_FAILURES_ADDRESS, now)),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(throttled(wait));
        }
        tables.accounts.add(&pair, now);
        if let Some(address) = address {
            tables.addresses.add(&address, now);
        }
        Ok(Attempt { throttle: self, pair })
    }
}

fn throttled(wait_ms: i64) -> AuthError {
    AuthError::Throttled { retry_after_s: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000) }
}

/// An attempt under way. Dropped, it stays counted as a failure.
#[derive(Debug)]
pub(crate) struct Attempt<'t> {
    throttle: &'t Throttle,
    pair: (Account, Option<IpAddr>),
}

impl Attempt<'_> {
    /// The password was right: the account's failures from this address are forgotten.
    pub(crate) fn succeeded(self) {
        let mut tables = self.throttle.tables();
        if let Some(window) = tables.accounts.windows.get_mut(&self.pair) {
            window.failures = 0;
        }
        tables.take_back_of(self.pair.1);
    }

    /// No password was checked.
    pub(crate) fn not_made(self) {
        let mut tables = self.throttle.tables();
        tables.accounts.take_back(&self.pair);
        tables.take_back_of(self.pair.1);
    }
}

/// What counts as one address: an IPv4 address, or the 64 bits of an IPv6 address that its holder can't choose.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}
