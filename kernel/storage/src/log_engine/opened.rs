//! The parts of an engine on disk, opened and not yet at work.

use std::sync::Arc;

use crate::StorageError;
use crate::folder::Folder;
use crate::health::Condition;
use crate::log::{Log, LogOptions};
use crate::recovery::{Recovered, recover};
use crate::shared::Shared;
use crate::snapshot::{self, Due, Keeper};
use crate::store::{Store, StoredTable};

pub(crate) struct Opened<T> {
    pub(crate) folder: Arc<Folder>,
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) log: Log,
    pub(crate) condition: Arc<Condition>,
    pub(crate) keeper: Keeper<T>,
}

impl<T: StoredTable> Opened<T> {
    /// Recovers the folder. When this returns, the index can be trusted until the machine is started again.
    pub(crate) fn open<S: Store<Table = T>>(
        folder: Folder,
        store: &S,
        options: LogOptions,
    ) -> Result<Self, StorageError> {
        let folder = Arc::new(folder);
        let files = folder.files();
        let Recovered { table, end, rebuilt } = recover(&folder, store, &options.told)?;
        let shared = Arc::new(Shared::new(table, end.last));
        let condition = Arc::new(Condition::new(Arc::clone(files), folder.log(), options.disk_reserve_bytes));
        let log = Log::open(Arc::clone(files), folder.log(), options.clone(), Arc::clone(&condition), end)?;
        if rebuilt {
            // Only now there is a log for sure: from here on its absence is damage.
            folder.set_running()?;
        }
        let newest = snapshot::list(&**files, &folder.snapshots())?.into_iter().next();
        let last_bytes = newest.and_then(|file| files.open(&file.path).and_then(|file| file.size()).ok()).unwrap_or(0);
        let due = Arc::new(Due::new(log.progress(), options.snapshot_log_bytes, last_bytes));
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            folder: Arc::clone(&folder),
            log: log.progress(),
            condition: Arc::clone(&condition),
            options,
            due,
        };
        Ok(Self { folder, shared, log, condition, keeper })
    }
}
