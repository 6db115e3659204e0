//! What a backup says of itself.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::StorageError;
use crate::engine::Position;
use crate::files::{Files, read_all, replace};

const FORMAT: u32 = 1;
const FILE: &str = "manifest.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The position of the last commit in the backup.
    pub(super) position: Position,
    pub(super) files: Vec<Entry>,
}

/// One file, by its path from the backup's folder on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn new(position: Position, files: Vec<Entry>) -> Self {
        Self { format: FORMAT, position, files }
    }

    pub(super) fn write(&self, files: &dyn Files, folder: &Path) -> Result<(), StorageError> {
        let text = serde_json::to_vec_pretty(self)?;
        replace(files, folder, FILE, &text).map_err(|error| StorageError::io(folder, error))
    }

    pub(super) fn read(files: &dyn Files, folder: &Path) -> Result<Self, StorageError> {
        let bad = |detail: String| StorageError::BadBackup { folder: folder.display().to_string(), detail };
        let bytes = match files.open(&folder.join(FILE)).and_then(|file| read_all(&*file)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(bad(format!("it has no `{FILE}`: it is none, or was not finished")));
            }
            Err(error) => return Err(StorageError::io(folder, error)),
        };
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|error| bad(format!("`{FILE}` cannot be read: {error}")))?;
        if manifest.format != FORMAT {
            return Err(bad(format!("it has format {}, this version reads {FORMAT}", manifest.format)));
        }
        let climbs = |entry: &&Entry| {
            !Path::new(&entry.path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        if let Some(entry) = manifest.files.iter().find(climbs) {
            return Err(bad(format!("`{FILE}` names `{}`, which lies outside of it", entry.path)));
        }
        Ok(manifest)
    }
}
