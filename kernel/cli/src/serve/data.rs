//! The data folder: where its parts lie, and what to say when it cannot be opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use forecourt_base::limits;
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

/// Personal data lie here: nobody else of the machine is to read them.
pub(crate) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
