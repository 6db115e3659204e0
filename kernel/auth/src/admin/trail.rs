//! The hash chain of a group's audit trail, for its auditors: its head, its check, its export.

use std::fmt::Write as _;

use forecourt_base::{GroupId, Scope, limits};
use serde_json::{Value, json};

use super::{Acting, What};
use crate::Auth;
use crate::chain::{ChainCheck, Head, Seal, Told};
use crate::error::AuthError;

const ACTION: &str = "read-audit";

/// What a check of some seals came to.
#[derive(Debug, Clone)]
pub struct Verification {
    /// The check so far.
    pub check: ChainCheck,
    /// Whether seals lie behind those that were checked.
    pub more: bool,
}

/// A seal with its lines, as an export has them.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The seal's number.
    pub seal: u64,
    /// A line of JSON for each line of the trail, `{"line": key, "text": text}`, then one for the seal, `{"seal": {…}}`.
    pub text: String,
}

impl Auth {
    /// The newest seal of a group's trail. Needs [`AdminRight::ReadAudit`](crate::AdminRight), as everything here. Reading leaves no row.
    ///
    /// # Errors
    /// Those of every action.
    pub async fn audit_head(&self, acting: Acting<'_>, group: &GroupId) -> Result<Head, AuthError> {
        let scope = Scope::group(group.clone());
        inspect!(self, acting, What::reading(ACTION, Some(&scope)), |tx| { Self::chain_head(tx, Some(group)).await })
    }

    /// Checks `seals` seals (at most [`limits::SEALS_CHECKED`]) of a group's trail behind the seal `after`, 0 for the first, against a head known from
    /// outside, if any.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] where there is no seal `after`; those of every action.
    pub async fn verify_audit(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        after: u64,
        seals: usize,
        known: Option<&Head>,
    ) -> Result<Verification, AuthError> {
        let scope = Scope::group(group.clone());
        inspect!(self, acting, What::reading(ACTION, Some(&scope)), |tx| {
            let mut check = Self::chain_check(tx, Some(group), after, known.cloned()).await?;
            let mut more = true;
            for _ in 0..seals.min(limits::SEALS_CHECKED) {
                more = Self::check_seal(tx, Some(group), &mut check, &mut |_| {}).await?;
                if !more {
                    break;
                }
            }
            Ok(Verification { check, more })
        })
    }

    /// The seal behind the seal `after` of a group's trail, with its lines, as text to be taken away; none at the end.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] where there is no seal `after`; those of every action.
    pub async fn export_audit(
        &self,
        acting: Acting<'_>,
        group: &GroupId,
        after: u64,
    ) -> Result<Option<Exported>, AuthError> {
        let scope = Scope::group(group.clone());
        inspect!(self, acting, What::reading(ACTION, Some(&scope)), |tx| {
            let mut check = Self::chain_check(tx, Some(group), after, None).await?;
            let mut text = String::new();
            let more = Self::check_seal(tx, Some(group), &mut check, &mut |told| write(&mut text, told)).await?;
            Ok(more.then(|| Exported { seal: check.number(), text }))
        })
    }
}

fn write(text: &mut String, told: Told<'_>) {
    let line: Value = match told {
        Told::Line { key, text } => json!({ "line": key, "text": String::from_utf8_lossy(text) }),
        Told::Seal(seal) => json!({ "seal": seal }),
    };
    let _ = writeln!(text, "{line}");
}

/// One line of an export, as [`Auth::export_audit`] writes it.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Line {
    Line { line: String, text: String },
    Seal { seal: Seal },
}

impl ChainCheck {
    /// Tells one line of an export.
    ///
    /// # Errors
    /// What is wrong with the line, where it is no line of an export.
    pub fn exported(&mut self, line: &str) -> Result<(), String> {
        match serde_json::from_str(line) {
            Ok(Line::Line { line, text }) => self.line(&line, text.as_bytes()),
            Ok(Line::Seal { seal }) => self.seal(&seal),
            Err(_) => return Err("is neither a line nor a seal of an export".to_owned()),
        }
        Ok(())
    }
}
