//! The data folder: where its parts lie, and what to say when it cannot be opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use forecourt_base::{OsRandom, Random, limits};
use forecourt_runtime::SecretKey;
use forecourt_storage::{Blobs, Engine, Layout, LogEngine, LogOptions, RealFiles, StorageError};

use crate::failure::{Exit, Failure};
use crate::output::Progress;

/// The folder that holds everything of a deployment.
#[derive(Debug)]
pub(crate) struct DataFolder<'a>(&'a Path);

impl<'a> DataFolder<'a> {
    /// What belongs to a backup. The cache is made again.
    pub(crate) const LAYOUT: Layout<'static> = Layout { storage: "storage", beside: &["demo.json"] };

    pub(crate) fn new(path: &'a Path) -> Self {
        Self(path)
    }

    /// Whether storage was ever opened here.
    pub(crate) fn has_begun(&self) -> bool {
        self.storage().exists()
    }

    /// Refuses a folder in which nothing was ever stored, for commands that need what is there.
    pub(crate) fn check_begun(&self) -> Result<(), Failure> {
        if self.has_begun() {
            return Ok(());
        }
        let path = self.0.display();
        Err(Failure::new(Exit::Data, format!("nothing was ever stored in `{path}`: name the data folder by --data")))
    }

    /// The truth: everything that was committed.
    pub(crate) fn storage(&self) -> PathBuf {
        self.0.join(Self::LAYOUT.storage)
    }

    /// The bytes of files. The folder's engine is open: it keeps other kernels out.
    pub(crate) fn blobs(&self) -> Result<Blobs, StorageError> {
        Blobs::open(&self.storage().join(Layout::BLOBS), Arc::new(RealFiles), limits::FILE_DISK_RESERVE_BYTES as u64)
    }

    /// The key under which secrets are kept, made where it is missing. It lies beside the storage and belongs to no backup, so that a backup opens no secret.
    pub(crate) fn secret_key(&self) -> Result<SecretKey, Failure> {
        let path = self.0.join(SECRET_KEY);
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Data, format!("the key of secrets `{}` cannot be used: {error}", path.display()))
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                make_key(self.0, &path).map_err(|error| failed(&error))?
            }
            Err(error) => return Err(failed(&error)),
        };
        let advice = "it must have 32 bytes: put the right one in its place, or remove it and store every secret anew";
        SecretKey::new(&bytes).ok_or_else(|| failed(&advice))
    }

    /// Where compiled components are kept; not part of a backup.
    pub(crate) fn artefacts(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// What to tell someone whose folder is empty.
    pub(crate) fn not_begun(&self) -> Failure {
        let path = self.0.display();
        if self.0.exists() && !self.0.is_dir() {
            return Failure::new(Exit::Data, format!("`{path}` is no folder: name the data folder by --data"));
        }
        Failure::new(
            Exit::Data,
            format!(
                "the data folder `{path}` is empty and nobody could sign in: begin it with\n  \
                 forecourt init --data {path} --group GROUP --admin USER\nor try the demo with\n  forecourt serve --demo"
            ),
        )
    }

    /// Opens storage, making the folder where it is missing.
    pub(crate) async fn open(&self, progress: Progress) -> Result<Arc<dyn Engine>, Failure> {
        make_private(self.0).map_err(|error| {
            Failure::new(
                Exit::Data,
                format!("the data folder `{}` cannot be made or written: {error}", self.0.display()),
            )
        })?;
        let step = progress.begin(format!("opening the data folder {}", self.0.display()));
        let options = LogOptions { told: progress.told(), ..LogOptions::default() };
        let engine = LogEngine::open(&self.storage(), Arc::new(RealFiles), options).await?;
        step.done();
        Ok(engine)
    }
}

const SECRET_KEY: &str = "secrets.key";

/// Makes a key that survives a loss of power before anything is kept under it, and that nobody else of the machine can read.
fn make_key(folder: &Path, path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut bytes = vec![0; SecretKey::BYTES];
    OsRandom.fill(&mut bytes);
    let unfinished = path.with_extension("key.new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    std::fs::File::open(folder)?.sync_all()?;
    Ok(bytes)
}

/// Personal data lie here: nobody else of the machine is to read them.
pub(crate) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
