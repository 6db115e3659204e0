//! Being told later.
//!
//! A plugin that sets timers, or has lines under `[[cron]]` in its manifest, exports the kernel's `subscriber` and is told there.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::KernelError;
use crate::common::Datetime;
use crate::private::wit::forecourt::kernel::timers;

/// Sets a timer of this plugin in this store, in place of the one of that key: at `at` or within about a second after it, the plugin is told
/// with this payload. It vanishes with the call when that fails.
///
/// # Errors
/// [`KernelError`] where the kernel refuses the key, the time or the payload, or the plugin holds too many timers.
pub fn set<P: Serialize>(key: &str, at: &str, payload: &P) -> Result<(), KernelError> {
    Ok(timers::set(key, at, &serde_json::to_string(payload)?)?)
}

/// Removes a timer; whether there was one. One of which the plugin is about to be told is no more, so a handler looks again whether
/// what it is told still matters.
///
/// # Errors
/// [`KernelError`] where the kernel refuses the key.
pub fn cancel(key: &str) -> Result<bool, KernelError> {
    Ok(timers::cancel(key)?)
}

/// A timer whose time has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fired {
    /// Its key.
    pub key: String,
    /// When it was due.
    pub at: Datetime,
    /// What it was set with, as JSON.
    pub payload: serde_json::Value,
}

impl Fired {
    /// The payload as the type that it was set with.
    ///
    /// # Errors
    /// [`KernelError::Json`] where it is of another.
    pub fn payload<P: DeserializeOwned>(&self) -> Result<P, KernelError> {
        Ok(serde_json::from_value(self.payload.clone())?)
    }
}

/// A run of a line under `[[cron]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronRun {
    /// The line's name.
    pub name: String,
    /// The instant for which the run was planned, which may lie a while back after a stop of the kernel.
    pub planned: Datetime,
}
