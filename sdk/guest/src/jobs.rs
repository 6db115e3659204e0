//! Long work in steps.
//!
//! A plugin with `[[jobs]]` in its manifest exports the kernel's `job` and takes the steps there, each a transaction of its own.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::KernelError;
use crate::private::wit::forecourt::kernel::jobs;

/// Starts a job of this plugin in this store: its id. It begins once the call has committed, and never when that fails.
///
/// # Errors
/// [`KernelError`] where the manifest declares no such job, the arguments are too large, or too many run.
pub fn start<A: Serialize>(name: &str, arguments: &A) -> Result<String, KernelError> {
    Ok(jobs::start(name, &serde_json::to_string(arguments)?)?)
}

/// What a job was started with, of the type that it was.
///
/// # Errors
/// [`KernelError::Json`] where it is of another: whoever may start a job may give it any arguments.
pub fn arguments<A: DeserializeOwned>(json: &str) -> Result<A, KernelError> {
    Ok(serde_json::from_str(json)?)
}
