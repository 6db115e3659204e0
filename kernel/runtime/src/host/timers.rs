//! Timers: rows of the transaction, which become events of the plugin when their time has come.

use forecourt_base::{Timestamp, limits};
use forecourt_bus::timers::{Timer, cancel, held, set};
use forecourt_storage::{Mode, StorageError, Transaction};
use serde_json::value::RawValue;

use crate::bindings::forecourt::kernel::timers;
use crate::error::Abort;
use crate::state::CallState;

const DAY_MS: i64 = 86_400_000;

impl CallState {
    async fn set_timer(&mut self, key: &str, at: &str, payload: String) -> Result<Result<(), timers::Error>, Abort> {
        let now = self.enter("timers")?.origin.started;
        let timer = match self.timer(key, at, payload, now) {
            Ok(timer) => timer,
            Err(error) => return Ok(Err(error)),
        };
        if self.has_most_timers().await? {
            return Ok(Err(timers::Error::TooMany(limits::TIMERS_HELD as u64)));
        }
        let plugin = self.module.plugin.clone();
        let tree = self.tree()?;
        let scope = tree.origin.scope.clone();
        match set(&mut tree.transaction, &scope, &plugin, key, &timer).await {
            Ok(()) => tree.wake.timer(timer.at),
            Err(StorageError::ReadOnly) => return Ok(Err(timers::Error::ReadOnly)),
            Err(error) => return Err(error.into()),
        }
        tree.check_storage()?;
        Ok(Ok(()))
    }

    fn timer(&mut self, key: &str, at: &str, payload: String, now: Timestamp) -> Result<Timer, timers::Error> {
        check_key(key)?;
        if payload.len() > limits::TIMER_PAYLOAD_BYTES {
            return Err(timers::Error::TooLarge(limits::TIMER_PAYLOAD_BYTES as u64));
        }
        let at = due(at, now)?;
        let payload = RawValue::from_string(payload).map_err(|error| timers::Error::Invalid(error.to_string()))?;
        let tree = self.tree().map_err(|_| timers::Error::ReadOnly)?;
        Ok(Timer { at, payload, request_id: tree.origin.request_id.to_string(), trace: tree.trace() })
    }

    /// Whether the plugin holds as many timers as it may. The number is read beside the transaction, or all who set timers would conflict, so it may be
    /// passed by what runs at once.
    async fn has_most_timers(&mut self) -> Result<bool, Abort> {
        let plugin = self.module.plugin.clone();
        let tree = self.tree()?;
        let scope = &tree.origin.scope;
        let mut beside = Transaction::begin(tree.kernel.storage(), Some(scope.group.clone()), Mode::ReadOnly)?;
        Ok(held(&mut beside, scope, &plugin).await? >= limits::TIMERS_HELD)
    }
}

fn check_key(key: &str) -> Result<(), timers::Error> {
    let good = !key.is_empty() && key.len() <= limits::TIMER_KEY_BYTES && !key.chars().any(char::is_control);
    if good { Ok(()) } else { Err(timers::Error::BadKey(key.chars().take(80).collect())) }
}

fn due(at: &str, now: Timestamp) -> Result<Timestamp, timers::Error> {
    let bad = || timers::Error::BadTime(at.chars().take(80).collect());
    let instant: jiff::Timestamp = at.parse().map_err(|_| bad())?;
    let due = Timestamp::from_millis(instant.as_millisecond());
    let days = i64::try_from(limits::TIMER_AHEAD_D).unwrap_or(i64::MAX / DAY_MS);
    if due > now.plus_millis(days * DAY_MS) { Err(bad()) } else { Ok(due) }
}

impl timers::Host for CallState {
    async fn set(&mut self, key: String, at: String, payload: String) -> wasmtime::Result<Result<(), timers::Error>> {
        Ok(self.set_timer(&key, &at, payload).await?)
    }

    async fn cancel(&mut self, key: String) -> wasmtime::Result<Result<bool, timers::Error>> {
        self.enter("timers")?;
        if let Err(error) = check_key(&key) {
            return Ok(Err(error));
        }
        let plugin = self.module.plugin.clone();
        let tree = self.tree()?;
        let scope = tree.origin.scope.clone();
        let cancelled = match cancel(&mut tree.transaction, &scope, &plugin, &key).await {
            Ok(cancelled) => cancelled,
            Err(StorageError::ReadOnly) => return Ok(Err(timers::Error::ReadOnly)),
            Err(error) => return Err(Abort::from(error).into()),
        };
        tree.check_storage()?;
        Ok(Ok(cancelled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_times_are_checked() {
        let now = Timestamp::from_millis(1_768_032_000_000);
        assert_eq!(due("2026-01-10T16:00:00+08:00", now).unwrap(), now);
        assert_eq!(due("1999-01-01T00:00:00Z", now).unwrap(), Timestamp::from_millis(915_148_800_000));
        for bad in ["", "2026-01-10", "soon", "2037-01-10T00:00:00Z", "9999-12-31T00:00:00Z"] {
            assert!(matches!(due(bad, now), Err(timers::Error::BadTime(_))), "{bad}");
        }
        assert!(check_key("promised/17 号").is_ok());
        for bad in ["", "a\nb", &"x".repeat(limits::TIMER_KEY_BYTES + 1)] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
    }
}
