//! What can go wrong in the runtime, for callers and within a call tree.

use forecourt_auth::AuthError;
use forecourt_bus::BusError;
use forecourt_bus::jobs::{JobError, JobState};
use forecourt_registry::RegistryError;
use forecourt_schema::{FieldError, SchemaError};
use forecourt_storage::StorageError;
use thiserror::Error;

use crate::files::FileError;
use crate::secrets::SecretError;

/// Starting or operating the kernel failed.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The WebAssembly engine refused its configuration or a component.
    #[error("{0}")]
    Engine(String),
    /// A component did not compile within its limits.
    #[error("the component was not compiled: {0}")]
    Compile(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The acting principal may not do this, or is no longer signed in.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// As many such actions run as may.
    #[error("limit `{0}` is reached: try again later")]
    Full(&'static str),
    /// The component's schema was refused.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Events could not be read.
    #[error(transparent)]
    Events(#[from] BusError),
    /// A file was not taken or given.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A secret was not taken.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What was asked of a job was refused.
    #[error(transparent)]
    Job(#[from] JobRefused),
    /// A file of the kernel's own could not be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

/// What was asked of a job was refused.
#[derive(Debug, Error)]
pub enum JobRefused {
    /// No plugin that serves there has a job of this name, `plugin/name`.
    #[error("no job `{0}`")]
    UnknownName(String),
    /// There is no job with this id.
    #[error("no job `{0}`")]
    Unknown(String),
    /// The job has ended, or has not.
    #[error("the job is {}", .0.name())]
    State(JobState),
    /// As many jobs of the plugin run there as may.
    #[error("limit `JOBS_HELD` is reached")]
    TooMany,
    /// The arguments are larger than this many bytes.
    #[error("the arguments are larger than {0} bytes")]
    TooLarge(usize),
}

impl From<JobError> for KernelError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Unknown(id) => JobRefused::Unknown(id).into(),
            JobError::State(state) => JobRefused::State(state).into(),
            JobError::Storage(error) => error.into(),
        }
    }
}

/// Why a root call gave no `ok` value.
#[derive(Debug, Error)]
pub enum CallError {
    /// An argument is missing, unknown, malformed or breaks its type's rule.
    #[error("{} of the arguments are wrong", .fields.len())]
    Malformed {
        /// Which fields, and why.
        fields: Vec<FieldError>,
    },
    /// The session ended, or the user was disabled.
    #[error("not signed in")]
    Unauthenticated,
    /// The principal, or a plugin on the way, lacks the right.
    #[error("denied: {reason}")]
    Denied {
        /// A stable code: `no-grant`, `not-member`, `plugin-not-granted`…
        reason: String,
    },
    /// The enabled plugin has no such interface or operation.
    #[error("no operation `{0}`")]
    UnknownOperation(String),
    /// A command was asked for by a method that only reads.
    #[error("`{0}` is a command")]
    CommandByGet(String),
    /// A query with personal parameters was asked for by a method whose address is logged.
    #[error("`{0}` takes personal data and is not read by GET")]
    PersonalByGet(String),
    /// No plugin serves the area here.
    #[error("area `{0}` is not enabled here")]
    AreaNotEnabled(String),
    /// The operation answered with its `err` value.
    #[error("`{case}`")]
    Domain {
        /// The case of the operation's error variant, in snake case.
        case: String,
        /// The whole error value as JSON.
        error: serde_json::Value,
        /// Whether this is a kept answer to an earlier request with the same idempotency key.
        replayed: bool,
    },
    /// A nested call needed an interface that nobody serves here.
    #[error("`{0}` is not enabled here")]
    DependencyNotEnabled(String),
    /// A plugin trapped.
    #[error("plugin `{plugin}` trapped")]
    Trap {
        /// The plugin whose instance trapped.
        plugin: String,
    },
    /// A limit was breached; its name is one of `forecourt limits`.
    #[error("limit `{0}` exceeded")]
    Limit(&'static str),
    /// The call did not end in time; nothing was committed.
    #[error("the call took too long")]
    Timeout,
    /// As much runs as may.
    #[error("limit `{0}` is reached: try again")]
    Full(&'static str),
    /// A plugin failed so often that it is suspended for a while; nothing was committed.
    #[error("plugin `{plugin}` is suspended: try again in {retry_after_ms} ms")]
    Suspended {
        /// The plugin, the root's or one that it calls.
        plugin: String,
        /// When it is tried again, in milliseconds from now, 1 or more.
        retry_after_ms: u64,
    },
    /// Other calls changed the same records at every attempt.
    #[error("every attempt met a conflict")]
    Conflict,
    /// Whether the call was committed is not known.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// The disk is full: the kernel reads only.
    #[error("the disk is full")]
    DiskFull,
    /// The idempotency key was used with other arguments.
    #[error("the idempotency key was used with another body")]
    IdempotencyMismatch,
    /// The kernel failed, not the plugin.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<AuthError> for CallError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Storage(error) => error.into(),
            AuthError::PrincipalChanged => Self::Conflict,
            AuthError::Denied { reason, .. } => Self::Denied { reason: reason.code().to_owned() },
            error if error.is_unauthenticated() => Self::Unauthenticated,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<StorageError> for CallError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Conflict => Self::Conflict,
            StorageError::OutcomeUnknown => Self::OutcomeUnknown,
            StorageError::DiskFull => Self::DiskFull,
            StorageError::AddOverflow { .. } => Self::Limit("ADD_SUM_BITS"),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<AuthError> for Abort {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Storage(error) => Self::Storage(error),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<RegistryError> for CallError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Storage(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// What ends a call tree from within a host function. Guests cannot catch it.
#[derive(Debug, Error)]
pub(crate) enum Abort {
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    #[error("limit `{0}`")]
    Limit(&'static str),
    #[error("denied: {0}")]
    Denied(String),
    #[error("`{0}` is not enabled")]
    NotEnabled(String),
    #[error("plugin `{plugin}`: {what}")]
    Misuse { plugin: String, what: String },
    #[error("plugin `{plugin}` trapped")]
    Trap { plugin: String },
    #[error("limit `{0}` is reached")]
    Full(&'static str),
    #[error("plugin `{plugin}` is suspended")]
    Suspended { plugin: String, retry_after_ms: u64 },
    #[error("internal: {0}")]
    Internal(String),
}

impl Abort {
    /// A stable word for it, for metrics and traces.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Storage(StorageError::Conflict) => "conflict",
            Self::Storage(_) | Self::Internal(_) => "internal",
            Self::Limit(name) => name,
            Self::Denied(_) => "denied",
            Self::NotEnabled(_) => "not-enabled",
            Self::Misuse { .. } | Self::Trap { .. } => "trap",
            Self::Full(_) => "full",
            Self::Suspended { .. } => "plugin-suspended",
        }
    }
}

impl From<Abort> for CallError {
    fn from(abort: Abort) -> Self {
        match abort {
            Abort::Storage(error) => error.into(),
            Abort::Limit(name) => Self::Limit(name),
            Abort::Denied(reason) => Self::Denied { reason },
            Abort::NotEnabled(interface) => Self::DependencyNotEnabled(interface),
            Abort::Misuse { plugin, .. } | Abort::Trap { plugin } => Self::Trap { plugin },
            Abort::Full(name) => Self::Full(name),
            Abort::Suspended { plugin, retry_after_ms } => Self::Suspended { plugin, retry_after_ms },
            Abort::Internal(text) => Self::Internal(text),
        }
    }
}
