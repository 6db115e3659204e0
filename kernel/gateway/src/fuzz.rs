//! The reader of bodies, opened for fuzzing alone: the feature `fuzz` is in no default build.

use serde_json::Value;

use crate::language::Language;
use crate::strict;

/// Reads a body as the gateway does.
///
/// # Errors
/// The refusal: the problem's name, and its text in English and Chinese.
pub fn parse(bytes: &[u8]) -> Result<Value, (&'static str, [String; 2])> {
    strict::parse(bytes)
        .map_err(|problem| (problem.kind().name, [Language::En, Language::Zh].map(|language| problem.detail(language))))
}
