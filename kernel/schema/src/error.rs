//! Why a component was refused.

use std::fmt;

use forecourt_base::Bilingual;
use thiserror::Error;

/// A text of both languages with the same values in it.
macro_rules! both {
    ($en:literal, $zh:literal $(, $value:expr)*) => {
        ::forecourt_base::Bilingual::made(format!($en $(, $value)*), format!($zh $(, $value)*))
    };
}
pub(crate) use both;

/// A component was refused, for one or more reasons.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct SchemaError {
    problems: Vec<Problem>,
}

/// One reason why a component was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The kind of reason.
    pub code: Code,
    /// The reason.
    pub message: Bilingual,
}

/// Kinds of reasons to refuse a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A bound is exceeded.
    Limit,
    /// The bytes are not a component.
    NotAComponent,
    /// A custom section is missing, doubled or unreadable.
    Section,
    /// `plugin.toml` is wrong.
    Manifest,
    /// The labels are wrong.
    Labels,
    /// The embedded WIT is wrong.
    Wit,
    /// The embedded WIT or the manifest tells other than the component.
    Mismatch,
    /// The component imports what no plugin may have.
    Import,
    /// The component exports what no plugin may export.
    Export,
    /// An interface breaks a convention of areas.
    Convention,
    /// A collection or an index is wrong.
    Collection,
    /// A topic is wrong.
    Topic,
    /// A role mapping or a power is wrong.
    Roles,
}

impl Code {
    /// The stable text of the code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Limit => "limit",
            Code::NotAComponent => "not-a-component",
            Code::Section => "section",
            Code::Manifest => "manifest",
            Code::Labels => "labels",
            Code::Wit => "wit",
            Code::Mismatch => "mismatch",
            Code::Import => "import",
            Code::Export => "export",
            Code::Convention => "convention",
            Code::Collection => "collection",
            Code::Topic => "topic",
            Code::Roles => "roles",
        }
    }
}

impl SchemaError {
    /// An error with one reason.
    pub(crate) fn new(code: Code, message: Bilingual) -> Self {
        Self { problems: vec![Problem { code, message }] }
    }

    /// The reasons, at least one, in the order found.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let gap = if index == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", problem.code.as_str(), problem.message)?;
        }
        Ok(())
    }
}

/// Reasons collected while reading goes on.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, code: Code, message: Bilingual) {
        if self.0.len() < crate::limits::PROBLEMS {
            self.0.push(Problem { code, message });
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn absorb(&mut self, error: SchemaError) {
        for problem in error.problems {
            self.add(problem.code, problem.message);
        }
    }

    /// An error if any reason was found.
    pub(crate) fn finish(self) -> Result<(), SchemaError> {
        if self.0.is_empty() { Ok(()) } else { Err(SchemaError { problems: self.0 }) }
    }
}
