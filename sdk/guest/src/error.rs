//! Requests that the kernel refused.

use std::fmt;

use crate::private::wit::forecourt::kernel::{events, http, jobs, storage, timers};

/// Why storage refused a request.
pub use storage::Error as StorageError;

/// The kernel refused a request, or gave back a record that is not of the expected type.
///
/// Most of these mean that the plugin and its manifest disagree. `?` turns one into the `other` case of an operation's error.
#[derive(Debug, Clone, PartialEq)]
pub enum KernelError {
    /// Storage refused.
    Storage(storage::Error),
    /// The event bus refused.
    Events(events::Error),
    /// An outbound request was not taken.
    Http(http::Error),
    /// The jobs refused.
    Jobs(jobs::Error),
    /// The timers refused.
    Timers(timers::Error),
    /// A record is not of its collection's type, or a value has no JSON form.
    Json(String),
}

impl KernelError {
    /// The error as a code for the `other` case, after writing a line to the kernel's log.
    #[must_use]
    pub fn logged(&self) -> String {
        let code = self.to_string();
        crate::log::error(&code, &[]);
        code
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "storage: {error:?}"),
            Self::Events(error) => write!(f, "events: {error:?}"),
            Self::Http(error) => write!(f, "http: {error:?}"),
            Self::Jobs(error) => write!(f, "jobs: {error:?}"),
            Self::Timers(error) => write!(f, "timers: {error:?}"),
            Self::Json(error) => write!(f, "json: {error}"),
        }
    }
}

impl std::error::Error for KernelError {}

impl From<storage::Error> for KernelError {
    fn from(error: storage::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<http::Error> for KernelError {
    fn from(error: http::Error) -> Self {
        Self::Http(error)
    }
}

impl From<events::Error> for KernelError {
    fn from(error: events::Error) -> Self {
        Self::Events(error)
    }
}

impl From<jobs::Error> for KernelError {
    fn from(error: jobs::Error) -> Self {
        Self::Jobs(error)
    }
}

impl From<timers::Error> for KernelError {
    fn from(error: timers::Error) -> Self {
        Self::Timers(error)
    }
}

impl From<serde_json::Error> for KernelError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}
