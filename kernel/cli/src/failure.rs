//! How a command ends when it does not succeed.

use std::fmt;
use std::io;
use std::process::ExitCode;

use forecourt_storage::StorageError;

/// Why the program ended, as its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Anything that the others do not name.
    Failed = 1,
    /// Wrong arguments, environment or configuration.
    Usage = 2,
    /// The kernel answered with a problem.
    Refused = 3,
    /// No kernel answered.
    Unreachable = 4,
    /// The data folder cannot be opened, or is not what the command needs.
    Data = 5,
    /// The address cannot be listened on.
    Address = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What went wrong and the exit code that it means.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{message}") }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether the reader of the output went away, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Failed, error }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { exit: Exit::Failed, error: error.into() }
    }
}

/// The folder is in use, newer, damaged or not writable: all of it is for whoever runs the kernel to mend.
impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self { exit: Exit::Data, error: error.into() }
    }
}

impl From<forecourt_auth::AuthError> for Failure {
    fn from(error: forecourt_auth::AuthError) -> Self {
        Self { exit: Exit::Failed, error: error.into() }
    }
}

impl From<forecourt_runtime::KernelError> for Failure {
    fn from(error: forecourt_runtime::KernelError) -> Self {
        match error {
            forecourt_runtime::KernelError::Storage(error) => error.into(),
            other => Self { exit: Exit::Failed, error: other.into() },
        }
    }
}

impl From<forecourt_base::IdError> for Failure {
    fn from(error: forecourt_base::IdError) -> Self {
        Self::usage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_that_the_help_names() {
        let in_use = Failure::from(StorageError::InUse { folder: "/data".to_owned() });
        assert_eq!(in_use.exit() as u8, 5);
        assert_eq!(in_use.to_string(), "`/data` is in use by another kernel: stop that one first");
        let full = Failure::from(forecourt_runtime::KernelError::Storage(StorageError::DiskFull));
        assert_eq!(full.exit(), Exit::Data);
        assert_eq!(Failure::from(forecourt_base::StoreId::new("BJ01").unwrap_err()).exit() as u8, 2);
        assert_eq!(Failure::from(anyhow::anyhow!("x")).exit() as u8, 1);
    }

    #[test]
    fn a_reader_that_went_away_is_told_from_a_failure() {
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_closed_pipe());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::NotFound)).is_closed_pipe());
    }
}
