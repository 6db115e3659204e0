//! What a demo's data folder remembers of the demo itself.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use forecourt_base::{OsRandom, Random};
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// Digits and letters that nobody mistakes for one another; without vowels no word comes about, so no sign-in name either.
const LETTERS: [char; 26] = [
    'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2', '3', '4', '6',
    '7', '8', '9',
];

/// The file `demo.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// The users' password, where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// Whether all records were made.
    #[serde(default)]
    pub(super) complete: bool,
}

impl State {
    pub(super) fn path(data: &Path) -> PathBuf {
        data.join("demo.json")
    }

    /// What the folder remembers; nothing where there is none.
    pub(super) fn load(data: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = data.map(Self::path) else { return Ok(Self::default()) };
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Data, format!("`{}` was not read: {error}", path.display()))
        };
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(&error)),
        }
    }

    /// A new password, kept before anyone gets it: a demo that is killed half-made is completed with it.
    pub(super) fn make_password(&mut self, data: Option<&Path>) -> Result<String, Failure> {
        let mut bytes = [0; 16];
        OsRandom.fill(&mut bytes);
        let mut password = String::new();
        for (index, byte) in bytes.into_iter().enumerate() {
            if index > 0 && index % 4 == 0 {
                password.push('-');
            }
            password.extend(LETTERS.get(usize::from(byte) % LETTERS.len()));
        }
        self.password = Some(password.clone());
        self.keep(data)?;
        Ok(password)
    }

    pub(super) fn completed(&mut self, data: Option<&Path>) -> Result<(), Failure> {
        self.complete = true;
        self.keep(data)
    }

    fn keep(&self, data: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = data.map(Self::path) else { return Ok(()) };
        let unfinished = path.with_extension("new");
        let text = serde_json::to_vec_pretty(self).map_err(anyhow::Error::from)?;
        let write = || {
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)
        };
        write().map_err(|error| Failure::new(Exit::Data, format!("`{}` was not written: {error}", path.display())))
    }
}

#[cfg(test)]
impl State {
    pub(super) fn kept_for_test(&self, data: &Path) {
        self.keep(Some(data)).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_made_password_is_kept_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = Some(folder.path());
        let mut state = State::load(data).unwrap();
        assert!(state.password.is_none() && !state.complete);
        let password = state.make_password(data).unwrap();
        assert_eq!(password.len(), 19);
        state.completed(data).unwrap();
        let again = State::load(data).unwrap();
        assert_eq!(again.password, Some(password));
        assert!(again.complete);
        let mode = std::fs::metadata(State::path(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(State::path(folder.path()), "{").unwrap();
        let failure = State::load(Some(folder.path())).unwrap_err();
        assert_eq!(failure.exit(), Exit::Data);
        assert!(failure.to_string().contains("demo.json` was not read"), "{failure}");
    }

    #[test]
    fn made_passwords_pass_the_rules_for_every_user() {
        let password = State::default().make_password(None).unwrap();
        super::super::people::check_password(&password).unwrap();
        assert_ne!(State::default().make_password(None).unwrap(), password);
    }
}
